// @ts-check
// Concurrent parts of a round that have a line of their own: which call spawned each, and which one read its result.

import { arrange, el, setAttribute, setText, showState, stateGlyph } from "../lib/dom.js";
import { full, plural } from "../lib/format.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("./card.js").Card} Card */
/** `depth`: 1 for a child of the lane's own line; `from`, `into`: keys of calls, or empty. @typedef {{name: string, depth: number, calls: Call[], from: string, into: string}} Thread */

/** More threads than this are no lines to follow: their cards stand among the others. */
const MOST = 8;

/**
 * Return the threads among a round's calls, in order of start; none if there are too many to follow, or if they are
 * the branches of a tree, which is drawn as such.
 * @param {readonly Call[]} calls of one round @param {Lane} lane @returns {Thread[]}
 */
export function threadsOf(calls, lane) {
  const names = [...new Set(calls.map((call) => call.thread).filter(Boolean))];
  if (lane.nodes.size || names.length > MOST) return [];
  /** @type {Map<string, number>} */
  const depths = new Map([["", 0]]);
  const all = [...lane.calls.values()];
  return names.map((name) => {
    const inside = calls.filter((call) => call.thread === name);
    const keys = new Set(inside.map((call) => call.key));
    const from = inside[0].after.map((key) => lane.calls.get(key)).find((call) => call && call.thread !== name);
    const into = all.find((call) => call.thread === (from?.thread ?? "") && call.after.some((key) => keys.has(key)));
    const depth = 1 + (depths.get(from?.thread ?? "") ?? 0);
    depths.set(name, depth);
    return { name, depth, calls: inside, from: from?.key ?? "", into: into?.key ?? "" };
  });
}

/** @param {string} name */
export function newThread(name) {
  const glyph = stateGlyph();
  const sub = el("span", { class: "second clip" });
  const right = el("span", { class: "push" });
  const grid = el("div", { class: "drafts" });
  const root = el("section", { class: "thread", "aria-label": `Thread ${name}` }, el("div", { class: "round__head" }, glyph, el("h4", {}, name), sub, right), grid);

  /** @param {Thread} thread @param {readonly Card[]} cards */
  function paint(thread, cards) {
    const isOpen = thread.calls.some((call) => call.state === "running");
    const tokens = thread.calls.reduce((sum, call) => sum + call.tokens, 0);
    showState(glyph, isOpen ? "streaming" : thread.calls.at(-1)?.state === "failed" ? "failed" : "done");
    setText(sub, [plural(thread.calls.length, "call"), `${full(tokens)} tokens`, thread.from && `from ${thread.from}`].filter(Boolean).join(" · "));
    setText(right, thread.into ? `joined by ${thread.into}` : "");
    setAttribute(root, "data-depth", String(Math.min(3, thread.depth)));
    const isPips = cards[0]?.root.classList.contains("pip");
    setAttribute(grid, "data-shape", isPips ? "pips" : cards.length > 1 ? "two" : "one");
    arrange(grid, cards.map((card) => card.root));
  }
  return { root, paint };
}
