// @ts-check
// The way from the server to the reducer: a snapshot first, then frames from its position. A broken line is taken up
// where it broke; a hole is never papered over: the server sends the state again. The page says so meanwhile.

import { newPlace } from "./place.js";

/** @typedef {import("../types/state.d.ts").Frame} Frame */
/**
 * `report` tells of the connection: null is well, else how many tries failed and when the next comes.
 * @typedef {import("./place.js").Reader & {report: (trouble: {tries: number, inMs: number} | null) => void,
 *   grown: () => void, gone: (message: string) => void}} Listener
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const LONGEST_SILENCE_MS = 40_000; // the server sends something every 15 s
const SOCKETS_TRIED = 3; // so many that never opened: this network lets none through
const UNKNOWN_RUN = 4404;
const ENDED = new Set(["finished", "failed", "cancelled"]);

/** Return how long to wait before a try: doubling, with jitter, so that a thousand viewers do not return at once. @param {number} tries @param {number} chance in [0, 1) */
export const waitBefore = (tries, chance) => Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)) * (0.5 + chance / 2);

/**
 * Follow a run until it has ended. A whole run may become one of several problems or repeats, of which one must be
 * named: then `part` is followed, and the listener told.
 * @param {{snapshotUrl: string, socketPath: string, eventsUrl: string, query: string, part: string}} address @param {Listener} listener
 */
export function followRun(address, listener) {
  const place = newPlace(listener);
  let tries = 0;
  let unopened = 0;
  let hasBegun = false;
  let isOver = false;
  let isGone = false;
  let { query } = address;
  let isCut = false;
  let wake = () => {};

  /** Fetch the whole state; compressed, which a socket is not. */
  async function fetchSnapshot() {
    const url = query ? `${address.snapshotUrl}?${query}` : address.snapshotUrl;
    const response = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
    isGone = response.status === 404;
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    const snapshot = await response.json();
    place.take(snapshot);
    if (isCut) listener.grown(); // it is there, only larger
    isCut = false;
    hasBegun = true;
    isOver = ENDED.has(snapshot.status);
  }

  /** @param {string} text @returns {boolean} whether to go on listening */
  function take(text) {
    const frame = /** @type {Frame} */ (JSON.parse(text));
    if (frame.ended) isOver = true;
    if (!place.take(frame)) return false;
    tries = 0;
    return !isOver;
  }

  /** Read frames from a socket until it closes or a hole shows. @returns {Promise<number>} the close code */
  function listenToSocket() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${address.socketPath}?${place.query(query)}`);
    unopened += 1;
    return new Promise((resolve) => {
      let silence = 0;
      const close = (/** @type {number} */ code) => {
        clearTimeout(silence);
        socket.close();
        resolve(code);
      };
      const hear = () => {
        clearTimeout(silence);
        silence = setTimeout(close, LONGEST_SILENCE_MS, 1006); // it may take minutes until the browser notices
      };
      hear();
      socket.addEventListener("open", () => {
        unopened = Number.NEGATIVE_INFINITY;
        listener.report(null);
      });
      socket.addEventListener("message", (message) => {
        hear();
        if (!take(message.data)) close(1000);
      });
      socket.addEventListener("close", (event) => close(event.code));
    });
  }

  /** Read the same frames as server-sent events. @returns {Promise<void>} when they end */
  function listenToEvents() {
    const source = new EventSource(`${address.eventsUrl}?${place.query(query)}`);
    return new Promise((resolve) => {
      const close = () => {
        source.close(); // it would come back by itself, but knows neither holes nor when to wait
        resolve();
      };
      hasBegun = false; // it does not tell why it was refused: then the snapshot's answer does
      source.addEventListener("open", () => {
        hasBegun = true;
        listener.report(null);
      });
      source.addEventListener("message", (message) => take(message.data) || close());
      source.addEventListener("error", close);
    });
  }

  /** One round: what is missing until something breaks. */
  async function follow() {
    if (!hasBegun) await fetchSnapshot();
    if (isOver) return listener.report(null);
    if (unopened >= SOCKETS_TRIED) await listenToEvents();
    else isGone = (await listenToSocket()) === UNKNOWN_RUN;
  }

  async function keepFollowing() {
    while (!isOver) {
      try {
        await follow();
      } catch (error) {
        if (tries > 20) console.warn("Still no connection.", error);
      }
      if (isGone && query !== address.part) {
        query = address.part;
        isCut = true;
        hasBegun = isGone = false;
        continue;
      }
      if (isGone) return listener.gone("This run is not here any more. Load the page again.");
      if (isOver) return;
      tries += 1;
      const inMs = waitBefore(tries, Math.random());
      listener.report({ tries, inMs });
      await new Promise((resolve) => {
        wake = () => resolve(undefined);
        setTimeout(resolve, inMs);
      });
    }
  }

  addEventListener("online", () => wake());
  void keepFollowing();
}
