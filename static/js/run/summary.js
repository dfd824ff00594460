// @ts-check
// The run as a whole: vital signs in its head, and the table with one row for each lane.

import { byId, el, setAttribute, setProperty, setText, showState, stateGlyph } from "../lib/dom.js";
import { clock, full, niceCeiling, short } from "../lib/format.js";
import { SOLUTION_ROLES, lookOf } from "./card.js";
import { newFailures } from "./failures.js";
import { answerOf, outcomeOf } from "./head.js";
import { liveLedger } from "./ledger.js";
import { listRounds } from "./round.js";

/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {import("../types/state.d.ts").Run} Run */
/** @typedef {{facts: LaneFacts, lane: Lane, number: number}} Row */

const RUN_LOOKS = /** @type {const} */ ({
  queued: ["queued", "Queued"],
  running: ["streaming", "Running"],
  finished: ["done", "Finished"],
  failed: ["failed", "Failed"],
  cancelled: ["pruned", "Stopped"],
});

/** Return the number of tokens at the end of every ledger bar: one scale for all lanes. @param {readonly Lane[]} lanes */
export function barScale(lanes) {
  return niceCeiling(Math.max(200, ...lanes.map((lane) => liveLedger(lane).total_tokens)));
}

/** @param {Run} run */
export const isOver = (run) => run.status === "finished" || run.status === "failed" || run.status === "cancelled";

/** Return how the lanes were judged, in words, e.g. "2 right, 1 wrong". @param {readonly Lane[]} lanes */
export function countVerdicts(lanes) {
  const count = (/** @type {(lane: Lane) => boolean} */ test) => lanes.filter(test).length;
  const parts = /** @type {const} */ (["right", "wrong", "unreadable"]).map((ruling) => /** @type {const} */ ([count((lane) => lane.state !== "failed" && lane.verdict?.ruling === ruling), ruling]));
  return [...parts, /** @type {const} */ ([count((lane) => lane.state === "failed"), "failed"])].filter(([number]) => number).map(([number, word]) => `${number} ${word}`).join(", ");
}

/** Vital signs in the head of the page. */
export function newVitals() {
  const chips = [...document.querySelectorAll("[data-run-chip]")].map((root) => {
    const [glyph, text] = [stateGlyph(), el("span")];
    root.append(glyph, text);
    return { root, glyph, text };
  });
  /** @type {{at: number, tokens: number}[]} the last seconds */
  let recent = [];
  /** @type {Run | null} */
  let counted = null;

  /** @param {Run} run @param {readonly LaneFacts[]} facts @param {number} now ms since the run began @param {boolean} isReplay */
  function paint(run, facts, now, isReplay) {
    const lanes = [...run.lanes.values()];
    const ledgers = lanes.map(liveLedger);
    const total = ledgers.reduce((all, ledger) => all + ledger.total_tokens, 0);
    const critical = Math.max(0, ...ledgers.map((ledger) => ledger.critical_path_tokens));
    const failed = ledgers.reduce((all, ledger) => all + ledger.failed_calls, 0);
    const [state, word] = RUN_LOOKS[run.status];
    for (const chip of chips) {
      setAttribute(chip.root, "class", `chip chip--${state}${chip.root.classList.contains("show-s") ? " show-s" : ""}`);
      showState(chip.glyph, state);
      setText(chip.text, isReplay ? "Replay" : word);
    }
    setText(byId("vital-elapsed"), clock(now));
    paintMeter("critical", critical, Math.max(0, ...facts.map((lane) => lane.estimate?.critical_path_tokens ?? 0)));
    paintMeter("total", total, facts.reduce((all, lane) => all + (lane.estimate?.total_tokens ?? 0), 0));
    setText(byId("vital-calls"), full(ledgers.reduce((all, ledger) => all + ledger.calls, 0)));
    setText(byId("vital-failed"), failed ? `${failed} failed` : "");
    const written = lanes.reduce((all, lane) => all + [...lane.calls.values()].reduce((sum, call) => sum + call.tokens, 0), 0);
    setText(byId("vital-speed"), full(isOver(run) || isReplay ? (1000 * written) / Math.max(1, now) : speed(run, written)));
  }

  /** Return tokens a second over the last seconds; what a snapshot brings was not written now. @param {Run} run @param {number} tokens */
  function speed(run, tokens) {
    const at = performance.now();
    if (run !== counted) [counted, recent] = [run, []];
    recent.push({ at, tokens });
    while (recent.length > 2 && at - recent[0].at > 5000) recent.shift();
    return recent.length < 2 ? 0 : (1000 * (tokens - recent[0].tokens)) / Math.max(1, at - recent[0].at);
  }
  return { paint };
}

/** @param {string} name @param {number} value @param {number} most planned at most, or 0 */
function paintMeter(name, value, most) {
  setText(byId(`vital-${name}`), full(value));
  setText(byId(`vital-${name}-of`), most > 0 ? `of at most ${full(most)} tokens` : "tokens");
  setProperty(/** @type {HTMLElement} */ (byId(`meter-${name}`).firstElementChild), "--p", most > 0 ? `${Math.min(100, (100 * value) / most).toFixed(1)}%` : "0%");
}

