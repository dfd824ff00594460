// @ts-check
// Where lanes stand: side by side where there is room, in two rows if that is enough, else as tabs. And which has focus.

import { byId, el, setAttribute, setText, showState, stateGlyph } from "../lib/dom.js";
import { answerOf, outcomeOf } from "./head.js";
import { newPane } from "./pane.js";

/** @typedef {import("../types/state.d.ts").Lane} Lane */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {{columns: number, rows: number} | null} Layout null: tabs */

const NARROWEST_LANE = 250;
const GAP = 12;
const NARROWEST_GRID = 720;
const LOWEST_ROW = 300;

/**
 * Return how lanes stand in a box, or null when only tabs fit.
 * @param {number} lanes @param {number} width px @param {number} height px @returns {Layout}
 */
export function layOut(lanes, width, height) {
  if (width < NARROWEST_GRID - 40) return null;
  const most = Math.max(1, Math.floor((width + GAP) / (NARROWEST_LANE + GAP)));
  const rows = Math.ceil(lanes / most);
  if (rows > 2 || (rows === 2 && height < 2 * LOWEST_ROW)) return null;
  return { columns: Math.ceil(lanes / rows), rows };
}

/** Return the column widths: the focused lane gets more, a lane of one call less. @param {readonly LaneFacts[]} lanes @param {number} focus */
export function columnWidths(lanes, focus) {
  return lanes.map((lane, place) => (place === focus ? "1.5fr" : lane.estimate?.calls === 1 ? "1fr" : "1.13fr")).join(" ");
}

/** Keep the ids of the lanes that can be seen in `seen`. @param {import("./pane.js").Pane[]} panes @param {Set<number>} seen @param {() => void} wake */
function watchVisible(panes, seen, wake) {
  const eye = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const id = Number(/** @type {HTMLElement} */ (entry.target).dataset.lane);
      if (entry.isIntersecting) seen.add(id);
      else seen.delete(id);
    }
    wake();
  });
  for (const pane of panes) {
    pane.root.dataset.lane = String(pane.facts.id);
    eye.observe(pane.root);
  }
}

/**
 * @param {readonly LaneFacts[]} facts @param {(lane: number, key: string) => void} openCall @param {() => void} wake
 *   called when a lane comes into sight
 */
export function newGrid(facts, openCall, wake) {
  const root = byId("lanes");
  const tabs = byId("lane-tabs");
  const panes = facts.map((lane, place) => newPane(lane, place + 1, (key) => openCall(lane.id, key)));
  const buttons = panes.map((pane) => newTab(pane));
  /** @type {Set<number>} */
  const seen = new Set();
  let focus = mostCalls(facts);
  let isPressed = false;
  /** @type {Layout} */
  let layout = null;

  root.replaceChildren(...panes.map((pane) => pane.root));
  tabs.replaceChildren(...buttons.map((tab) => tab.root));
  panes.forEach((pane, place) => {
    // Focus changes widths: between the press and the release of a button nothing may move, or the click is lost.
    pane.root.addEventListener("pointerdown", () => (isPressed = true));
    pane.root.addEventListener("focusin", () => isPressed || setFocus(place));
    pane.root.addEventListener("click", () => setFocus(place));
    buttons[place].root.addEventListener("click", () => setFocus(place));
  });
  for (const end of ["click", "pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(() => (isPressed = false)));
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    setFocus((focus + step + panes.length) % panes.length);
    buttons[focus].root.focus();
    event.preventDefault();
  });
  watchVisible(panes, seen, wake);
  new ResizeObserver(arrangeLanes).observe(root);

  function arrangeLanes() {
    layout = layOut(panes.length, root.clientWidth - 40, root.clientHeight);
    tabs.hidden = layout !== null || panes.length < 2;
    setAttribute(root, "data-tabs", layout === null ? "" : null);
    setAttribute(root, "data-rows", layout ? String(layout.rows) : null);
    applyFocus();
    for (const pane of panes) pane.measure();
  }

  function applyFocus() {
    const widths = !layout ? "1fr" : layout.rows === 1 ? columnWidths(facts, panes.length > 1 ? focus : -1) : `repeat(${layout.columns}, minmax(0, 1fr))`;
    root.style.setProperty("--columns", widths);
    panes.forEach((pane, place) => {
      setAttribute(pane.root, "data-focus", place === focus ? "" : null);
      setAttribute(buttons[place].root, "aria-selected", String(place === focus));
      setAttribute(buttons[place].root, "tabindex", place === focus ? "0" : "-1");
    });
  }

  /** @param {number} place from 0 */
  function setFocus(place) {
    if (place === focus || !panes[place]) return;
    focus = place;
    applyFocus();
  }

  /** @param {number} place @param {Lane} lane */
  function paintTab(place, lane) {
    buttons[place].paint(lane, panes[place].facts);
  }

  arrangeLanes();
  return { panes, setFocus, paintTab, focused: () => panes[focus], isVisible: (/** @type {number} */ id) => seen.has(id) };
}

/** Return the place of the lane with the most planned calls, the last of equals: it needs the room. @param {readonly LaneFacts[]} lanes */
function mostCalls(lanes) {
  const calls = lanes.map((lane) => lane.estimate?.calls ?? 0);
  return Math.max(0, calls.lastIndexOf(Math.max(...calls)));
}

/** @param {Pane} pane */
function newTab(pane) {
  const glyph = stateGlyph();
  const answer = el("span", { class: "lane-tab__answer clip" }, "–");
  const root = el("button", { type: "button", role: "tab", "aria-controls": pane.root.id, id: `tab-${pane.root.id}` }, el("span", { class: "key" }, String(pane.number)), el("span", { class: "lane-tab__name clip" }, pane.facts.short), glyph, answer);

  /** @param {Lane} lane @param {LaneFacts} facts */
  function paint(lane, facts) {
    showState(glyph, outcomeOf(lane, facts).state);
    setText(answer, answerOf(lane).answer ?? "–");
  }
  return { root, paint };
}
