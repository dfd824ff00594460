import assert from "node:assert/strict";
import test from "node:test";
import { diffWords, finishedLines } from "../../static/js/lib/diff.js";
import { clock, full, niceCeiling, short } from "../../static/js/lib/format.js";
import { splitBlocks, splitFormulas } from "../../static/js/lib/maths.js";
import { scoreOf, tailOf } from "../../static/js/run/card.js";
import { columnWidths, layOut } from "../../static/js/run/grid.js";
import { waitBefore } from "../../static/js/run/socket.js";
import { findLeader, orderRows } from "../../static/js/run/votes.js";

/** A small generator of our own: the same numbers every time. */
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state;
  }
}

const join = (changes, ...kinds) => changes.filter((change) => kinds.includes(change.kind)).map((change) => change.text).join("");

test("a diff spells both texts", () => {
  const chance = numbers(7);
  const words = ["a", "bb", "  ", "\n", " ", "c.", "\n\n", "𝒜"];
  const text = () => Array.from({ length: chance.next().value % 40 }, () => words[chance.next().value % words.length]).join("");
  for (let round = 0; round < 300; round += 1) {
    const [before, after] = [text(), text()];
    const changes = diffWords(before, after);
    assert.equal(join(changes, "same", "removed"), before);
    assert.equal(join(changes, "same", "added"), after);
  }
});

test("a diff keeps what did not change", () => {
  assert.deepEqual(diffWords("the count is 12", "the count is 24"), [
    { kind: "same", text: "the count is " },
    { kind: "removed", text: "12" },
    { kind: "added", text: "24" },
  ]);
});

test("two huge texts are still compared at once", () => {
  const changes = diffWords("x ".repeat(30_000), "y ".repeat(30_000));
  assert.ok(changes.length >= 2);
  assert.equal(join(changes, "same", "added"), "y ".repeat(30_000));
});

test("only finished lines count as finished", () => {
  assert.equal(finishedLines("one\ntwo\nthr"), "one\ntwo\n");
  assert.equal(finishedLines("one"), "");
});

test("votes keep the row in which they first appeared", () => {
  const one = [{ answer: "5", calls: ["draft-3"] }];
  const two = [{ answer: "7", calls: ["draft-1"] }, { answer: "5.0", calls: ["draft-2", "draft-3"] }];

  const rows = orderRows(orderRows([], one), two);

  assert.deepEqual(rows, ["draft-3", "draft-1"]);
  assert.deepEqual(orderRows(rows, two), rows);
});

test("the leader is the answer with most votes, the first row of equals", () => {
  const tallies = [{ answer: "7", calls: ["draft-1"] }, { answer: "5", calls: ["draft-3"] }];
  assert.equal(findLeader({ tallies }, ["draft-3", "draft-1"]).answer, "5");
  assert.equal(findLeader({ tallies: [] }, []), null);
});

test("formulas are cut out of text, and together the pieces are the text", () => {
  const kinds = splitFormulas("So $x^2$ and \\(y\\) give $$z$$ hence \\boxed{\\frac{1}{2}}.").map((piece) => [piece.kind, piece.text]);
  assert.deepEqual(kinds, [
    ["text", "So "], ["inline", "x^2"], ["text", " and "], ["inline", "y"], ["text", " give "], ["display", "z"],
    ["text", " hence "], ["inline", "\\boxed{\\frac{1}{2}}"], ["text", "."],
  ]); // prettier-ignore
});

test("money, half formulas and escaped dollars stay text", () => {
  for (const text of ["it costs $5 and $6 more", "open $x + 1", "a \\$5 note", "\\boxed{never closed", "$$ open", "$ a $"]) {
    assert.deepEqual(splitFormulas(text), [{ kind: "text", text }]);
  }
});

