import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { newClock } from "../../static/js/run/clock.js";
import { newFilm } from "../../static/js/run/film.js";
import { findMarks, placeLabels } from "../../static/js/run/marks.js";
import { applyEvents } from "../../static/js/run/reduce.js";
import { newRun } from "../../static/js/run/state.js";

const { facts, events } = JSON.parse(readFileSync(new URL("recorded_run.json", import.meta.url), "utf8"));
const laneIds = facts.lanes.map((lane) => lane.id);
const stored = events.filter((event) => event.kind !== "text_delta");
const film = newFilm(stored);
const LATE_MS = 60; // marks are 40 ms apart, and each tells of what came until the next

/** Return a run after these batches of events; none may leave a hole. */
function runAfter(...batches) {
  const run = newRun(laneIds);
  for (const batch of batches) assert.equal(applyEvents(run, batch), true);
  return run;
}

const callsOf = (run) => [...run.lanes.values()].flatMap((lane) => [...lane.calls.values()].map((call) => [`${lane.id} ${call.key}`, call]));

/** Return what a run is, but for the order in which different lanes' facts came. */
const plain = (run) => structuredClone({ status: run.status, lanes: [...run.lanes.values()].map((lane) => ({ ...lane, seen: [...lane.seen].sort() })) });

for (const step of [film.length, 1000, 97, 16]) {
  test(`a film seen in steps of ${step} ms ends as the run did`, () => {
    const batches = [film.between(-1, 0)];
    for (let at = 0; at < film.length; at += step) batches.push(film.between(at, Math.min(film.length, at + step)));

    const seen = plain(runAfter(...batches));

    const whole = plain(runAfter(stored));
    for (const lane of [...seen.lanes, ...whole.lanes]) for (const call of lane.calls.values()) call.voidBefore = 0;
    assert.deepEqual(seen, whole);
  });
}

test("a jump to a moment shows the same as playing until then", () => {
  for (const at of [0, 250, 3050, 6600, film.length - 1]) {
    const steps = Array.from({ length: 40 }, (_, place) => film.between(place ? ((place - 1) * at) / 39 : -1, (place * at) / 39));
    const strip = (run) => callsOf(run).map(([key, call]) => [key, call.state, call.text, call.thinking, call.tokens]);
    assert.deepEqual(strip(runAfter(film.between(-1, at))), strip(runAfter(...steps)));
  }
});

test("at every moment texts are as long as they were when viewers watched it live", () => {
  const sure = new Set(stored.filter((event) => event.kind === "call_finished" && event.retries === 0).map((event) => `${event.lane} ${event.call}`));
  const resumed = new Set(stored.filter((event) => event.kind === "lane_resumed").map((event) => event.lane));
  let compared = 0;
  for (let at = 0; at < film.length; at += 200) {
    const upTo = (/** @type {number} */ ms) => new Map(callsOf(runAfter(events.filter((event) => event.at <= ms))));
    const [early, late] = [upTo(film.toRun(at) - LATE_MS), upTo(film.toRun(at) + LATE_MS)];
    for (const [key, call] of callsOf(runAfter(film.between(-1, at)))) {
      if (!sure.has(key) || resumed.has(Number(key.split(" ")[0])) || call.state !== "running") continue;
      const length = (other) => (other ? other.text.length + other.thinking.length : 0);
      assert.ok(length(call) >= length(early.get(key)) && length(call) <= length(late.get(key)), `${key} at ${at}`);
      compared += 1;
    }
  }
  assert.ok(compared > 300, `${compared} texts compared`);
});

const call = (at, key, lane = 1) => ({ lane, at, kind: "call_started", call: key, round: 1, role: "draft", prompt: "p", seed: 1, max_tokens: 100, after: [], thread: "", model: "" });
const usage = { prompt_tokens: 3, completion_tokens: 10, reasoning_tokens: 0, cached_tokens: 0 };
const ended = (at, key, more) => ({ lane: 1, at, kind: "call_finished", call: key, text: "0123456789", thinking: "", answer: null, finish_reason: "stop", usage, first_token_at: 100, marks: [], retries: 0, stopped_by: "", odds: null, ...more });
const textAt = (some, at) => {
  const run = newRun([1]);
  applyEvents(run, some.between(-1, at));
  return run.lanes.get(1).calls.get("draft-1").text;
};

test("a text without marks appears evenly, and the film says so where words were stored without their times", () => {
  const broken = newFilm([call(0, "draft-1"), ended(1000, "draft-1", { kind: "call_failed", error: "gone" })]);
  assert.deepEqual([0, 250, 500, 999, 1000].map((at) => textAt(broken, at).length), [0, 2, 5, 9, 10]);
  assert.equal(broken.isEven, true);
  assert.equal(newFilm([call(0, "draft-1"), ended(1000, "draft-1", { marks: [[10, 10]] })]).isEven, false);
});