/** Draw the table of lanes. @param {HTMLElement} root @param {readonly Row[]} rows @param {Run} run @param {(lane: number) => number} now ms since the run began @param {number} scale @param {string} reference */
export function drawTable(root, rows, run, now, scale, reference) {
  const head = ["Lane", "Answer", "Verdict", "Critical path", "Total tokens", `0 to ${short(scale)}`, "Depth", "Calls", "Time", "Wasted"];
  const numeric = new Set(["Critical path", "Total tokens", "Depth", "Calls", "Time", "Wasted"]);
  const cells = head.map((name) => el("th", { scope: "col", class: numeric.has(name) ? "num" : null }, swatchOf(name), name));
  const table = el("table", { class: "table" }, el("caption", { class: "visually-hidden" }, "Answer, verdict and cost of every lane"),
    el("thead", {}, el("tr", {}, ...cells)), el("tbody", {}, ...rows.map((row) => tableRow(row, now(row.lane.id), scale)))); // prettier-ignore
  const words = countVerdicts([...run.lanes.values()]);
  const title = el("div", { class: "panel__head" }, el("h2", {}, isOver(run) ? "Result" : "Ledger so far"), el("span", { class: "small quiet" }, words), reference && isOver(run) ? el("span", { class: "push small quiet nowrap" }, "reference answer ", el("b", {}, reference)) : null);
  root.replaceChildren(el("section", { class: "panel" }, title, el("div", { class: "scroll-x" }, table)), newFailures(rows.map((row) => row.lane)), newTrail(rows));
}

/** Return what each lane answered from round to round. @param {readonly Row[]} rows */
function newTrail(rows) {
  const items = rows.map(({ facts, lane }) => el("div", {}, el("dt", {}, `${facts.title}, answers by round`), el("dd", {}, ...listRounds(lane).map((round) => roundAnswers(round.calls)))));
  return el("section", { class: "panel", "aria-label": "Answers by round" }, el("dl", { class: "trail" }, ...items));
}

/** @param {readonly import("../types/state.d.ts").Call[]} calls */
function roundAnswers(calls) {
  /** @type {Map<string, {state: string, count: number}>} */
  const counts = new Map();
  for (const call of calls.filter((each) => SOLUTION_ROLES.has(each.role))) {
    const { state, word } = lookOf(call);
    const known = counts.get(word);
    if (known) known.count += 1;
    else counts.set(word, { state, count: 1 });
  }
  return el("span", { class: "trail__round" }, ...[...counts].map(([word, { state, count }]) => {
    const glyph = stateGlyph();
    showState(glyph, state);
    return el("span", { class: "row trail__answer" }, glyph, el("span", { class: "clip" }, word), count > 1 ? el("span", { class: "quiet" }, `×${count}`) : null);
  })); // prettier-ignore
}

/** @param {string} name */
const swatchOf = (name) => (name === "Critical path" ? el("span", { class: "swatch" }) : name === "Total tokens" ? el("span", { class: "swatch swatch--parallel" }) : null);

/** @param {Row} row @param {number} now @param {number} scale */
function tableRow({ facts, lane, number }, now, scale) {
  const ledger = liveLedger(lane);
  const state = outcomeOf(lane, facts);
  const glyph = stateGlyph();
  showState(glyph, state.state);
  const { answer } = answerOf(lane);
  const bar = el("div", { class: "ledger-bar", role: "img", "aria-label": `${full(ledger.critical_path_tokens)} of ${full(ledger.total_tokens)}` });
  setProperty(bar, "--total", `${(100 * ledger.total_tokens) / scale}%`);
  setProperty(bar, "--critical-w", `${(100 * ledger.critical_path_tokens) / scale}%`);
  const spent = lane.ending ? lane.ending.seconds * 1000 : lane.startedAt === null ? 0 : now - lane.startedAt;
  const numbers = [full(ledger.depth), full(ledger.calls), clock(spent), full(ledger.wasted_tokens)].map((text) => el("td", { class: "num" }, text));
  return el("tr", {},
    el("th", { scope: "row" }, el("div", { class: "row" }, el("span", { class: "key" }, String(number)), el("span", { class: "strong nowrap" }, facts.title), el("span", { class: "quiet small clip hide-s" }, facts.describe))),
    el("td", { class: answer === null ? "quiet clip table__answer" : "strong clip table__answer", title: answer }, answer ?? "none"),
    el("td", {}, el("span", { class: `verdict verdict--${state.state}`, title: lane.verdict?.explanation }, glyph, state.text)),
    el("td", { class: "num strong" }, full(ledger.critical_path_tokens)), el("td", { class: "num" }, full(ledger.total_tokens)),
    el("td", { class: "table__bar" }, bar), ...numbers); // prettier-ignore
}
