// @ts-check
// What stands on a replay's track: ticks where rounds begin and lanes end, their names, and small, where calls end.

import { el, svg } from "../lib/dom.js";
import { placeLabels } from "./marks.js";

/** @typedef {import("./film.js").Film} Film */
/** @typedef {import("./marks.js").Mark} Mark */

/** @param {Film} film @param {readonly Mark[]} marks @param {number} width px */
export function markNodes({ length, toFilm, writings }, marks, width) {
  const x = (/** @type {number} */ position) => (1000 * position) / Math.max(1, length);
  const calls = svg("path", { d: writings.map((writing) => `M${x(toFilm(writing.to, writing.end.lane)).toFixed(1)} 0V1`).join("") });
  const ticks = marks.map((mark) => {
    const tick = el("i");
    tick.style.setProperty("--p", `${(x(mark.position) / 10).toFixed(2)}%`);
    return tick;
  });
  const labels = placeLabels(marks, length, width).map(({ mark, left }) => {
    const label = el("span", { class: "replay__label" }, mark.label);
    label.style.setProperty("--left", `${left.toFixed(0)}px`);
    return label;
  });
  return [svg("svg", { viewBox: "0 0 1000 1", preserveAspectRatio: "none" }, calls), ...ticks, ...labels];
}
