// @ts-check
// A round: which calls it shows, how large, and the section of a lane that holds them.

import { arrange, el, icon, setAttribute, setText } from "../lib/dom.js";
import { clock, plural, short } from "../lib/format.js";
import { SOLUTION_ROLES, nameOf, savedBy } from "./card.js";
import { newThread, threadsOf } from "./threads.js";
import { newHistogram } from "./votes.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("./card.js").Card} Card */
/** @typedef {import("./card.js").Size} Size */
/** @typedef {import("./threads.js").Thread} Thread */
/** @typedef {import("../types/events.d.ts").ToolUsed} ToolUsed */
/** @typedef {"small" | "auto" | "large"} SizeChoice */
/** @typedef {{index: number, name: string, calls: Call[], threads: Thread[], isOver: boolean, isLast: boolean, seconds: number | null}} RoundView */

const NO_VOTES = { tallies: [], silent: [], expected: 0 };
/** Height of a medium card with its gap, px. */
const MEDIUM = 84;

/** Return the rounds with the calls that have cards; distilling shows in the workspace box. @param {Lane} lane @returns {RoundView[]} */
export function listRounds(lane) {
  const calls = [...lane.calls.values()];
  const indexes = [...new Set([...lane.rounds.keys(), ...calls.map((call) => call.round)])].sort((one, other) => one - other);
  return indexes.map((index) => {
    const round = lane.rounds.get(index);
    const inside = calls.filter((call) => call.round === index && (call.role !== "distill" || call.state === "failed"));
    const seconds = round && round.closedAt !== null ? (round.closedAt - round.openedAt) / 1000 : null;
    return { index, name: round?.name ?? "Calls", calls: inside, threads: threadsOf(inside, lane), isOver: seconds !== null, isLast: index === indexes.at(-1), seconds };
  });
}

/** Return a call's name in its round, and its number alone. @param {RoundView} round @param {Call} call */
export function nameIn(round, call) {
  const same = round.calls.filter((other) => other.role === call.role && (other.thread === call.thread || !round.threads.length));
  const place = same.indexOf(call) + 1;
  return [nameOf(call.role, place, same.length), same.length > 1 ? String(place) : ""];
}

/** Return the calls on the lane's own line, and those of threads too many to be followed. @param {RoundView} round */
const ownCalls = ({ calls, threads }) => calls.filter((call) => !threads.some((thread) => thread.calls.includes(call)));

/** @param {RoundView} round @param {Call} call @param {SizeChoice} choice @param {number} room px for cards @returns {Size} */
export function sizeIn(round, call, choice, room) {
  const own = round.threads.length ? ownCalls(round) : round.calls;
  const count = own.length;
  if (round.threads.length && !own.includes(call)) return round.isOver && !round.isLast ? "pip" : "small";
  if (round.isOver && !round.isLast) return count > 1 ? "pip" : "small";
  if (choice === "small") return "small";
  if (count === 1) return "large";
  if (choice === "large") return "large";
  return count <= 4 || Math.ceil(count / 2) * MEDIUM <= room ? "medium" : "small";
}