test("marks count characters, a browser half ones: none is cut in two", () => {
  const text = "a😀b😀c";
  const some = newFilm([call(0, "draft-1"), ended(1000, "draft-1", { text, first_token_at: 100, marks: [[100, 1], [200, 2], [300, 4], [400, 5]] })]);
  assert.deepEqual([99, 100, 200, 300, 400].map((at) => textAt(some, at)), ["", "a", "a😀", "a😀b😀", text]);

  const even = newFilm([call(0, "draft-1"), ended(1000, "draft-1", { kind: "call_cancelled", text: "😀".repeat(20) })]);
  for (let at = 0; at < 1000; at += 7) assert.equal(textAt(even, at).length % 2, 0);
});

test("what an attempt wrote that was given up is lost: the text begins with the last one", () => {
  const restarted = { lane: 1, at: 400, kind: "call_restarted", call: "draft-1", retry: 1, error: "", abandoned_tokens: 4, abandoned_prompt_tokens: 0, is_estimate: false };
  const some = newFilm([call(0, "draft-1"), restarted, ended(1000, "draft-1", { first_token_at: 500, marks: [[100, 2], [300, 10]], retries: 1 })]);
  assert.deepEqual([399, 499, 500, 699, 700].map((at) => textAt(some, at).length), [0, 0, 2, 2, 10]);
});

test("a pause in which nothing happened is short, and a film begins with its first fact", () => {
  const late = [
    { lane: 1, at: 60_000, kind: "lane_started" }, call(60_000, "draft-1"), ended(62_000, "draft-1", { first_token_at: 60_100, marks: [[100, 10]] }),
    call(92_000, "draft-2"), ended(94_000, "draft-2", { first_token_at: 92_100, marks: [[100, 10]] }),
    { lane: 0, at: 900_000, kind: "run_ended", status: "finished" },
  ]; // prettier-ignore
  const some = newFilm(late);

  assert.equal(some.length, 2000 + 1000 + 2000);
  assert.equal(some.hasPauses, true);
  assert.deepEqual([0, 2000, 2999, 3001, 5000].map(some.toRun), [60_000, 62_000, 62_999, 92_001, 94_000]);
  for (let at = 0; at <= some.length; at += 100) assert.equal(some.toFilm(some.toRun(at)), at);
  assert.equal(some.between(-1, some.length).at(-1).kind, "run_ended");
});

test("facts that were heard twice play once, and a late one about the past shows no earlier than what was stored before it", () => {
  const some = newFilm([call(500, "draft-1"), { lane: 1, at: 200, kind: "round_opened", index: 1, name: "Drafts" }, call(500, "draft-1")]);
  assert.deepEqual(some.dues.map(({ at, fact }) => [at, fact.kind]), [[500, "call_started"], [500, "round_opened"]]);
});

test("the clock plays at its speed, jumps over no time that nobody saw, and stops at the end", () => {
  const clock = newClock(10_000);
  clock.seek(1000);
  clock.setSpeed(4);
  clock.play(50);
  assert.equal(clock.tick(150), 1400);
  assert.equal(clock.tick(60_000), 1400 + 4 * 250); // the page was hidden
  clock.pause();
  assert.equal(clock.tick(60_100), 2400);
  clock.seek(9999);
  clock.play(0);
  assert.equal(clock.tick(100), 10_000);
  assert.equal(clock.isPlaying(), false);
  clock.play(0);
  assert.equal(clock.position(), 0, "from the end it plays from the begin");
  clock.seek(-5);
  assert.equal(clock.position(), 0);
});

test("rounds and ends of lanes are marked, and labels that would touch are left out, ends last of all", () => {
  const marks = findMarks(film, facts.lanes);
  assert.ok(marks.every((mark, place) => mark.position >= (marks[place - 1]?.position ?? 0) && mark.position <= film.length));
  assert.equal(marks.filter((mark) => mark.isEnd).length, laneIds.length);
  assert.ok(marks.some((mark) => mark.label === `${facts.lanes[0].short} ends`));

  for (const width of [200, 600, 1200]) {
    const spots = placeLabels(marks, film.length, width).sort((one, other) => one.left - other.left);
    assert.ok(spots.every((spot, place) => spot.left >= 0 && spot.right <= width && (place === 0 || spots[place - 1].right <= spot.left)));
    assert.ok(spots.length > 0);
  }
  assert.ok(placeLabels(marks, film.length, 1200).some((spot) => spot.mark.isEnd));
});