test("cutting a hostile text takes no time to speak of", () => {
  for (const part of ["$", "$$", "\\(", "\\boxed{", "\\[", "{", "\n\n$$"]) {
    const pieces = splitFormulas(part.repeat(60_000 / part.length));
    assert.ok(pieces.length > 0);
    splitBlocks(part.repeat(60_000 / part.length));
  }
});

test("a formula is found up to its longest length, and not beyond", () => {
  const [longest, longer] = [4000, 4001].map((length) => `\\(${"x".repeat(length)}\\) end`);
  assert.deepEqual(splitFormulas(longest).map((piece) => piece.kind), ["inline", "text"]);
  assert.deepEqual(splitFormulas(longer), [{ kind: "text", text: longer }]);
});

test("blocks end at blank lines, not inside a display formula, and together are the text", () => {
  const text = "one\n\ntwo $$a\n\nb$$\n\n\nthree";
  assert.deepEqual(splitBlocks(text), ["one\n\n", "two $$a\n\nb$$\n\n\n", "three"]);
  assert.equal(splitBlocks(text).join(""), text);
  assert.deepEqual(splitBlocks(""), [""]);
});

test("a tail begins at a line or word and moves in steps", () => {
  const text = Array.from({ length: 400 }, (_, place) => `word${place}`).join(" ");
  let starts = 0;
  let last = "";
  for (let end = 1500; end < 2300; end += 1) {
    const tail = tailOf(text.slice(0, end), 400);
    assert.ok(text.slice(0, end).endsWith(tail) && tail.length >= 400 && /^word/.test(tail));
    const start = tail.slice(0, 12);
    if (start !== last) starts += 1;
    last = start;
  }
  assert.equal(starts, 3);
});

test("a tail never begins with half a character", () => {
  for (let extra = 0; extra < 9; extra += 1) {
    const first = tailOf("x".repeat(extra) + "😀".repeat(900), 400).charCodeAt(0);
    assert.notEqual(first & 0xfc00, 0xdc00);
  }
});

test("lanes stand side by side, then in two rows, then as tabs", () => {
  assert.deepEqual(layOut(4, 1400, 680), { columns: 4, rows: 1 });
  assert.deepEqual(layOut(8, 1400, 680), { columns: 4, rows: 2 });
  assert.deepEqual(layOut(6, 1400, 680), { columns: 3, rows: 2 });
  assert.equal(layOut(8, 1400, 400), null);
  assert.equal(layOut(4, 984, 540), null);
  assert.equal(layOut(2, 358, 700), null);
});

test("the focused lane is widest, a single call's the narrowest", () => {
  const lanes = [{ estimate: { calls: 1 } }, { estimate: { calls: 8 } }, { estimate: null }];
  assert.equal(columnWidths(lanes, 2), "1fr 1.13fr 1.5fr");
});

test("waiting doubles, never passes its limit, and is spread", () => {
  assert.equal(waitBefore(1, 0.999) < 500, true);
  assert.equal(waitBefore(2, 0), 500);
  assert.equal(waitBefore(50, 0.5) <= 15_000, true);
  assert.notEqual(waitBefore(5, 0.1), waitBefore(5, 0.9));
});

test("numbers read as people write them", () => {
  assert.deepEqual([full(12_345), short(999), short(98_412), short(1_250_000)], ["12,345", "999", "98.4k", "1.3M"]);
  assert.deepEqual([clock(0), clock(107_900), clock(3_661_000)], ["0:00", "1:47", "1:01:01"]);
  assert.deepEqual([niceCeiling(1), niceCeiling(1001), niceCeiling(200), niceCeiling(0)], [1, 2000, 200, 1]);
});

test("a draft's score is the mean of its judges, and nothing before the first", () => {
  assert.equal(scoreOf({ scores: new Map() }), "");
  assert.equal(scoreOf({ scores: new Map([["judge-1", 0]]) }), "0.00");
  assert.equal(scoreOf({ scores: new Map([["judge-1", 0.9], ["judge-2", 0.6]]) }), "0.75");
});
