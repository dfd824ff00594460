// @ts-check
// The nodes of a tree search, or a population by generation, as one picture in a box whose size does not change while it grows.

import { el, setText, svg, watchWidth } from "../lib/dom.js";
import { figure, plural } from "../lib/format.js";

/** @typedef {import("../types/events.d.ts").NodePlaced} NodePlaced */
/** @typedef {NodePlaced["state"]} State */
/** @typedef {{node: NodePlaced, x: number, y: number}} Spot */
/**
 * `radius` of a node in px; `hasFigures`: there is room for them beside the nodes; `groups`: where islands begin.
 * @typedef {{spots: Map<string, Spot>, levels: {level: number, y: number}[], groups: {name: string, x: number}[],
 *   width: number, height: number, radius: number, hasFigures: boolean}} Layout
 */

const HEIGHT = 168;
const NONE = "Nodes show as they are written.";
const [GUTTER, TOP, NAMES, FIGURE] = [24, 12, 16, 28];
const [NARROW, WIDE, LOW, HIGH] = [8, 56, 16, 46];
const [BELOW, BORDERS, SCROLLBAR] = [18, 2, 10];
const SHAPES = /** @type {const} */ ({ open: "open", kept: "kept", pruned: "pruned", final: "final" });

/** Say whether the nodes are a population: members with several parents. @param {readonly NodePlaced[]} nodes */
export const isPopulation = (nodes) => nodes.some((node) => node.under.length > 1);

/** Return what the picture shows, in a word. @param {readonly NodePlaced[]} nodes */
export function titleOf(nodes) {
  if (isPopulation(nodes)) return "Population";
  return nodes.some((node) => node.group) && nodes.every((node) => !node.under.length) ? "Groups" : "Tree";
}

/**
 * Place every node: a row for each level. A tree has parents above the middle of their children; members of a
 * population stand side by side in order of arrival. Subtrees and islands stand apart.
 * @param {readonly NodePlaced[]} nodes @param {number} width px @param {number} [height] px; 0: as high as it must be @returns {Layout}
 */
export function layOutNodes(nodes, width, height = HEIGHT) {
  const levels = [...new Set(nodes.map((node) => node.level))].sort((one, other) => one - other);
  const { columns, count, groups } = findColumns(nodes);
  const top = TOP + (groups.length > 1 ? NAMES : 0);
  const pitch = clamp((width - GUTTER) / count, NARROW, WIDE);
  const row = clamp(((height || HEIGHT) - top - 4) / levels.length, LOW, HIGH);
  const hasFigures = pitch >= 46;
  const left = (hasFigures ? GUTTER - FIGURE / 2 : GUTTER) + Math.max(0, (width - GUTTER - count * pitch) / 2);
  const y = (/** @type {number} */ level) => top + levels.indexOf(level) * row;
  return {
    spots: new Map(nodes.map((node) => [node.node, { node, x: left + ((columns.get(node.node) ?? 0) + 0.5) * pitch, y: y(node.level) }])),
    levels: levels.map((level) => ({ level, y: y(level) })),
    groups: groups.length > 1 ? groups.map(({ name, column }) => ({ name, x: left + column * pitch })) : [],
    width: Math.max(width, left + count * pitch),
    height: Math.max(height, Math.ceil(top + (levels.length - 1) * row) + BELOW),
    radius: Math.min(7, pitch / 2 - 1.5, row / 2 - 3),
    hasFigures,
  };
}

/** Return the column of every node, group by group with a gap between them. @param {readonly NodePlaced[]} nodes */
function findColumns(nodes) {
  const place = isPopulation(nodes) ? columnsInOrder : columnsOfTree;
  /** @type {Map<string, number>} */
  const columns = new Map();
  const groups = [];
  let count = 0;
  for (const name of new Set(nodes.map((node) => node.group))) {
    const start = count ? count + 1 : 0;
    for (const [node, column] of place(nodes.filter((each) => each.group === name))) {
      columns.set(node, start + column);
      count = Math.max(count, Math.ceil(start + column) + 1);
    }
    groups.push({ name, column: start });
  }
  return { columns, groups, count: Math.max(1, count) };
}

/** @param {readonly NodePlaced[]} nodes */
function columnsOfTree(nodes) {
  /** @type {Map<string, number>} */
  const columns = new Map();
  /** @type {Map<string, NodePlaced[]>} */
  const children = new Map();
  const known = new Map(nodes.map((node) => [node.node, node]));
  const above = (/** @type {NodePlaced} */ node) => known.get(node.under[0] ?? "");
  for (const node of nodes) {
    const parent = above(node);
    if (parent && parent.level < node.level) children.set(parent.node, [...(children.get(parent.node) ?? []), node]);
  }
  let count = 0;
  /** @param {NodePlaced} node @returns {number} */
  function place(node) {
    const below = (children.get(node.node) ?? []).map(place);
    const column = below.length ? (below[0] + below[below.length - 1]) / 2 : count++;
    columns.set(node.node, column);
    return column;
  }
  for (const node of nodes) if (!((above(node)?.level ?? Infinity) < node.level)) place(node);
  return columns;
}

