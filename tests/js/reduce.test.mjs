import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { applyEvents, identify } from "../../static/js/run/reduce.js";
import { newRun } from "../../static/js/run/state.js";

const { facts, events } = JSON.parse(readFileSync(new URL("recorded_run.json", import.meta.url), "utf8"));
const laneIds = facts.lanes.map((lane) => lane.id);
const started = { lane: 11, at: 1, kind: "call_started", call: "draft-1", round: 1, role: "draft", prompt: "p", seed: 1, max_tokens: 9, after: [] };

/** Play events from nothing. */
function play(...parts) {
  const run = newRun(laneIds);
  for (const part of parts) assert.equal(applyEvents(run, part), true);
  return run;
}

const delta = (start, text, extra = {}) => ({ lane: 11, at: 2, kind: "text_delta", call: "draft-1", channel: "answer", start, text, tokens: 1, ...extra });
const textOf = (run) => run.lanes.get(11).calls.get("draft-1").text;

test("a recorded run ends with the texts of its finished calls", () => {
  const run = play(events);

  for (const event of events.filter((each) => each.kind === "call_finished")) {
    assert.equal(run.lanes.get(event.lane).calls.get(event.call).text, event.text);
  }
  assert.equal(run.status, "finished");
});

test("deltas alone give the text that the finished call states", () => {
  const run = newRun(laneIds);
  let compared = 0;
  for (const event of events) {
    if (event.kind === "call_finished") {
      const call = run.lanes.get(event.lane).calls.get(event.call);
      assert.equal(call.text, event.text);
      assert.equal(call.thinking, event.thinking);
      compared += 1;
    }
    applyEvents(run, [event]);
  }
  assert.ok(compared > 20);
});

test("any prefix applied twice changes nothing", () => {
  for (let cut = 0; cut <= events.length; cut += 13) {
    const prefix = events.slice(0, cut);
    assert.deepEqual(play(prefix, prefix), play(prefix));
  }
});

test("going on from a state that already holds the next events changes nothing", () => {
  const whole = play(events);
  for (let cut = 0; cut <= events.length; cut += 17) {
    const ahead = Math.min(events.length, cut + 60);
    assert.deepEqual(play(events.slice(0, ahead), events.slice(cut)), whole);
  }
});

test("any split into a snapshot and the rest gives the whole", () => {
  const whole = play(events);
  for (let cut = 0; cut <= events.length; cut += 11) {
    const snapshot = snapshotOf(events.slice(0, cut));
    assert.deepEqual(texts(play(snapshot, events.slice(cut))), texts(whole));
  }
});

/** Facts, then one delta for each open channel: what the server gives a late viewer. */
function snapshotOf(prefix) {
  const run = play(prefix);
  const open = [...run.lanes.values()].flatMap((lane) =>
    [...lane.calls.values()].filter((call) => call.state === "running").flatMap((call) =>
      [["answer", call.text], ["thinking", call.thinking]].filter(([, text]) => text).map(([channel, text]) => ({
        lane: lane.id, at: prefix.at(-1).at, kind: "text_delta", call: call.key, channel, start: 0, text, tokens: call.tokens,
      }))));
  return [...prefix.filter((event) => event.kind !== "text_delta"), ...open];
}

const texts = (run) => [...run.lanes.values()].map((lane) => [...lane.calls.values()].map((call) => [call.key, call.state, call.text, call.thinking, call.answer]));

test("a delta that does not join on is a gap, and adds nothing", () => {
  const run = play([started, delta(0, "Let ")]);

  assert.equal(applyEvents(run, [delta(9, "x = 2")]), false);
  assert.equal(textOf(run), "Let ");
});

test("a delta of an unknown call is a gap", () => {
  assert.equal(applyEvents(newRun(laneIds), [delta(0, "Let ")]), false);
});

test("an overlapping delta adds only what is new", () => {
  assert.equal(textOf(play([started, delta(0, "Let x"), delta(4, "x = 2")])), "Let x = 2");
});

