// @ts-check
// A round: which calls it shows, how large, and the section of a lane that holds them.

import { arrange, el, setAttribute, setText } from "../lib/dom.js";
import { clock, plural } from "../lib/format.js";
import { SOLUTION_ROLES, nameOf } from "./card.js";
import { newHistogram } from "./votes.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("./card.js").Card} Card */
/** @typedef {import("./card.js").Size} Size */
/** @typedef {"small" | "auto" | "large"} SizeChoice */
/** @typedef {{index: number, name: string, calls: Call[], isOver: boolean, isLast: boolean, seconds: number | null}} RoundView */

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
    return { index, name: round?.name ?? "Calls", calls: inside, isOver: seconds !== null, isLast: index === indexes.at(-1), seconds };
  });
}

/** Return a call's name in its round, and its number alone. @param {RoundView} round @param {Call} call */
export function nameIn(round, call) {
  const same = round.calls.filter((other) => other.role === call.role);
  const place = same.indexOf(call) + 1;
  return [nameOf(call.role, place, same.length), same.length > 1 ? String(place) : ""];
}

/** @param {RoundView} round @param {SizeChoice} choice @param {number} room px for cards @returns {Size} */
export function sizeIn(round, choice, room) {
  const count = round.calls.length;
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
  const root = el("section", { class: "round", "data-round": index }, el("div", { class: "round__head" }, title, sub, right), grid);
  /** @type {ReturnType<typeof newHistogram> | null} */
  let histogram = null;

  /** @param {RoundView} round @param {Lane} lane @param {Card[]} cards */
  function paint(round, lane, cards) {
    setText(title, round.name);
    const votes = lane.votes.get(index);
    if (!histogram && round.calls.length > 1 && (hasVotes || votes)) {
      histogram = newHistogram(votes?.expected ?? round.calls.length);
      root.insertBefore(histogram.root, grid);
    }
    if (votes) histogram?.paint(votes, lane.voteRows.get(index) ?? []);
    const ended = round.calls.filter((call) => call.state !== "running").length;
    setText(sub, summary(round, ended));
    setText(right, round.seconds === null ? "" : clock(round.seconds * 1000));
    const size = cards.length ? cards[0].root.classList : null;
    setAttribute(grid, "data-shape", size?.contains("pip") ? "pips" : cards.length > 1 ? "two" : "one");
    setAttribute(root, "data-grow", size?.contains("draft-card--large") ? "" : null);
    arrange(grid, cards.map((card) => card.root));
  }
  return { root, paint };
}

/** @param {RoundView} round @param {number} ended */
function summary(round, ended) {
  if (round.calls.length < 2) return "";
  const answers = new Set(round.calls.map((call) => call.answer).filter((answer) => answer !== null));
  const failed = round.calls.filter((call) => call.state === "failed").length;
  const areDrafts = round.calls.every((call) => SOLUTION_ROLES.has(call.role));
  const count = plural(round.calls.length, areDrafts ? "draft" : "call");
  const parts = ended < round.calls.length ? [`${ended} of ${count} ended`] : [count, ...(areDrafts ? [plural(answers.size, "answer")] : [])];
  return [...parts, ...(failed ? [`${failed} failed`] : [])].join(", ");
}

/** @param {HTMLElement} rail @param {RoundView[]} rounds @param {Lane} lane */
export function paintRail(rail, rounds, lane) {
  while (rail.children.length < rounds.length) rail.append(el("li", {}, el("i"), el("span")));
  rounds.forEach((round, place) => {
    const item = /** @type {HTMLElement} */ (rail.children[place]);
    const isOpen = !round.isOver && lane.state === "running";
    setAttribute(item, "data-state", isOpen ? "streaming" : "done");
    const distilling = isOpen && [...lane.calls.values()].some((call) => call.round === round.index && call.role === "distill");
    setText(/** @type {Node} */ (item.lastChild), distilling ? `${round.name} · distilling` : round.name);
  });
}
