import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { newFilm } from "../../static/js/run/film.js";
import { liveLedger } from "../../static/js/run/ledger.js";
import { findMarks } from "../../static/js/run/marks.js";
import { newRace } from "../../static/js/run/race.js";
import { applyEvents } from "../../static/js/run/reduce.js";
import { newRun } from "../../static/js/run/state.js";

const { facts, events } = JSON.parse(readFileSync(new URL("recorded_run.json", import.meta.url), "utf8"));
const laneIds = facts.lanes.map((lane) => lane.id);
const stored = events.filter((event) => event.kind !== "text_delta");
const film = newFilm(stored);
const A_STEP = 3; // tokens, of each call that writes: texts grow in steps of 40 ms
const AXES = { critical: "critical_path_tokens", total: "total_tokens" };

/** Return a run after these batches of events; none may leave a hole. */
function runAfter(...batches) {
  const run = newRun(laneIds);
  for (const batch of batches) assert.equal(applyEvents(run, batch), true);
  return run;
}

/** Return what a run is, but for the order in which different lanes' facts came. */
const plain = (run) => structuredClone({ status: run.status, lanes: [...run.lanes.values()].map((lane) => ({ ...lane, seen: [...lane.seen].sort() })) });
const whole = runAfter(stored);

for (const [axis, name] of Object.entries(AXES)) {
  const race = newRace(film, axis);

  for (const step of [race.length, 500, 61]) {
    test(`a race by ${axis} tokens seen in steps of ${step} ms ends as the run did`, () => {
      const batches = [race.between(-1, 0)];
      for (let at = 0; at < race.length; at += step) batches.push(race.between(at, Math.min(race.length, at + step)));

      const [seen, ended] = [plain(runAfter(...batches)), plain(whole)];

      for (const lane of [...seen.lanes, ...ended.lanes]) for (const call of lane.calls.values()) call.voidBefore = 0;
      assert.deepEqual(seen, ended);
    });
  }

  test(`a race by ${axis} tokens is as long as the lane that spent most`, () => {
    const most = Math.max(...[...whole.lanes.values()].map((lane) => lane.ending?.ledger[name] ?? 0));

    assert.equal(race.tokens(race.length), most);
    assert.ok(Math.abs(race.length - film.length) < 1e-6);
  });

  test(`in a race by ${axis} tokens a lane is over when its tokens are spent, and none is far ahead before`, () => {
    let [compared, over] = [0, 0];
    for (let at = 0; at < race.length; at += race.length / 97) {
      const spent = race.tokens(at);
      for (const lane of runAfter(race.between(-1, at)).lanes.values()) {
        const [now, all] = [liveLedger(lane)[name], whole.lanes.get(lane.id).ending?.ledger[name] ?? 0];
        if (all < spent) assert.ok(lane.ending, `${lane.id} at ${spent} of ${all}`);
        over += Number(all < spent);
        assert.ok(now <= spent + A_STEP * Math.max(1, lane.calls.size), `${lane.id} has ${now} at ${spent}`);
        compared += 1;
      }
    }
    assert.ok(compared > 500 && over > 50, `${compared} compared, ${over} over`);
  });

  test(`the marks of a race by ${axis} tokens stand on its track in the order of each lane`, () => {
    const places = findMarks(race, facts.lanes).map((mark) => mark.position);

    assert.ok(places.length > 5);
    assert.ok(places.every((place) => place >= 0 && place <= race.length + 1e-6));
  });
}

test("a race by the critical path shows parallel drafts at once, one by all tokens one after the other's price", () => {
  const usage = { prompt_tokens: 0, completion_tokens: 10, reasoning_tokens: 0, cached_tokens: 0 };
  const draft = (lane, key) => ({ lane, at: 0, kind: "call_started", call: key, round: 1, role: "draft", prompt: "p", seed: 1, max_tokens: 100, after: [] });
  const ended = (lane, key) => ({ lane, at: 1000, kind: "call_finished", call: key, text: "0123456789", thinking: "", answer: null, finish_reason: "stop", usage, first_token_at: 0, marks: Array.from({ length: 10 }, (_, place) => [place * 100, place + 1]), retries: 0 });
  const some = newFilm([draft(1, "draft-1"), draft(2, "draft-1"), draft(2, "draft-2"), ended(1, "draft-1"), ended(2, "draft-1"), ended(2, "draft-2")]);
  const textsAt = (race, at) => {
    const run = newRun([1, 2]);
    applyEvents(run, race.between(-1, at));
    return [1, 2].map((lane) => [...run.lanes.get(lane).calls.values()].map((call) => call.text.length));
  };

  const [critical, total] = [newRace(some, "critical"), newRace(some, "total")];

  assert.deepEqual(textsAt(critical, critical.length * 0.55), [[5], [5, 5]]);
  assert.deepEqual(textsAt(total, total.length * 0.55), [[10], [5, 5]]);
  assert.deepEqual([critical.tokens(critical.length), total.tokens(total.length)], [10, 20]);
});
