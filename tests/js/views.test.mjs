import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { figure } from "../../static/js/lib/format.js";
import { lookOf, savedBy, scoreOf } from "../../static/js/run/card.js";
import { findBest, isPopulation, layOutNodes, titleOf } from "../../static/js/run/nodes.js";
import { applyEvents } from "../../static/js/run/reduce.js";
import { lineOf, listRounds, sizeIn } from "../../static/js/run/round.js";
import { newRun } from "../../static/js/run/state.js";
import { scaleOf } from "../../static/js/run/statistics.js";
import { threadsOf } from "../../static/js/run/threads.js";

const { facts, events } = JSON.parse(readFileSync(new URL("recorded_run.json", import.meta.url), "utf8"));
const [TREE, THREADS] = [15, 16];

/** Return a lane of the recorded run after all its events, or the first of them. */
function laneOf(id, count = events.length) {
  const run = newRun(facts.lanes.map((lane) => lane.id));
  applyEvents(run, events.slice(0, count));
  return run.lanes.get(id);
}

const node = (name, level, under = [], more = {}) => ({ node: name, level, under, calls: [], title: "", value: null, state: "open", group: "", ...more });
const spotsOf = (nodes, width = 300, height = 168) => layOutNodes(nodes, width, height).spots;

test("a node that is placed again keeps its place in the order and takes its new state", () => {
  const nodes = laneOf(TREE).nodes;

  assert.deepEqual([...nodes.keys()], ["root", "a", "b", "c", "d", "e", "f", "g", "h"]);
  assert.deepEqual([...nodes.values()].map(({ state }) => state), ["open", "pruned", "kept", "kept", "pruned", "pruned", "final", "kept", "pruned"]);
  assert.equal(findBest([...nodes.values()]).node, "f");
});

test("a parent stands above the middle of its children, and no two nodes in one place", () => {
  const spots = spotsOf([...laneOf(TREE).nodes.values()]);

  assert.equal(spots.get("root").x, (spots.get("a").x + spots.get("d").x) / 2);
  assert.equal(spots.get("c").x, (spots.get("g").x + spots.get("h").x) / 2);
  assert.equal(new Set([...spots.values()].map(({ x, y }) => `${x} ${y}`)).size, spots.size);
  assert.deepEqual([...new Set([...spots.values()].map(({ y }) => y))].length, 3);
});

test("a thousand nodes and a chain of fifty levels are placed inside the picture", () => {
  const wide = [node("root", 0), ...Array.from({ length: 1000 }, (_, place) => node(`n${place}`, 1, ["root"]))];
  const deep = Array.from({ length: 50 }, (_, place) => node(`n${place}`, place, place ? [`n${place - 1}`] : []));
  for (const nodes of [wide, deep]) {
    const { spots, width, height } = layOutNodes(nodes, 300, 168);
    assert.ok([...spots.values()].every(({ x, y }) => x > 0 && x < width && y > 0 && y < height));
  }
});

test("a picture that is whole is as high as its nodes", () => {
  const two = layOutNodes([node("a", 1), node("b", 2, ["a"])], 300, 0);
  const lowest = Math.max(...[...two.spots.values()].map(({ y }) => y));

  assert.ok(two.height < 168 && two.height >= lowest + two.radius + 2);
  assert.equal(layOutNodes([node("a", 1), node("b", 2, ["a"])], 300).height, 168);
});

