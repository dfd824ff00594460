// @ts-check
// Wires the run page: facts and events in, painting out. Nothing else touches the page's globals.

import { byId, setText } from "../lib/dom.js";
import { bindKeys } from "../lib/keys.js";
import { loadMaths, renderInPlace, splitFormulas } from "../lib/maths.js";
import { newControls } from "./controls.js";
import { newFilm } from "./film.js";
import { newGrid } from "./grid.js";
import { newPainter } from "./painter.js";
import { applyEvents } from "./reduce.js";
import { newReplay } from "./replay.js";
import { newSheet } from "./sheet.js";
import { followRun } from "./socket.js";
import { newRun } from "./state.js";
import { barScale, drawTable, isOver, newVitals } from "./summary.js";
import { drawTimelines, markNow } from "./timeline.js";

/** @typedef {import("../types/events.d.ts").RunEvent} RunEvent */
/** @typedef {import("../types/state.d.ts").RunFacts} RunFacts */
/** @typedef {import("../types/state.d.ts").Snapshot} Snapshot */

const facts = /** @type {RunFacts} */ (JSON.parse(byId("run-facts").textContent ?? ""));
const { snapshotUrl = "", socketPath = "", eventsUrl = "", callsUrl = "", mathsStyle = "" } = byId("run-script").dataset;
const laneIds = facts.lanes.map((lane) => lane.id);
/** What of the run this page shows, should the run have more some day. */
const part = `row=${facts.lanes[0].row}&repeat=${facts.lanes[0].repeat}`;

const LONGEST_WAIT_FOR_MATHS_MS = 1500;

/** The run as it is; `run`, what is shown of it, differs only in a replay. */
let whole = newRun(laneIds);
let run = whole;
/** Everything heard of it but text that was still growing. @type {RunEvent[]} */
let heard = [];
let scale = 1;
let epoch = "";
/** The view that was drawn last, "" if something has changed since. */
let drawn = "";
/** Milliseconds since the run began, as far as events tell, and when we learned of it. */
let latest = { at: 0, heard: performance.now() };

const sheet = newSheet(callsUrl, find, () => {});
let grid = newGrid(facts.lanes, sheet.open, () => painter.ask());
const vitals = newVitals();
const painter = newPainter({ advance: (frame) => replay.advance(frame), paintLane, isVisible: (lane) => lane === 0 || controls.view() !== "lanes" || grid.isVisible(lane), paintNumbers: paintPart, parts: laneIds.length + 1 });
const controls = newControls(facts, {
  changeView: paintNumbers,
  changeSizes: (choice) => grid.panes.forEach((pane) => pane.setSizes(choice, laneOf(pane.facts.id))),
});

const replay = newReplay(facts.lanes, {
  begin(events) {
    run = newRun(laneIds);
    applyEvents(run, events);
    showAnew();
  },
  extend(events) {
    applyEvents(run, events, painter.touch);
    if (controls.view() === "timeline") markNow(byId("timeline"), replay.at);
  },
  finish() {
    run = whole;
    showAnew();
  },
  wake: () => painter.ask(),
  say: controls.say,
});

/** @param {number} id */
function laneOf(id) {
  const lane = run.lanes.get(id);
  if (!lane) throw new Error(`The run has no lane ${id}.`);
  return lane;
}

/** @param {number} id @param {string} key */
function find(id, key) {
  const lane = run.lanes.get(id);
  const call = lane?.calls.get(key);
  const place = laneIds.indexOf(id);
  return lane && call ? { lane, call, facts: facts.lanes[place], number: place + 1 } : null;
}

/** Return milliseconds since the run began: the server's, carried on by our clock; in a race each lane's. @param {number} [lane] */
function now(lane) {
  const at = replay.at(lane);
  if (at !== null) return at;
  if (run.status === "queued") return 0;
  return isOver(run) ? latest.at : latest.at + performance.now() - latest.heard;
}

/** @param {readonly RunEvent[]} events */
function hear(events) {
  for (const event of events) if (event.kind !== "text_delta") heard.push(event);
  const at = events.reduce((last, event) => Math.max(last, event.at), latest.at);
  if (at > now() || latest.at === 0) latest = { at, heard: performance.now() };
  if (isOver(whole)) latest.at = at;
}

