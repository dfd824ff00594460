"""What viewers are sent: events cut into frames, each encoded once for everybody who sees the same lanes. Pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import orjson

from workers.live.stream import ENTRY_BYTES, Entry, Position

NOWHERE = -1
"""The cursor inside a snapshot of several frames: nobody can go on from there."""
_RUN_ENDED = b'"kind":"run_ended"'  # cannot stand inside a JSON string: its quotes would be escaped


class Frame(NamedTuple):
    """JSON for one viewer or many, and where it leads."""

    text: str
    position: Position | None = None
    """Where a viewer is who has taken it; None: where it was."""
    since: float = 0.0
    """When its oldest event happened, seconds since 1970; 0 for what is not live."""
    has_end: bool = False
    """The run's end is among its events."""


ENDED = Frame('{"ended":true}')
HEARTBEAT = Frame("{}")
"""Says nothing but that the connection lives."""


def is_end(entry: Entry) -> bool:
    """Say whether the run's end is among the entry's events."""
    return _RUN_ENDED in entry.events


class LaneEvent(NamedTuple):
    """One event as JSON, and its lane; 0: the run's."""

    lane: int
    body: bytes


def join_events(entries: Iterable[Entry]) -> bytes:
    """Return all events of some entries as one JSON array, without reading them; some entries may have none."""
    return b"[" + b",".join(events for entry in entries if (events := entry.events[1:-1])) + b"]"


def split_events(entries: Iterable[Entry]) -> list[LaneEvent]:
    """Return all events of some entries one by one."""
    events = (event for entry in entries for event in orjson.loads(entry.events))
    return [LaneEvent(event["lane"], orjson.dumps(event)) for event in events]


def pick_lanes(events: Iterable[LaneEvent], lanes: Collection[int]) -> bytes:
    """Return the events of these lanes, and of the run, as a JSON array."""
    return b"[" + b",".join(event.body for event in events if not event.lane or event.lane in lanes) + b"]"


def encode_events(events: bytes, prev: int, position: Position, since: float = 0.0) -> Frame:
    """Return the frame that leads from the offset `prev` to a position."""
    epoch, cursor = position
    text = f'{{"events":{events.decode()},"prev":{prev},"cursor":{cursor},"epoch":"{epoch}"}}'
    return Frame(text, position, since, _RUN_ENDED in events)


def encode_snapshot(pages: Sequence[bytes], position: Position, status: str) -> tuple[Frame, ...]:
    """Return a snapshot as frames. Only the last has a cursor to go on from: half a snapshot is none."""
    last = len(pages) - 1
    places = [Position(position.epoch, position.offset if number == last else NOWHERE) for number in range(last + 1)]
    head = (
        f'{{"snapshot":true,"epoch":"{position.epoch}","cursor":{places[0].offset},"status":"{status}",'
        f'"events":{pages[0].decode()}}}'
    )
    following = (encode_events(page, NOWHERE, place) for page, place in zip(pages[1:], places[1:], strict=True))
    return (Frame(head, places[0]), *following)


def first_page(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return as many entries from the first on as one frame takes; at least one, if there are any."""
    length = 0
    for number, entry in enumerate(entries):
        length += len(entry.events)
        if number and length > ENTRY_BYTES:
            return entries[:number]
    return entries
