// Reads what viewers were sent, a JSON line each, with the browser's own code, and holds it to what they must know.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { newPlace } from "../../static/js/run/place.js";
import { applyEvents } from "../../static/js/run/reduce.js";
import { newRun } from "../../static/js/run/state.js";

let viewers = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { lanes, frames, holes, known } = JSON.parse(line);
  assert.deepEqual(follow(lanes, frames, holes), known);
  viewers += 1;
}
console.log(viewers);

/** Return what the page knows after these frames; holes must be seen where the viewer saw them. */
function follow(laneIds, frames, holes) {
  let run = newRun(laneIds);
  const seen = [];
  const place = newPlace({
    replace: (snapshot) => {
      run = newRun(laneIds);
      applyEvents(run, snapshot.events);
      run.status = snapshot.status;
    },
    extend: (events) => applyEvents(run, events),
  });
  frames.forEach((frame, number) => place.take(frame) || seen.push(number));
  assert.deepEqual(seen, holes);
  const calls = (lane) => [...lane.calls.values()].map(({ key, state, text, retries }) => [key, state, text, retries]);
  const lanes = [...run.lanes.values()].map((lane) => [lane.id, lane.state, calls(lane).sort()]);
  return { status: run.status, lanes };
}