function offerReplay() {
  if (isOver(whole)) replay.load(newFilm(heard));
}

/** @param {number} id @param {Set<string>} touched */
function paintLane(id, touched) {
  const place = laneIds.indexOf(id);
  if (place < 0) return paintNumbers();
  if (touched.has("head")) paintPart(place);
  grid.panes[place].paint(laneOf(id), touched);
  sheet.paintIf(id, touched);
}

/** Paint the figures of one lane, or of the run where `part` is past the lanes. @param {number} part */
function paintPart(part) {
  if (part >= laneIds.length) return paintRun();
  const lane = laneOf(laneIds[part]);
  grid.paintTab(part, lane);
  if (controls.view() === "lanes") grid.panes[part].paintHead(lane, now(lane.id), scale);
}

function paintRun() {
  const lanes = laneIds.map(laneOf);
  const at = now();
  scale = Math.max(scale, barScale(lanes));
  vitals.paint(run, facts.lanes, at, run !== whole);
  controls.paint(whole, run === whole, scale);
  if (!isOver(run) || drawn !== controls.view()) drawView(at);
}

function paintNumbers() {
  paintRun();
  laneIds.forEach((_, place) => paintPart(place));
}

/** Draw the view that is not lanes; once more than enough when nothing changes any more. @param {number} at */
function drawView(at) {
  const isKnown = drawn === controls.view() && isOver(whole);
  drawn = controls.view();
  const rows = (/** @type {typeof run} */ { lanes }) => grid.panes.map((pane) => ({ facts: pane.facts, number: pane.number, lane: lanes.get(pane.facts.id) ?? laneOf(pane.facts.id) }));
  if (drawn === "timeline" && !isKnown) drawTimelines(byId("timeline"), rows(whole), at, sheet.open);
  if (drawn === "timeline") markNow(byId("timeline"), replay.at);
  if (drawn === "ledger") drawTable(byId("ledger"), rows(run), run, now, scale, facts.problem.answer ?? "");
}

/** Show all of another state of the run. */
function showAnew() {
  drawn = "";
  for (const [id, lane] of run.lanes) for (const what of ["body", "nodes", "statistics", ...lane.calls.keys()]) painter.touch(id, what);
  paintNumbers();
}

/** @param {number} lane @param {string} what */
function touch(lane, what) {
  painter.touch(lane, what);
  drawn = "";
  if (what === "head") controls.announce(whole, lane);
}

bindKeys(controls.keys(sheet, replay, () => grid));
await drawQuestion();
followRun(
  { snapshotUrl, socketPath, eventsUrl, query: location.search.slice(1), part },
  {
    replace(snapshot) {
      replay.unload();
      run = whole = newRun(laneIds);
      if (epoch && snapshot.epoch !== epoch) grid = newGrid(facts.lanes, sheet.open, painter.ask); // started anew
      epoch = snapshot.epoch;
      applyEvents(run, snapshot.events);
      run.status = snapshot.status;
      heard = [];
      latest = { at: 0, heard: performance.now() };
      hear(snapshot.events);
      showAnew();
      offerReplay();
    },
    extend(events) {
      const isWhole = applyEvents(whole, events, touch);
      hear(events);
      offerReplay();
      return isWhole;
    },
    report: controls.showConnection,
    grown() {
      history.replaceState(null, "", `${location.pathname}?${part}${location.hash}`);
      byId("grown").hidden = false;
      document.getElementById("repeat")?.remove();
    },
    gone: (message) => setText(byId("status"), message),
  },
);

/** Draw the formulas of the question. They change its height, so the lanes below wait for them, but not for long. */
async function drawQuestion() {
  const question = byId("question");
  const drawn = loadMaths(mathsStyle).then(() => renderInPlace(question));
  const hasFormulas = splitFormulas(question.textContent ?? "").some((piece) => piece.kind !== "text");
  if (hasFormulas) await Promise.race([drawn, new Promise((resolve) => setTimeout(resolve, LONGEST_WAIT_FOR_MATHS_MS))]);
}
