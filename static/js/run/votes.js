// @ts-check
// The vote histogram. A row keeps its place from its first vote on, whatever comes later.

import { el, setAttribute, setProperty, setText } from "../lib/dom.js";
import { plural } from "../lib/format.js";

/** @typedef {import("../types/events.d.ts").Tally} Tally */
/** @typedef {import("../types/events.d.ts").VotesCounted} VotesCounted */

const MOST_ROWS = 5;

/**
 * Return the rows with new answers behind the known ones. A row is named by the call that first gave its answer, as the
 * spelling of an answer may change when an earlier draft ends later.
 * @param {readonly string[]} rows @param {readonly Tally[]} tallies @returns {string[]}
 */
export function orderRows(rows, tallies) {
  const fresh = tallies.filter((tally) => !rows.some((row) => tally.calls.includes(row)));
  return [...rows, ...fresh.map((tally) => tally.calls[0])];
}

/** Return how many drafts have been heard, silent ones too. @param {VotesCounted} votes */
export function countBallots(votes) {
  return votes.tallies.reduce((all, tally) => all + tally.calls.length, votes.silent.length);
}

/** Return the answer with the most votes, the first of equals, or null. @param {Pick<VotesCounted, "tallies">} votes @param {readonly string[]} rows */
export function findLeader(votes, rows) {
  const tallies = rows.map((row) => votes.tallies.find((tally) => tally.calls.includes(row)));
  return tallies.reduce((best, tally) => (tally && (!best || tally.calls.length > best.calls.length) ? tally : best), undefined) ?? null;
}

/** Make a histogram with room for its rows before the first vote. @param {number} expected votes to come */
export function newHistogram(expected) {
  const root = el("ol", { class: "histogram", tabindex: "0", "aria-label": "Votes by answer" });

  /** @param {Pick<VotesCounted, "tallies" | "silent" | "expected">} votes @param {readonly string[]} rows @param {boolean} isOver nothing more will come: no room is kept */
  function paint(votes, rows, isOver) {
    const height = isOver && rows.length ? rows.length + (votes.silent.length ? 1 : 0) : expected;
    setProperty(root, "--rows", String(Math.min(height, MOST_ROWS)));
    for (const row of [...root.querySelectorAll("li:not([data-silent])")].slice(rows.length)) row.remove();
    const best = findLeader(votes, rows);
    const isTied = votes.tallies.some((tally) => tally !== best && tally.calls.length === best?.calls.length);
    const leader = isTied ? null : best;
    rows.forEach((row, place) => {
      const tally = votes.tallies.find((each) => each.calls.includes(row));
      if (tally) paintRow(rowAt(root, place), tally.answer, tally.calls.length, votes.expected, tally === leader);
    });
    if (!votes.silent.length) root.querySelector("[data-silent]")?.remove();
    else paintSilent(root, votes.silent.length, votes.expected);
  }
  return { root, paint };
}

/** @param {Element} root @param {number} place */
function rowAt(root, place) {
  const rows = root.querySelectorAll("li:not([data-silent])");
  if (rows[place]) return rows[place];
  const row = newRow();
  root.insertBefore(row, root.querySelector("[data-silent]"));
  return row;
}

const newRow = () => el("li", {}, el("span", { class: "clip" }), el("span", { class: "histogram__bar" }, el("i")), el("span", { class: "num" }));

/** @param {Element} row @param {string} answer @param {number} votes @param {number} expected @param {boolean} isLead */
function paintRow(row, answer, votes, expected, isLead) {
  setText(row.children[0], answer);
  setAttribute(row.children[0], "title", answer);
  setAttribute(row, "data-lead", isLead ? "" : null);
  setProperty(/** @type {HTMLElement} */ (row.children[1].firstChild), "--p", `${((100 * votes) / Math.max(1, expected)).toFixed(2)}%`);
  setText(row.children[2], String(votes));
}

/** @param {Element} root @param {number} count @param {number} expected */
function paintSilent(root, count, expected) {
  let row = root.querySelector("[data-silent]");
  if (!row) {
    row = newRow();
    row.setAttribute("data-silent", "");
    root.append(row);
  }
  paintRow(row, "No answer", count, expected, false);
  setAttribute(row, "title", `${plural(count, "draft")} without a readable answer; they do not vote`);
}