/** @param {readonly NodePlaced[]} nodes */
function columnsInOrder(nodes) {
  /** @type {Map<number, number>} */
  const filled = new Map();
  return new Map(nodes.map((node) => {
    const column = filled.get(node.level) ?? 0;
    filled.set(node.level, column + 1);
    return [node.node, column];
  })); // prettier-ignore
}

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** Return the node that leads: the final one, or the one with the highest value. @param {readonly NodePlaced[]} nodes @returns {NodePlaced | null} */
export function findBest(nodes) {
  const finals = nodes.filter((node) => node.state === "final");
  const valued = (finals.length ? finals : nodes.filter((node) => node.state !== "pruned")).filter((node) => node.value !== null);
  return valued.reduce((best, node) => (best === null || Number(node.value) > Number(best.value) ? node : best), /** @type {NodePlaced | null} */ (null)) ?? finals[0] ?? null;
}

/** @param {(key: string) => void} openCall */
export function newNodes(openCall) {
  const title = el("h3", {}, "Tree");
  const counts = el("span", { class: "second clip row nodes__counts" });
  const picture = el("div", { class: "nodes__picture", tabindex: "0", role: "group", "aria-label": "Nodes" });
  const best = el("p", { class: "nodes__best clip" }, NONE);
  const root = el("section", { class: "nodes" }, el("div", { class: "round__head" }, title, counts), picture, best);
  /** @type {readonly NodePlaced[]} */
  let shown = [];
  let isWhole = false;
  const width = watchWidth(picture, draw);
  picture.addEventListener("click", (event) => {
    const key = event.target instanceof Element ? event.target.closest("[data-open]")?.getAttribute("data-open") : null;
    if (key) openCall(key);
  });

  /** @param {readonly NodePlaced[]} nodes @param {boolean} isOver no more will come: then the box is as high as its nodes */
  function paint(nodes, isOver) {
    [shown, isWhole] = [nodes, isOver];
    setText(title, titleOf(nodes));
    counts.replaceChildren(...countStates(nodes));
    const leader = findBest(nodes);
    setText(best, leader ? `Best: ${[leader.value === null ? "" : figure(leader.value), leader.title].filter(Boolean).join(" · ")}` : nodes.length ? "" : NONE);
    best.hidden = isWhole && best.textContent === "";
    draw();
  }

  function draw() {
    if (!width()) return;
    const layout = layOutNodes(shown, width(), isWhole ? 0 : HEIGHT);
    picture.style.height = isWhole ? `${Math.min(HEIGHT, layout.height + BORDERS + SCROLLBAR * Number(layout.width > width()))}px` : "";
    picture.replaceChildren(...(shown.length ? [drawNodes(layout, title.textContent ?? "")] : []));
  }
  return { root, paint };
}

/** @param {readonly NodePlaced[]} nodes */
function countStates(nodes) {
  return Object.values(SHAPES).flatMap((state) => {
    const count = nodes.filter((node) => node.state === state).length;
    const key = svg("svg", { class: "nodes__key", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, ...shapeOf(state, 4.5));
    return count ? [el("span", { class: "row nowrap" }, key, `${count} ${state}`)] : [];
  });
}

/** @param {Layout} layout @param {string} name */
function drawNodes({ spots, levels, groups, width, height, radius, hasFigures }, name) {
  const most = Math.max(1, ...[...spots.values()].map(({ node }) => node.value ?? 0));
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${name} of ${plural(spots.size, "node")} on ${plural(levels.length, "level")}` });
  root.append(...groups.map(({ name: group, x }) => svg("text", { class: "label", x: x + 2, y: 10 }, group)));
  if (levels.length > 1) root.append(...levels.map(({ level, y }) => svg("text", { class: "label", x: 2, y: y + 4 }, String(level))));
  for (const { node, x, y } of spots.values()) {
    for (const parent of node.under.map((key) => spots.get(key))) {
      const look = node.state === "kept" || node.state === "final" ? "edge edge--kept" : "edge";
      const between = parent?.y === y ? y + 16 : ((parent?.y ?? 0) + y) / 2; // inside a level, below its nodes
      if (parent) root.append(svg("path", { class: look, d: `M${parent.x} ${parent.y}C${parent.x} ${between} ${x} ${between} ${x} ${y}` }));
    }
  }
  for (const { node, x, y } of spots.values()) {
    const text = [node.node, node.state, node.value === null ? "" : figure(node.value), node.title].filter(Boolean).join(" · ");
    const value = node.value === null ? [] : hasFigures ? [svg("text", { x: radius + 5, y: 4 }, figure(node.value))] : barOf(node.value / most, radius);
    root.append(svg("g", { class: "node", transform: `translate(${x} ${y})`, "data-open": node.calls.at(-1), "data-node": node.node, "data-state": node.state }, svg("title", {}, text), ...shapeOf(node.state, radius), ...value));
  }
  return root;
}

/** Draw a value below its node, where there is no room for a figure. @param {number} part of the highest @param {number} radius */
function barOf(part, radius) {
  const bar = (/** @type {string} */ look, /** @type {number} */ width) => svg("rect", { class: look, x: -radius, y: radius + 3, width, height: 2 });
  return [bar("node__track", 2 * radius), bar("node__value", 2 * radius * clamp(part, 0, 1))];
}

/** Draw a state: each has a shape of its own. @param {State} state @param {number} radius */
function shapeOf(state, radius) {
  const disc = svg("circle", { class: `node__${state}`, r: radius });
  if (state === "pruned") return [disc, svg("path", { class: "node__bar", d: `M${-radius / 2} 0H${radius / 2}` })];
  return state === "final" ? [svg("circle", { class: "node__ring", r: radius + 2 }), svg("circle", { class: "node__final", r: radius - 1 })] : [disc];
}
