// @ts-check
// Plays a strategy's worked example in a lane, as a run would show it: the same events, the same panes. Copies the link.

import { byId, setText } from "../lib/dom.js";
import { copyLink } from "../lib/share.js";
import { newPane } from "../run/pane.js";
import { applyEvents } from "../run/reduce.js";
import { newSheet } from "../run/sheet.js";
import { newRun } from "../run/state.js";
import { barScale } from "../run/summary.js";
import { stretch } from "./film.js";

/** @typedef {import("../types/events.d.ts").RunEvent} RunEvent */
/** @typedef {import("../types/state.d.ts").LaneFacts} LaneFacts */

const { facts, events } = /** @type {{facts: LaneFacts, events: RunEvent[]}} */ (JSON.parse(byId("example-play").textContent ?? ""));
const film = stretch(events);
const stage = byId("example-stage");
const button = byId("play-example");
const isStill = matchMedia("(prefers-reduced-motion: reduce)");

let run = newRun([facts.id]);
let playing = 0;
const sheet = newSheet("", find, () => {});

/** @param {number} id @param {string} key */
function find(id, key) {
  const lane = run.lanes.get(id);
  const call = lane?.calls.get(key);
  return lane && call ? { lane, call, facts, number: 1 } : null;
}

const link = byId("copy-link");

for (const each of [button, link]) each.hidden = false;
button.addEventListener("click", play);
link.addEventListener("click", async () => setText(byId("link-status"), await copyLink("")));

function play() {
  cancelAnimationFrame(playing);
  run = newRun([facts.id]);
  const pane = newPane(facts, 1, (key) => sheet.open(facts.id, key));
  byId("example-still").hidden = true;
  stage.hidden = false;
  stage.replaceChildren(pane.root);
  pane.measure();
  setText(byId("play-label"), "Play again");
  let next = 0;
  const began = performance.now();

  function frame() {
    const now = isStill.matches ? Infinity : performance.now() - began;
    const until = film.findIndex((event) => event.at > now);
    const due = film.slice(next, until < 0 ? film.length : until);
    next += due.length;
    /** @type {Set<string>} */
    const touched = new Set(next === due.length ? ["body"] : []);
    applyEvents(run, due, (_, what) => touched.add(what));
    const lane = run.lanes.get(facts.id);
    if (!lane) return;
    if (touched.size) pane.paint(lane, touched);
    pane.paintHead(lane, Math.min(now, film.at(-1)?.at ?? 0), barScale([lane]));
    sheet.paintIf(facts.id, touched);
    stage.toggleAttribute("data-over", lane.ending !== null);
    if (next < film.length) playing = requestAnimationFrame(frame);
  }
  frame();
}
