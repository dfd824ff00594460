// @ts-check
// What a reader does with the page: views, card sizes, keys, Stop, Share, reference answer; and what it tells aloud.

import { byId, el, setText } from "../lib/dom.js";
import { short } from "../lib/format.js";
import { copyLink } from "../lib/share.js";
import { verdictOf } from "./head.js";
import { countVerdicts, isOver } from "./summary.js";

/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").Run} Run */
/** @typedef {import("../types/state.d.ts").RunFacts} RunFacts */
/** @typedef {import("./round.js").SizeChoice} SizeChoice */
/** @typedef {"lanes" | "timeline" | "ledger"} View */

const HINTS = /** @type {const} */ ([["1–9", "focus lane"], ["[ ]", "round"], ["d", "diff"], ["v", "votes"], ["Enter", "open draft"], ["?", "all keys"]]);
const ENDINGS = /** @type {Record<string, string>} */ ({ finished: "is done", failed: "failed", cancelled: "was stopped" });

/** @param {RunFacts} facts @param {{changeView: () => void, changeSizes: (choice: SizeChoice) => void}} listener */
export function newControls(facts, listener) {
  const views = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("#views input")]);
  const stop = byId("stop");
  const stopDialog = /** @type {HTMLDialogElement} */ (byId("stop-dialog"));
  const keysDialog = /** @type {HTMLDialogElement} */ (byId("keys"));
  /** @type {Set<number>} */
  const announced = new Set();

  const start = views.find((input) => `#${input.value}` === location.hash);
  if (start) start.checked = true;
  showView();
  for (const input of views) input.addEventListener("change", showView);
  for (const input of document.querySelectorAll("#card-sizes input")) {
    input.addEventListener("change", () => listener.changeSizes(/** @type {SizeChoice} */ (/** @type {HTMLInputElement} */ (input).value)));
  }
  stop.addEventListener("click", () => stopDialog.showModal());
  stopDialog.querySelector("[data-close]")?.addEventListener("click", () => stopDialog.close());
  document.getElementById("show-reference")?.addEventListener("click", toggleReference);
  byId("share").addEventListener("click", share);
  const started = byId("started");
  setText(started, new Date(facts.run.started_at ?? facts.run.created_at).toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }));
  byId("key-hints").append(...HINTS.map(([key, what]) => el("span", { class: "row" }, el("kbd", {}, key), what)));

  /** @returns {View} */
  function view() {
    return /** @type {View} */ (views.find((input) => input.checked)?.value ?? "lanes");
  }

  function showView() {
    for (const name of ["lanes", "timeline", "ledger"]) byId(name).hidden = name !== view();
    document.body.dataset.view = view();
    history.replaceState(null, "", view() === "lanes" ? location.pathname + location.search : `#${view()}`);
    queueMicrotask(listener.changeView);
  }

  function toggleReference() {
    const box = byId("reference");
    box.hidden = !box.hidden;
    byId("show-reference").setAttribute("aria-expanded", String(!box.hidden));
  }

  async function share() {
    say(await copyLink("Everybody who has it can see this run."));
  }

  /** @param {string} text */
  function say(text) {
    setText(byId("status"), text);
  }

  /** Tell of a lane's or the run's end, once. @param {Run} run @param {number} id 0 for the run */
  function announce(run, id) {
    const lane = run.lanes.get(id);
    const place = facts.lanes.findIndex((each) => each.id === id);
    if (id === 0 && isOver(run)) say(["The run has ended", countVerdicts([...run.lanes.values()])].filter(Boolean).join(": ") + ".");
    if (!lane?.ending || announced.has(id)) return;
    announced.add(id);
    const verdict = lane.state === "failed" ? null : verdictOf(lane);
    say(`Lane ${place + 1}, ${facts.lanes[place].title}, ${ENDINGS[lane.state]}${verdict ? `: ${verdict.text.toLowerCase()}` : ""}.${lane.state === "failed" ? " The others go on." : ""}`);
  }

  /** @param {Run} run as it is, whatever a replay shows of it @param {boolean} isWhole no replay shows a part of it @param {number} scale */
  function paint(run, isWhole, scale) {
    setText(byId("scale-note"), view() === "lanes" ? `Bars share one scale: 0 to ${short(scale)} tokens` : "");
    setText(byId("ledger-label"), isOver(run) && isWhole ? "Result" : "Ledger");
    stop.hidden = isOver(run);
    const broken = [...run.lanes.values()].filter((lane) => lane.state === "failed" || lane.state === "cancelled").length;
    byId("continue").hidden = !(isOver(run) && broken);
    setText(byId("continue-label"), run.status === "cancelled" ? "Continue" : `Retry ${broken} failed`);
    const repeat = document.getElementById("repeat");
    if (repeat) repeat.hidden = !isOver(run);
    if (isOver(run) && stopDialog.open) stopDialog.close();
  }

  /** @param {{tries: number, inMs: number} | null} trouble */
  function showConnection(trouble) {
    byId("connection").hidden = trouble === null || trouble.tries < 2;
    if (trouble) setText(byId("connection-text"), `Reconnecting. Lanes go on; the page will catch up. Try ${trouble.tries}, in ${Math.max(1, Math.round(trouble.inMs / 1000))} s.`);
  }

  /**
   * @param {{step: (by: number) => void, isOpen: () => boolean}} sheet
   * @param {{toggle: () => void, step: (by: number) => void, isOffered: () => boolean}} replay
   * @param {() => ReturnType<typeof import("./grid.js").newGrid>} grid
   */
  function keys(sheet, replay, grid) {
    const isBusy = () => sheet.isOpen() || keysDialog.open || stopDialog.open;
    const unlessBusy = (/** @type {() => boolean | void} */ act) => () => (isBusy() || view() !== "lanes" ? false : act());
    const numbers = facts.lanes.slice(0, 9).map((_, place) => [String(place + 1), unlessBusy(() => grid().setFocus(place))]);
    const step = (/** @type {number} */ by) => () => (sheet.isOpen() ? sheet.step(by) : unlessBusy(() => stepRound(grid().focused().body, by))());
    const inReplay = (/** @type {() => void} */ act) => () => (sheet.isOpen() || keysDialog.open || !replay.isOffered() ? false : act());
    return {
      ...Object.fromEntries(numbers),
      "[": step(-1),
      "]": step(1),
      d: unlessBusy(() => grid().focused().toggleDiff()),
      v: unlessBusy(() => focusFirst(grid().focused().body, ".histogram")),
      Enter: unlessBusy(() => isNothingFocused() && openFirst(grid().focused().body)),
      " ": (/** @type {KeyboardEvent} */ event) => (isPressable(event.target) ? false : inReplay(replay.toggle)()),
      ",": inReplay(() => replay.step(-1)),
      ".": inReplay(() => replay.step(1)),
      "?": () => (isBusy() ? false : keysDialog.showModal()),
      "/": () => (isBusy() ? false : location.assign("/runs/")),
    };
  }

  return { view, paint, announce, say, showConnection, keys };
}

/** Say whether the space bar presses what has focus. @param {EventTarget | null} target */
const isPressable = (target) => target instanceof Element && target.closest("button, a, summary") !== null;

/** @param {HTMLElement} body @param {number} by */
function stepRound(body, by) {
  const rounds = /** @type {HTMLElement[]} */ ([...body.querySelectorAll(".round")]);
  const here = rounds.findIndex((round) => round.contains(document.activeElement));
  const next = rounds[Math.min(rounds.length - 1, Math.max(0, here < 0 ? (by > 0 ? 0 : rounds.length - 1) : here + by))];
  return next ? focusFirst(next, "[data-call]") : false;
}

/** @param {HTMLElement} inside @param {string} selector */
function focusFirst(inside, selector) {
  const target = /** @type {HTMLElement | null} */ (inside.querySelector(selector));
  target?.focus();
  return target !== null;
}

/** @param {HTMLElement} body */
function openFirst(body) {
  const cards = /** @type {HTMLElement[]} */ ([...body.querySelectorAll("[data-call]:not(.pip)")]);
  cards[0]?.click();
  return cards.length > 0;
}

const isNothingFocused = () => document.activeElement === document.body || document.activeElement?.id === "main" || document.activeElement?.classList.contains("lane__body") === true;
