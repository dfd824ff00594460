// @ts-check
// All calls on one axis of time, a panel for each lane: what ran beside what, and the chain that took longest.

import { el, setAttribute, svg } from "../lib/dom.js";
import { clock, niceCeiling, short } from "../lib/format.js";
import { lookOf } from "./card.js";
import { findCriticalPath, spentBy } from "./ledger.js";
import { nameIn, listRounds } from "./round.js";

/** @typedef {import("../types/state.d.ts").Call} Call */
/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {{call: Call, name: string, round: string, y: number, from: number, to: number, isCritical: boolean}} Row */

const ROW = 18;
const TOP = 24;
const LEFT = 132;
const RIGHT = 150;

/**
 * Return a lane's calls as rows, rounds in order, inside a round by start.
 * @param {Lane} lane @param {number} now ms @returns {Row[]}
 */
export function rowsOf(lane, now) {
  const calls = [...lane.calls.values()];
  const path = new Set(lane.ending?.ledger.critical_path ?? findCriticalPath(spentBy(calls)));
  return listRounds(lane).flatMap((round) => {
    const inside = calls.filter((call) => call.round === round.index);
    return inside.map((call, place) => ({
      call, name: clip(nameOf({ ...round, calls: inside }, call), 22), round: place === 0 ? round.name : "",
      y: 0, from: call.startedAt, to: call.endedAt ?? now, isCritical: path.has(call.key),
    })); // prettier-ignore
  }).map((row, place) => ({ ...row, y: TOP + place * ROW }));
}

/** @param {import("./round.js").RoundView} round @param {Call} call */
function nameOf(round, call) {
  if (call.thread) return `${call.thread} · ${call.role.replaceAll("_", " ")}`;
  return call.role === "distill" ? "Distill" : nameIn(round, call)[0];
}

/** Show in all timelines how far a replay has come; null: all of it has happened. @param {HTMLElement} root @param {(lane: number) => number | null} find ms */
export function markNow(root, find) {
  for (const now of root.querySelectorAll(".now")) {
    const at = find(Number(now.getAttribute("data-lane")));
    setAttribute(now, "hidden", at === null ? "" : null);
    if (at !== null) setAttribute(now, "transform", `translate(${(LEFT + at * Number(now.getAttribute("data-scale"))).toFixed(1)} 0)`);
  }
}

/**
 * Draw the timelines of all lanes.
 * @param {HTMLElement} root @param {readonly {facts: LaneFacts, lane: Lane, number: number}[]} lanes @param {number} now ms
 * @param {(lane: number, key: string) => void} openCall
 */
export function drawTimelines(root, lanes, now, openCall) {
  if (root.matches(":active")) return; // a click is under way: what it hits must stay
  const end = Math.max(1000, ...lanes.flatMap(({ lane }) => [...lane.calls.values()].map((call) => call.endedAt ?? now)));
  const scroll = root.scrollTop;
  root.replaceChildren(...lanes.map((each) => panel(each, now, end, root.clientWidth - 64, openCall)));
  root.scrollTop = scroll;
}

/** @param {{facts: LaneFacts, lane: Lane, number: number}} each @param {number} now @param {number} end @param {number} width @param {(lane: number, key: string) => void} openCall */
function panel({ facts, lane, number }, now, end, width, openCall) {
  const rows = rowsOf(lane, now);
  const critical = rows.filter((row) => row.isCritical).length;
  const head = el("div", { class: "panel__head" }, el("span", { class: "key" }, String(number)), el("h2", {}, facts.title),
    el("span", { class: "push small quiet row nowrap" }, el("span", {}, el("span", { class: "swatch" }), `critical path, ${critical} of ${rows.length} calls`), el("span", {}, el("span", { class: "swatch swatch--parallel" }), "in parallel"))); // prettier-ignore
  const body = rows.length ? chart(rows, lane.id, end, Math.max(480, width), `Timeline of the ${rows.length} calls of ${facts.title}`) : el("p", { class: "empty" }, "Nothing was asked yet.");
  body.addEventListener("click", (event) => {
    const key = event.target instanceof Element ? event.target.closest("[data-call]")?.getAttribute("data-call") : null;
    if (key) openCall(lane.id, key);
  });
  return el("section", { class: "panel timeline" }, head, el("div", { class: "timeline__body scroll-x" }, body));
}

/** @param {Row[]} rows @param {number} lane @param {number} end ms @param {number} width px @param {string} label */
function chart(rows, lane, end, width, label) {
  const height = TOP + rows.length * ROW + 4;
  const scale = (width - LEFT - RIGHT) / end;
  const x = (/** @type {number} */ at) => LEFT + at * scale;
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const step = niceCeiling(end / 8 / 1000) * 1000;
  for (let at = 0; at <= end; at += step) {
    root.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: 18, y2: height }), svg("text", { x: x(at), y: 12, "text-anchor": "middle" }, step < 1000 ? `${at / 1000}` : clock(at)));
  }
  rows.forEach((row, place) => root.append(...bar(row, x, place > 0 && row.round !== "", width)));
  const byKey = new Map(rows.map((row) => [row.call.key, row]));
  for (const row of rows.filter((each) => each.isCritical)) {
    const before = row.call.after.map((key) => byKey.get(key)).find((each) => each?.isCritical);
    if (before) root.append(svg("path", { class: "path", d: `M${x(before.to)} ${before.y + 6.5}H${(x(before.to) + x(row.from)) / 2}V${row.y + 6.5}H${x(row.from)}` }));
  }
  const edge = height - 4;
  root.append(svg("g", { class: "now", hidden: true, "data-scale": scale, "data-lane": lane }, svg("rect", { class: "later", x: 0, y: 18, width, height: edge - 18 }), svg("line", { class: "head", x1: 0, x2: 0, y1: 17, y2: edge }), svg("circle", { class: "head-knob", cx: 0, cy: 17, r: 3.5 })));
  return root;
}

/** @param {Row} row @param {(at: number) => number} x @param {boolean} hasLine @param {number} width */
function bar(row, x, hasLine, width) {
  const { call, y } = row;
  const { state, word } = lookOf(call);
  const look = state === "failed" ? "call call--failed" : row.isCritical ? "call call--critical" : "call";
  const on = row.isCritical ? "on" : "";
  const text = call.state === "failed" ? "Failed" : [word, short(call.tokens)].filter(Boolean).join(" · ");
  return [
    hasLine && svg("line", { class: "grid", x1: 0, x2: width, y1: y - 3, y2: y - 3 }),
    row.round !== "" && svg("text", { class: "on", x: 0, y: y + 10 }, clip(row.round, 11)),
    svg("text", { class: on || "label", x: LEFT - 8, y: y + 10, "text-anchor": "end" }, row.name),
    svg("rect", { class: look, "data-call": call.key, x: x(row.from), y, width: Math.max(2, x(row.to) - x(row.from)), height: 13, rx: 2 }, svg("title", {}, `${row.name}: ${text}`)),
    svg("text", { class: call.state === "failed" ? "fail-text" : on, x: x(row.to) + 6, y: y + 10 }, clip(text, 24)),
  ].filter((node) => node instanceof SVGElement);
}

/** @param {string} text @param {number} length */
const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
