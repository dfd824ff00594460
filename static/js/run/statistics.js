// @ts-check
// What is watched over time, such as what decides when to stop: the newest value, and a line with its threshold.

import { el, setText, svg, watchWidth } from "../lib/dom.js";
import { figure } from "../lib/format.js";

/** @typedef {import("../types/events.d.ts").StatisticTaken} StatisticTaken */

const [HEIGHT, PAD] = [36, 4];
/** Values that differ by more than this are drawn on a logarithmic scale. */
const MANY_TIMES = 100;

/**
 * Return where values stand between the lower edge (0) and the upper edge (1) of a chart.
 * @param {readonly number[]} values the threshold among them @returns {(value: number) => number}
 */
export function scaleOf(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isLogarithmic = low > 0 && high / low > MANY_TIMES;
  const map = isLogarithmic ? Math.log : (/** @type {number} */ value) => value;
  const [from, to] = [map(isLogarithmic ? low : Math.min(0, low)), map(high)];
  return (value) => (to > from ? (map(value) - from) / (to - from) : 0.5);
}

/** @param {readonly string[]} expected names of the statistics to come: their boxes stand from the start */
export function newStatistics(expected) {
  const root = el("section", { class: "statistics", "aria-label": "Statistics over time" });
  /** @type {Map<string, ReturnType<typeof newStatistic>>} */
  const rows = new Map();
  expected.forEach(rowFor);

  /** @param {string} name */
  function rowFor(name) {
    const row = rows.get(name) ?? newStatistic(name);
    if (!rows.has(name)) root.append(row.root);
    rows.set(name, row);
    return row;
  }

  /** @param {ReadonlyMap<string, readonly StatisticTaken[]>} statistics */
  function paint(statistics) {
    for (const name of new Set([...rows.keys(), ...statistics.keys()])) rowFor(name).paint(statistics.get(name) ?? []);
  }
  return { root, paint };
}

/** @param {string} name */
function newStatistic(name) {
  const value = el("b", {}, "–");
  const threshold = el("span", { class: "second clip" });
  const seen = el("span", { class: "push" });
  const chart = el("div", { class: "statistic__chart" });
  const root = el("div", { class: "statistic" }, el("div", { class: "round__head" }, el("h3", {}, name), value, threshold, seen), chart);
  /** @type {readonly StatisticTaken[]} */
  let shown = [];
  const width = watchWidth(chart, draw);

  /** @param {readonly StatisticTaken[]} points in order */
  function paint(points) {
    const last = points.at(-1);
    shown = points;
    setText(value, last ? figure(last.value) : "–");
    setText(threshold, last && last.threshold !== null ? `threshold ${figure(last.threshold)}` : "");
    setText(seen, last ? `after ${last.seen}` : "");
    draw();
  }

  function draw() {
    if (width()) chart.replaceChildren(...(shown.length ? [drawLine(shown, width(), name)] : []));
  }
  return { root, paint };
}

/** @param {readonly StatisticTaken[]} points @param {number} width px @param {string} name */
function drawLine(points, width, name) {
  const last = points[points.length - 1];
  const scale = scaleOf([...points.map((point) => point.value), ...points.flatMap((point) => (point.threshold === null ? [] : [point.threshold]))]);
  const [first, end] = [Math.min(...points.map((point) => point.seen)), Math.max(...points.map((point) => point.seen))];
  const x = (/** @type {number} */ seen) => PAD + (end > first ? ((seen - first) / (end - first)) * (width - 2 * PAD) : (width - 2 * PAD) / 2);
  const y = (/** @type {number} */ value) => HEIGHT - PAD - scale(value) * (HEIGHT - 2 * PAD);
  const root = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${name}: ${figure(last.value)} after ${last.seen}` });
  const limits = points.filter((point) => point.threshold !== null);
  if (limits.length) {
    const path = limits.map((point) => `${x(point.seen)} ${y(Number(point.threshold))}`);
    root.append(svg("path", { class: "threshold", d: `M${PAD} ${path[0].split(" ")[1]}L${path.join("L")}H${width - PAD}` }));
  }
  root.append(svg("path", { class: "line", d: `M${points.map((point) => `${x(point.seen)} ${y(point.value)}`).join("L")}` }));
  root.append(svg("circle", { class: "point", cx: x(last.seen), cy: y(last.value), r: 3 }));
  return root;
}
