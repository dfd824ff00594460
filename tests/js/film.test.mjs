import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { stretch } from "../../static/js/catalog/film.js";
import { applyEvents } from "../../static/js/run/reduce.js";
import { newRun } from "../../static/js/run/state.js";

const { facts, events } = JSON.parse(readFileSync(new URL("recorded_run.json", import.meta.url), "utf8"));

/** Return the events of one lane as a play has them: they all happened at once. */
const playOf = (id) => events.filter((event) => event.lane === id).map((event) => ({ ...event, at: 0 }));

for (const { id, title } of facts.lanes.filter((lane) => lane.id !== 14 && lane.id !== 12)) {
  test(`a film of ${title} ends as the play did, and no event of it comes too early`, () => {
    const film = stretch(playOf(id));
    const run = newRun([id]);

    for (const event of film) assert.equal(applyEvents(run, [event]), true);

    const calls = [...run.lanes.get(id).calls.values()];
    const whole = events.filter((event) => event.lane === id && event.kind === "call_finished");
    assert.deepEqual(calls.map((call) => call.text).sort(), whole.map((event) => event.text).sort());
    assert.ok(film.every((event, place) => place === 0 || film[place - 1].at <= event.at));
    assert.equal(film.at(-1).kind, "lane_finished");
    assert.equal(film.at(-1).seconds, film.at(-1).at / 1000);
  });
}

test("calls of a batch write at the same time, and what waited for them begins when they have ended", () => {
  const film = stretch(playOf(16));
  const starts = new Map(film.filter((event) => event.kind === "call_started").map((event) => [event.call, event.at]));
  const ends = new Map(film.filter((event) => event.kind === "call_finished").map((event) => [event.call, event.at]));

  assert.equal(starts.get("child-1.child-1"), starts.get("child-2.child-1"));
  for (const { call, after } of film.filter((event) => event.kind === "call_started")) {
    for (const key of after) assert.ok(starts.get(call) >= ends.get(key), `${call} after ${key}`);
  }
});

test("words appear while a call writes, not at its end", () => {
  const film = stretch(playOf(11));
  const shown = film.filter((event) => event.kind === "text_delta").map((event) => event.at);
  assert.ok(shown.length > 20 && shown.at(-1) - shown[0] > 2000);
});
