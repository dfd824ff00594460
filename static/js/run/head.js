// @ts-check
// The head of a lane, in the same order in every lane: state, answer, verdict, tokens, depth, calls, seconds, waste.

import { setAttribute, setProperty, setText, showState, stateGlyph, el } from "../lib/dom.js";
import { clock, full, plural, short } from "../lib/format.js";
import { SOLUTION_ROLES } from "./card.js";
import { liveLedger } from "./ledger.js";
import { findLeader } from "./votes.js";

/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */

const VERDICTS = /** @type {const} */ ({
  right: ["right", "Right"],
  wrong: ["wrong", "Wrong"],
  unreadable: ["unreadable", "Unreadable"],
  timeout: ["unreadable", "Grader timed out"],
  ungraded: ["done", "Not graded"],
});

/** Return the grader's ruling on the lane as people see it, or null before there is one. @param {Lane} lane */
export function verdictOf(lane) {
  if (!lane.verdict) return null;
  const [state, text] = VERDICTS[lane.verdict.ruling];
  return { state, text };
}

/** Return state and words of a lane. @param {Lane} lane @param {LaneFacts} facts */
export function chipOf(lane, facts) {
  if (lane.ending?.kind === "lane_finished" && lane.ending.stopped_by) {
    return { state: "done", text: lane.ending.stopped_by === "budget" ? "Budget spent" : "Time is up" };
  }
  if (lane.state === "finished") return { state: "done", text: "Done" };
  if (lane.state === "failed") return { state: "failed", text: "Failed" };
  if (lane.state === "cancelled") return { state: "pruned", text: "Stopped" };
  if (lane.state === "queued") return { state: "queued", text: "Queued" };
  const ended = [...lane.calls.values()].filter((call) => call.state !== "running").length;
  const planned = Math.max(facts.estimate?.calls ?? 0, lane.calls.size);
  return { state: "streaming", text: planned > 1 ? `${ended} of ${planned}` : "Writing" };
}

/** Return what became of a lane: the ruling, where it counts; a failed lane's is of its best answer alone. @param {Lane} lane @param {LaneFacts} facts */
export const outcomeOf = (lane, facts) => (lane.state === "failed" ? null : verdictOf(lane)) ?? chipOf(lane, facts);

/**
 * Return what is known of the answer, and where it comes from: the lane's own, the leader of the votes, or the last
 * round's most frequent one.
 * @param {Lane} lane @returns {{answer: string | null, note: string}}
 */
export function answerOf(lane) {
  if (lane.answer) return { answer: lane.answer.answer, note: lane.answer.is_partial ? join("best so far", lane.answer.note) : lane.answer.note };
  const votes = [...lane.votes.values()].at(-1);
  const leader = votes && findLeader(votes, lane.voteRows.get(votes.round) ?? []);
  if (votes && leader) {
    const cast = votes.tallies.reduce((all, tally) => all + tally.calls.length, 0);
    return { answer: leader.answer, note: `leads with ${leader.calls.length} of ${plural(cast, "vote")}` };
  }
  return lastAnswer(lane);
}

/** @param {string} one @param {string} other */
const join = (one, other) => (other ? `${one}, ${other}` : one);

/** @param {Lane} lane @returns {{answer: string | null, note: string}} */
function lastAnswer(lane) {
  const solved = [...lane.calls.values()].filter((call) => call.state === "done" && SOLUTION_ROLES.has(call.role));
  const round = Math.max(...solved.filter((call) => call.answer !== null).map((call) => call.round));
  const ended = solved.filter((call) => call.round === round);
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { answer } of ended) if (answer !== null) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const best = [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ["", 0]);
  if (!best[1]) return { answer: null, note: "" };
  const name = (lane.rounds.get(round)?.name ?? "").toLowerCase();
  return { answer: best[0], note: ended.length > 1 ? `in ${best[1]} of ${ended.length} drafts${name && ` of ${name}`}` : name && `from ${name}` };
}

/** Fill the head of a lane. @param {(name: string) => HTMLElement} part @param {LaneFacts} facts */
export function newHead(part, facts) {
  setText(part("title"), facts.title);
  const recipe = [facts.describe, `T ${facts.sampling.temperature}`, `${full(facts.sampling.max_tokens)} per call`].filter(Boolean).join(" · ");
  setText(part("recipe"), recipe);
  part("recipe").title = `${recipe} · ${facts.model}`;
  const [chipGlyph, chipText, verdictGlyph, verdictText] = [stateGlyph(), el("span"), stateGlyph(), el("span")];
  part("chip").append(chipGlyph, chipText);

  /** @param {Lane} lane @param {number} now ms since the run began @param {number} scale tokens at the end of the bar */
  function paint(lane, now, scale) {
    const chip = chipOf(lane, facts);
    setAttribute(part("chip"), "class", `push chip chip--${chip.state}`);
    showState(chipGlyph, chip.state);
    setText(chipText, chip.text);
    const { answer, note } = answerOf(lane);
    setText(part("answer"), answer ?? (lane.ending ? "No answer" : "No answer yet"));
    setAttribute(part("answer"), "class", answer === null ? "none clip" : "clip");
    setText(part("answer-note"), note);
    const verdict = verdictOf(lane);
    if (Boolean(verdict) !== part("verdict").hasChildNodes()) part("verdict").replaceChildren(...(verdict ? [verdictGlyph, verdictText] : []));
    if (verdict) {
      setAttribute(part("verdict"), "class", `verdict push verdict--${verdict.state}`);
      setAttribute(part("verdict"), "title", lane.verdict?.explanation ?? null);
      showState(verdictGlyph, verdict.state);
      setText(verdictText, verdict.text);
    }
    paintNumbers(lane, now, scale);
  }

  /** @param {Lane} lane @param {number} now @param {number} scale */
  function paintNumbers(lane, now, scale) {
    const ledger = liveLedger(lane);
    const spent = lane.ending ? lane.ending.seconds * 1000 : lane.startedAt === null ? 0 : now - lane.startedAt;
    setText(part("critical"), full(ledger.critical_path_tokens));
    setText(part("total"), full(ledger.total_tokens));
    setText(part("depth"), String(ledger.depth));
    setText(part("calls"), full(ledger.calls));
    setText(part("time"), clock(spent));
    setText(part("wasted"), short(ledger.wasted_tokens));
    const bar = part("bar");
    setProperty(bar, "--total", `${((100 * ledger.total_tokens) / scale).toFixed(2)}%`);
    setProperty(bar, "--critical-w", `${((100 * ledger.critical_path_tokens) / scale).toFixed(2)}%`);
    setAttribute(bar, "aria-label", `Critical path ${full(ledger.critical_path_tokens)} of ${full(ledger.total_tokens)} total tokens`);
  }
  return { paint };
}

