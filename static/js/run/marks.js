// @ts-check
// What is marked on a replay's track: where rounds begin and lanes end, and small, where calls end. Pure.

import { clock, full } from "../lib/format.js";

/** @typedef {import("./film.js").Film} Film */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {{position: number, label: string, isEnd: boolean}} Mark */
/** A label and its edges on the track, px. @typedef {{mark: Mark, left: number, right: number}} Spot */

const ENDS = /** @type {const} */ ({ lane_finished: "ends", lane_failed: "fails", lane_cancelled: "is stopped" });
/** About, at 11 px. */
const [LETTER, GAP] = [6, 8];

/** Return where rounds after the first begin and lanes end. @param {Film} film @param {readonly LaneFacts[]} lanes @returns {Mark[]} by position */
export function findMarks(film, lanes) {
  const names = new Map(lanes.map((lane) => [lane.id, lanes.length > 1 ? lane.short : ""]));
  return film.dues.flatMap(({ at, fact }) => markOf(film.toFilm(at, fact.lane), fact, names.get(fact.lane)));
}

/** @param {number} position @param {import("./film.js").Fact} fact @param {string | undefined} name of the lane; undefined: it is on another page @returns {Mark[]} */
function markOf(position, fact, name) {
  if (name === undefined) return [];
  if (fact.kind === "round_opened" && fact.index > 1) return [{ position, label: `${name} ${fact.name.toLowerCase()}`.trim(), isEnd: false }];
  if (fact.kind === "lane_finished" || fact.kind === "lane_failed" || fact.kind === "lane_cancelled") return [{ position, label: `${name || "Lane"} ${ENDS[fact.kind]}`, isEnd: true }];
  return [];
}

/** Return the labels for which there is room: ends of lanes first, then rounds in order. @param {readonly Mark[]} marks @param {number} length ms @param {number} width px @returns {Spot[]} */
export function placeLabels(marks, length, width) {
  /** @type {Spot[]} */
  const spots = [];
  for (const mark of [...marks.filter((each) => each.isEnd), ...marks.filter((each) => !each.isEnd)]) {
    const size = LETTER * mark.label.length;
    const middle = (mark.position / Math.max(1, length)) * width;
    const left = Math.min(width - size, Math.max(0, middle - size / 2));
    if (left >= 0 && spots.every((spot) => spot.right + GAP <= left || spot.left >= left + size + GAP)) spots.push({ mark, left, right: left + size });
  }
  return spots;
}

/** Return the mark before or behind a position, or an end of the film. @param {readonly Mark[]} marks @param {number} position @param {number} length @param {number} by -1 or 1 */
export function stepTo(marks, position, length, by) {
  const places = [0, ...marks.map((mark) => mark.position), length];
  return by > 0 ? (places.find((place) => place > position + 1) ?? length) : (places.findLast((place) => place < position - 1) ?? 0);
}

/** Return a position as the film counts, in time or in tokens. @param {Film | null} film @param {number} position */
export const labelOf = (film, position) => (film?.tokens ? full(film.tokens(position)) : clock(position));

/** 92400 → "1 minute 32" for who hears it @param {number} ms */
export function spoken(ms) {
  const [minutes, seconds] = clock(ms).split(":").slice(-2).map(Number);
  const hours = Math.floor(ms / 3_600_000);
  return [hours && `${hours} h`, minutes && `${minutes} min`, `${seconds} s`].filter(Boolean).join(" ");
}