test("nodes whose parents are unknown, themselves, or in a circle are still placed", () => {
  const spots = spotsOf([node("a", 1, ["gone"]), node("b", 1, ["b"]), node("c", 1, ["d"]), node("d", 2, ["c"]), node("e", 0, ["d"])]);
  assert.ok([...spots.values()].every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
});

test("a population stands in order of arrival, island by island, and nobody moves when the next comes", () => {
  const members = ["one", "two"].flatMap((group) => [0, 1, 2].map((place) => node(`${group}-${place}`, 0, [], { group })));
  const child = node("one-3", 1, ["one-0", "one-2"], { group: "one" });

  assert.deepEqual([isPopulation(members), isPopulation([...members, child])], [false, true]);
  const [before, after] = [spotsOf(members), spotsOf([...members, child])];

  assert.ok(members.every(({ node: name }) => before.get(name).x === after.get(name).x));
  assert.ok(after.get("one-2").x < after.get("two-0").x);
  assert.equal(after.get("one-3").x, after.get("one-0").x);
  assert.deepEqual(layOutNodes(members, 300).groups.map(({ name }) => name), ["one", "two"]);
});

test("a picture is named by what it shows", () => {
  const loose = [node("a", 0, [], { group: "1" }), node("b", 0, [], { group: "2" })];
  assert.deepEqual([loose, [...loose, node("c", 1, ["a"])], [...loose, node("c", 1, ["a", "b"])], [node("a", 0)]].map(titleOf), ["Groups", "Tree", "Population", "Tree"]);
});

test("members with several parents are a population, the subtrees of a tree are not", () => {
  assert.equal(isPopulation([node("a", 0), node("b", 0), node("c", 1, ["a", "b"])]), true);
  assert.equal(isPopulation([node("a", 0, [], { group: "1" }), node("b", 0, [], { group: "2" }), node("c", 1, ["a"], { group: "1" })]), false);
});

test("subtrees stand apart, each with parents above the middle of their children", () => {
  const trees = ["1", "2"].flatMap((group) => [node(`root-${group}`, 0, [], { group }), ...["a", "b"].map((name) => node(`${name}-${group}`, 1, [`root-${group}`], { group }))]);
  const spots = spotsOf(trees);

  for (const group of ["1", "2"]) assert.equal(spots.get(`root-${group}`).x, (spots.get(`a-${group}`).x + spots.get(`b-${group}`).x) / 2);
  assert.ok(spots.get("b-1").x < spots.get("a-2").x);
});

test("a statistic keeps its values in order, with its threshold", () => {
  const points = laneOf(TREE).statistics.get("best value");
  assert.deepEqual(points.map(({ seen, threshold }) => [seen, threshold]), [[4, 0.9], [8, 0.9]]);
});

test("a chart runs from nothing to its highest value, in powers where values differ by far", () => {
  assert.equal(scaleOf([0.2, 0.8])(0.8), 1);
  assert.equal(scaleOf([0.2, 0.8])(0.4), 0.5);
  assert.equal(scaleOf([-1, 1])(0), 0.5);
  assert.ok(Math.abs(scaleOf([1, 10_000])(100) - 0.5) < 1e-9);
  assert.equal(scaleOf([0, 0])(0), 0.5);
});

test("threads stand under the call that spawned them and name the one that joined them", () => {
  const lane = laneOf(THREADS);
  const threads = threadsOf([...lane.calls.values()], lane);

  assert.deepEqual(
    threads.map(({ name, depth, from, into, calls }) => [name, depth, from, into, calls.length]),
    [["child-1", 1, "parent-1", "draft-1", 1], ["child-2", 1, "parent-1", "draft-1", 2], ["child-2.child-1", 2, "child-2.child-1", "child-2.child-2", 1]],
  );
});

test("cards of threads are small, the lane's own line is large", () => {
  const lane = laneOf(THREADS, events.findIndex((event) => event.lane === THREADS && event.kind === "round_closed"));
  const [round] = listRounds(lane);

  assert.equal(sizeIn(round, lane.calls.get("child-1.child-1"), "auto", 500), "small");
  assert.equal(sizeIn(round, lane.calls.get("draft-1"), "auto", 500), "medium");
});

test("branches of a tree are no threads: the tree shows them", () => {
  const lane = laneOf(TREE);
  assert.deepEqual(threadsOf([...lane.calls.values()], lane), []);
});

test("a pruned draft is neither unreadable nor an answer, and says what it saved at most", () => {
  const pruned = laneOf(TREE).calls.get("d.draft-1");

  assert.deepEqual(lookOf(pruned), { state: "pruned", word: "Pruned" });
  assert.equal(savedBy(pruned), pruned.maxTokens - pruned.tokens);
  assert.ok(pruned.tokens > 20 && pruned.tokens < 30);
  assert.equal(savedBy(laneOf(TREE).calls.get("a.draft-1")), 0);
});

test("a tool's use stands in the round that was open, or the last one", () => {
  assert.deepEqual(laneOf(TREE).tools.map(({ tool, output, round }) => [tool, output, round]), [["calculator", "5184", 2]]);
});

test("verdicts that say only yes or no are counted", () => {
  const verdicts = (...values) => ({ scores: new Map(values.map((value, place) => [`judge-${place}`, value])) });
  assert.equal(scoreOf(verdicts(1, 0, 1)), "2 of 3");
  assert.equal(scoreOf(verdicts(1)), "1.00");
  assert.equal(scoreOf(verdicts(1, 0.5)), "0.75");
});

test("figures have two or three digits", () => {
  assert.deepEqual([0, 0.8214, 12.34, 1234.5, -0.5, 7, 0.0123, 2_500_000].map(figure), ["0", "0.82", "12.3", "1,235", "-0.50", "7", "0.012", "2.5M"]);
});

test("a draft that ends in its thought says so", () => {
  const cut = { role: "draft", state: "done", answer: null, finishReason: "length", text: "", thinking: "" };
  const words = [{ thinking: "Hm" }, { text: " <think>Hm" }, { text: "<think>Hm</think>It" }, { text: "It", thinking: "Hm" }, { text: "It" }].map((says) => lookOf({ ...cut, ...says }).word);

  assert.deepEqual(words, ["Cut off thinking", "Cut off thinking", "Cut off", "Cut off", "Cut off"]);
});

test("a tool's line says what was asked and given; of a list, how long it is", () => {
  assert.equal(lineOf({ input: "6 \n* 7", output: " 42" }), "6 * 7 → 42");
  assert.equal(lineOf({ input: "zebras", output: "1.20  Zebras run.\n0.80  Zebras sleep." }), "2 lines for: zebras");
});
