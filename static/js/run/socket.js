// @ts-check
// The way from the server to the reducer: snapshot first, then frames from its position. A hole or a broken line is
// never papered over: the state is fetched again, and the page says so meanwhile.

/** @typedef {import("../types/state.d.ts").Frame} Frame */
/** @typedef {import("../types/state.d.ts").Snapshot} Snapshot */
/**
 * `replace` starts over from a snapshot, `extend` adds events and returns false if they do not join on,
 * `report` tells of the connection: null is well, else how many tries failed and when the next comes.
 * @typedef {{replace: (snapshot: Snapshot) => void, extend: (events: import("../types/events.d.ts").RunEvent[]) => boolean,
 *   report: (trouble: {tries: number, inMs: number} | null) => void, gone: (message: string) => void}} Listener
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const UNKNOWN_RUN = 4404;
const ENDED = new Set(["finished", "failed", "cancelled"]);

/** Return how long to wait before a try: doubling, with jitter, so that a thousand viewers do not return at once. @param {number} tries @param {number} chance in [0, 1) */
export const waitBefore = (tries, chance) => Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)) * (0.5 + chance / 2);

/**
 * Follow a run until it has ended.
 * @param {{snapshotUrl: string, socketPath: string, query: string}} address @param {Listener} listener
 */
export function followRun(address, listener) {
  let tries = 0;
  let cursor = -1;
  let epoch = "";
  let isOver = false;
  let wake = () => {};

  /** Fetch the whole state. @returns {Promise<boolean>} whether the run has ended */
  async function fetchSnapshot() {
    const url = address.query ? `${address.snapshotUrl}?${address.query}` : address.snapshotUrl;
    const response = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (response.status === 404) isOver = true;
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    const snapshot = /** @type {Snapshot} */ (await response.json());
    ({ cursor, epoch } = snapshot);
    listener.replace(snapshot);
    return ENDED.has(snapshot.status);
  }

  /** Read frames until the socket closes or a hole shows. @returns {Promise<number>} the close code */
  function listen() {
    const parts = new URLSearchParams(address.query);
    parts.set("after", String(cursor));
    parts.set("epoch", epoch);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${address.socketPath}?${parts}`);
    socket.addEventListener("message", (message) => {
      if (takeFrame(JSON.parse(message.data))) tries = 0;
      else socket.close(4000, "hole");
    });
    socket.addEventListener("open", () => listener.report(null));
    return new Promise((resolve) => socket.addEventListener("close", (event) => resolve(event.code)));
  }

  /** @param {Frame} frame @returns {boolean} false when the state must be fetched again */
  function takeFrame(frame) {
    if (frame.snapshot) {
      listener.replace(/** @type {Snapshot} */ (frame));
      cursor = frame.cursor ?? cursor;
      epoch = frame.epoch ?? epoch;
    } else if (frame.events) {
      if (epoch === "" && cursor === 0) epoch = frame.epoch ?? ""; // we came before the first event of all
      if (frame.prev !== cursor || (frame.epoch !== undefined && frame.epoch !== epoch)) return false;
      cursor = frame.cursor ?? cursor;
      if (!listener.extend(frame.events)) return false;
    }
    if (frame.ended) isOver = true;
    return true;
  }

  /** One round: the state, then what follows, until something breaks. */
  async function follow() {
    if (await fetchSnapshot()) {
      isOver = true;
      listener.report(null);
      return;
    }
    const code = await listen();
    if (code === UNKNOWN_RUN) isOver = true;
  }

  async function keepFollowing() {
    while (!isOver) {
      try {
        await follow();
      } catch (error) {
        if (isOver) return listener.gone("This run does not exist any more.");
        if (tries > 20) console.warn("Still no connection.", error);
      }
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
