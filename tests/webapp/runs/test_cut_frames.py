"""What is sent at once, and where one can go on from."""

import json

import pytest

from webapp.runs.frames import (
    NOWHERE,
    encode_snapshot,
    first_page,
    join_events,
    pick_lanes,
    split_events,
)
from workers.core.events import NoteTaken
from workers.live.stream import ENTRY_BYTES, Entry, Position, cut_entries, encode

LONG = b'{"lane":1,"text":"%b"}' % (b"x" * 100_000)


def test_a_long_snapshot_is_several_frames_and_only_the_last_leads_anywhere():
    pages = list(cut_entries([LONG] * 7))

    frames = [json.loads(frame.text) for frame in encode_snapshot(pages, Position("e", 9), "running")]

    assert [len(frame["events"]) for frame in frames] == [2, 2, 2, 1]
    assert [frame.get("snapshot", False) for frame in frames] == [True, False, False, False]
    assert [frame["cursor"] for frame in frames] == [NOWHERE, NOWHERE, NOWHERE, 9]
    assert [frame["prev"] for frame in frames[1:]] == [NOWHERE] * 3


def test_many_long_drafts_that_end_together_are_several_entries_of_the_log():
    notes = [NoteTaken(lane=1, at=0, index=number, text="x" * 100_000) for number in range(5)]

    entries = encode(notes)

    assert max(map(len, entries)) < ENTRY_BYTES
    assert [event["index"] for entry in entries for event in json.loads(entry)] == list(range(5))


def test_no_entry_of_many_small_events_is_longer_than_one_may_be():
    entries = list(cut_entries([b"{}"] * ENTRY_BYTES))

    assert max(map(len, entries)) <= ENTRY_BYTES
    assert sum(len(json.loads(entry)) for entry in entries) == ENTRY_BYTES


def test_a_short_snapshot_is_one_frame():
    (frame,) = encode_snapshot(list(cut_entries([])), Position("", 0), "queued")

    assert json.loads(frame.text) == {"snapshot": True, "epoch": "", "cursor": 0, "status": "queued", "events": []}


@pytest.mark.parametrize(
    ("sizes", "taken"), [([], 0), ([10], 1), ([ENTRY_BYTES * 2, 1], 1), ([ENTRY_BYTES // 2] * 5, 2)]
)
def test_a_page_takes_what_fits_and_at_least_one_entry(sizes, taken):
    entries = [Entry(offset, b"x" * size, 0.0) for offset, size in enumerate(sizes, 1)]

    assert list(first_page(entries)) == entries[:taken]


def test_entries_are_joined_to_one_array_even_if_some_are_empty():
    entries = [Entry(offset, events, 0.0) for offset, events in enumerate((b"[]", b'["a"]', b"[]", b'["b","c"]'), 1)]

    assert json.loads(join_events(entries)) == ["a", "b", "c"]
    assert join_events(entries[:1]) == b"[]"


def test_a_part_of_a_run_gets_its_lanes_and_the_runs_own_events():
    entries = [Entry(1, b'[{"lane":1,"a":1},{"lane":2}]', 0.0), Entry(2, b'[{"lane":0}]', 0.0)]

    assert pick_lanes(split_events(entries), {2}) == b'[{"lane":2},{"lane":0}]'