test("places are counted in UTF-16 units", () => {
  assert.equal(textOf(play([started, delta(0, "𝒜😀"), delta(4, " is a set"), delta(2, "😀 is")])), "𝒜😀 is a set");
});

test("a restarted call begins anew, and late text of the first attempt stays void", () => {
  const restarted = { lane: 11, at: 5, kind: "call_restarted", call: "draft-1", retry: 1, error: "cut", abandoned_tokens: 4 };
  const run = play([started, delta(0, "a long first attempt"), restarted, delta(0, "short", { at: 6 })]);

  applyEvents(run, [started, delta(0, "a long first attempt"), restarted, delta(0, "short", { at: 6 })]);

  assert.equal(textOf(run), "short");
  assert.equal(run.lanes.get(11).calls.get("draft-1").abandonedTokens, 4);
});

test("a resumed lane empties open calls and keeps finished ones", () => {
  const cut = events.findIndex((event) => event.kind === "lane_resumed");
  const lane = play(events.slice(0, cut + 1)).lanes.get(14);

  const calls = [...lane.calls.values()];
  assert.ok(calls.some((call) => call.state === "done" && call.text));
  assert.ok(calls.some((call) => call.state === "running"));
  assert.ok(calls.every((call) => call.state !== "running" || call.text === ""));
});

const factsOf = (part) => part.filter((event) => event.kind !== "text_delta");

test("who saw it live and who reads the link later end in the same state", () => {
  assert.deepEqual(play(events), play(factsOf(events)));
});

const usage = { prompt_tokens: 9, completion_tokens: 3, reasoning_tokens: 0, cached_tokens: 0 };
const ended = { lane: 11, at: 9, call: "draft-1", text: "new", thinking: "", usage };
const endings = {
  finished: { ...ended, kind: "call_finished", answer: null, finish_reason: "stop", first_token_at: 7, retries: 0, marks: [] },
  failed: { ...ended, kind: "call_failed", error: "The worker died while it was written." },
  cancelled: { ...ended, kind: "call_cancelled" },
};

for (const [name, ending] of Object.entries(endings)) {
  test(`a draft that a dying worker cut, then ${name}, is the same live and later`, () => {
    const resumed = { lane: 11, at: 5, kind: "lane_resumed", fence: 2 };
    const live = [started, delta(0, "a long first attempt"), resumed, started, delta(0, "ne", { at: 7 }), ending];

    const run = play(live);

    assert.equal(textOf(run), "new");
    assert.deepEqual(run, play(factsOf(live)));
    assert.deepEqual(run, play(live.slice(0, 5), live));
  });
}

test("text of the old worker that comes behind the take-over changes nothing", () => {
  const resumed = { lane: 11, at: 5, kind: "lane_resumed", fence: 2 };
  assert.equal(textOf(play([started, delta(0, "old "), resumed, delta(4, "text", { at: 4 }), delta(0, "new", { at: 6 })])), "new");
});

test("events of other lanes change nothing", () => {
  assert.deepEqual(play([{ ...started, lane: 99 }]), newRun(laneIds));
});

test("a fact that only a newer worker knows changes nothing but what was seen", () => {
  const run = play([started, { lane: 11, at: 6, kind: "told_next_year", call: "draft-1" }, delta(0, "Let ")]);
  run.lanes.get(11).seen.delete("told_next_year:draft-1");

  assert.deepEqual(run, play([started, delta(0, "Let ")]));
});

test("touches name what must be painted", () => {
  const touched = [];
  applyEvents(newRun(laneIds), [started, delta(0, "Let ")], (lane, what) => touched.push([lane, what]));
  assert.deepEqual(touched, [[11, "body"], [11, "draft-1"]]);
});

test("every fact of a lane has an identity of its own", () => {
  const names = events.filter((event) => event.kind !== "text_delta").map((event) => `${event.lane} ${identify(event)}`);
  assert.equal(new Set(names).size, names.length);
});