/** @param {number} index @param {boolean} hasVotes */
export function newSection(index, hasVotes) {
  const title = el("h3", {});
  const sub = el("span", { class: "second clip" });
  const right = el("span", { class: "push" });
  const grid = el("div", { class: "drafts" });
  const threads = el("div", { class: "threads" });
  const tools = el("div", { class: "tools" });
  /** @type {Map<string, ReturnType<typeof newThread>>} */
  const threadsByName = new Map();
  const root = el("section", { class: "round", "data-round": index }, el("div", { class: "round__head" }, title, sub, right), grid, threads, tools);
  /** @type {ReturnType<typeof newHistogram> | null} */
  let histogram = null;

  /** @param {RoundView} round @param {Lane} lane @param {Card[]} cards */
  function paint(round, lane, cards) {
    setText(title, round.name);
    const votes = lane.votes.get(index);
    if (!histogram && round.calls.length > 1 && (votes || (hasVotes && SOLUTION_ROLES.has(round.calls[0].role)))) {
      histogram = newHistogram(votes?.expected ?? round.calls.length);
      root.insertBefore(histogram.root, grid);
    }
    histogram?.paint(votes ?? NO_VOTES, lane.voteRows.get(index) ?? [], lane.ending !== null);
    const ended = round.calls.filter((call) => call.state !== "running").length;
    setText(sub, summary(round, ended));
    setText(right, round.seconds === null ? "" : clock(round.seconds * 1000));
    const own = ownCalls(round).map((call) => cards[round.calls.indexOf(call)]);
    const size = own.length ? own[0].root.classList : null;
    setAttribute(grid, "data-shape", size?.contains("pip") ? "pips" : own.length > 1 ? "two" : "one");
    setAttribute(grid, "data-mixed", new Set(ownCalls(round).map((call) => call.role)).size > 1 ? "" : null);
    setAttribute(root, "data-grow", size?.contains("draft-card--large") ? "" : null);
    arrange(grid, own.map((card) => card.root));
    arrange(threads, round.threads.map((thread) => paintThread(thread, thread.calls.map((call) => cards[round.calls.indexOf(call)]))));
    const uses = lane.tools.filter((use) => use.round === index);
    while (tools.children.length > uses.length) tools.lastElementChild?.remove();
    while (tools.children.length < uses.length) {
      const row = toolRow(uses[tools.children.length]);
      if (row.open) for (const older of tools.children) older.removeAttribute("open");
      tools.append(row);
    }
  }

  /** @param {Thread} thread @param {Card[]} cards */
  function paintThread(thread, cards) {
    const known = threadsByName.get(thread.name) ?? newThread(thread.name);
    threadsByName.set(thread.name, known);
    known.paint(thread, cards);
    return known.root;
  }
  return { root, paint };
}

/** One use of a tool: a line that opens; a list, such as passages that were found, is open. @param {ToolUsed} use */
function toolRow(use) {
  const line = el("summary", {}, icon("right"), el("b", { class: "nowrap" }, use.tool), el("span", { class: "clip" }, lineOf(use)));
  const asked = el("pre", { class: "raw" }, use.input), lines = use.output.split("\n");
  if (lines.length === 1) return el("details", { class: "tool" }, line, asked, el("pre", { class: "raw" }, use.output));
  const list = el("ol", { class: "tool__lines" }, ...lines.map((text) => el("li", { dir: "auto" }, text)));
  return el("details", { class: "tool", open: true }, line, list, asked);
}

/** Return what a tool was asked and gave, or how many lines it gave. @param {Pick<ToolUsed, "input" | "output">} use */
export function lineOf({ input, output }) {
  const [asked, gave] = [input, output].map((text) => text.trim().replace(/\s+/g, " "));
  const lines = output.split("\n").length;
  return lines > 1 ? `${lines} lines for: ${asked}` : `${asked} → ${gave}`;
}

/** @param {RoundView} round @param {number} ended */
function summary(round, ended) {
  if (round.calls.length < 2) return "";
  const answers = new Set(round.calls.map((call) => call.answer).filter((answer) => answer !== null));
  const failed = round.calls.filter((call) => call.state === "failed").length;
  const areDrafts = round.calls.every((call) => SOLUTION_ROLES.has(call.role));
  const count = plural(round.calls.length, areDrafts ? "draft" : "call");
  const parts = ended < round.calls.length ? [`${ended} of ${count} ended`] : [count, ...(areDrafts ? [plural(answers.size, "answer")] : [])];
  const pruned = round.calls.filter((call) => call.finishReason === "pruned").length;
  const saved = round.calls.reduce((sum, call) => sum + savedBy(call), 0);
  return [...parts, ...(failed ? [`${failed} failed`] : []), ...(pruned ? [`${pruned} pruned, ≤ ${short(saved)} saved`] : [])].join(", ");
}

/** @param {HTMLElement} rail @param {RoundView[]} rounds @param {Lane} lane */
export function paintRail(rail, rounds, lane) {
  while (rail.children.length > rounds.length) rail.lastElementChild?.remove();
  while (rail.children.length < rounds.length) rail.append(el("li", {}, el("i"), el("span")));
  rounds.forEach((round, place) => {
    const item = /** @type {HTMLElement} */ (rail.children[place]);
    const isOpen = !round.isOver && lane.state === "running";
    setAttribute(item, "data-state", isOpen ? "streaming" : "done");
    const distilling = isOpen && [...lane.calls.values()].some((call) => call.round === round.index && call.role === "distill");
    setText(/** @type {Node} */ (item.lastChild), distilling ? `${round.name} · distilling` : round.name);
  });
}
