import assert from "node:assert/strict";
import test from "node:test";
import { newPlace } from "../../static/js/run/place.js";
import { waitBefore } from "../../static/js/run/socket.js";

const snapshot = { snapshot: true, epoch: "a", cursor: 7, status: "running", events: [] };

/** Return a place and what its reader was told. */
function begin(isWhole = true) {
  const told = [];
  const place = newPlace({ replace: () => told.push("snapshot"), extend: (events) => (told.push(events), isWhole) });
  return { place, told };
}

const frame = (prev, cursor, events = ["x"], epoch = "a") => ({ events, prev, cursor, epoch });

test("from nowhere only a snapshot helps", () => {
  const { place, told } = begin();

  assert.equal(place.take(frame(0, 1)), false);
  assert.equal(place.query("row=2"), "row=2");
  assert.deepEqual(told, []);
});

test("frames go on from the snapshot, and a break is taken up behind the last", () => {
  const { place, told } = begin();

  assert.ok(place.take(snapshot) && place.take(frame(7, 9)) && place.take({}));

  assert.equal(place.query("row=2&repeat=1"), "row=2&repeat=1&after=9&epoch=a");
  assert.deepEqual(told, ["snapshot", ["x"]]);
});

for (const [name, hole] of Object.entries({ hole: frame(8, 9), repeat: frame(6, 7), epoch: frame(7, 8, ["x"], "b") })) {
  test(`what does not join on is not shown: ${name}`, () => {
    const { place, told } = begin();
    place.take(snapshot);

    assert.equal(place.take(hole), false);

    assert.deepEqual(told, ["snapshot"]);
    assert.equal(place.query(""), "");
  });
}

test("text that does not join on makes the place void", () => {
  const { place } = begin(false);
  place.take(snapshot);

  assert.equal(place.take(frame(7, 8)), false);
  assert.equal(place.query(""), "");
});

test("half a snapshot is no place to go on from", () => {
  const { place } = begin();

  assert.ok(place.take({ ...snapshot, cursor: -1 }) && place.take(frame(-1, -1)));
  assert.equal(place.query(""), "");

  assert.ok(place.take(frame(-1, 7)));
  assert.equal(place.query(""), "after=7&epoch=a");
});

test("who came before there was a log goes on with none: what it begins with may be lost already", () => {
  const { place, told } = begin();
  place.take({ ...snapshot, epoch: "", cursor: 0 });

  assert.equal(place.take(frame(0, 1, ["x"], "new")), false);
  assert.deepEqual(told, ["snapshot"]);
});

test("waits double up to a quarter of a minute, and differ", () => {
  assert.deepEqual([1, 2, 3, 9].map((tries) => waitBefore(tries, 0)), [250, 500, 1000, 7500]);
  assert.ok(waitBefore(9, 0.999) < 15_000);
});
