"""What a viewer who comes late needs: every fact so far, and the text of calls that are still being written."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from django.db.models import Q

from webapp.runs.models import Event, Run
from webapp.runs.recording import redis_now
from workers.live import stream

_CALL_ENDS = {"call_finished", "call_failed", "call_cancelled"}
_TEXT_BEGINS = {"call_started", "call_restarted"}
OpenCall = tuple[int, str]


class Snapshot(NamedTuple):
    """A run up to a position in its log. Events behind that position continue it; applying some twice is harmless."""

    position: stream.Position
    status: str
    events: list[dict[str, Any]]


def take_snapshot(run_id: str, lane_ids: Sequence[int]) -> Snapshot:
    """Return the state of some lanes of a run.

    The position is read first: what is written meanwhile may come twice, but nothing can be missed.
    """
    position = stream.read_position(redis_now(), run_id)
    # The status before the facts: it is committed together with the last of them, so "finished" implies all.
    status = Run.objects.values_list("status", flat=True).get(pk=run_id)
    facts = list(
        Event.objects.filter(Q(lane_id__in=lane_ids) | Q(run_id=run_id, lane=None)).values_list("body", flat=True)
    )
    open_calls = _find_open_calls(facts)
    if open_calls and position.offset:
        facts += _join(reversed(list(read_open_deltas(run_id, position.offset, open_calls))))
    return Snapshot(position, status, facts)


def _find_open_calls(facts: Sequence[dict[str, Any]]) -> set[OpenCall]:
    calls: set[OpenCall] = set()
    for fact in facts:
        if fact["kind"] == "call_started":
            calls.add((fact["lane"], fact["call"]))
        elif fact["kind"] in _CALL_ENDS:
            calls.discard((fact["lane"], fact["call"]))
    return calls


def read_open_deltas(run_id: str, top: int, calls: Iterable[OpenCall]) -> Iterator[dict[str, Any]]:
    """Yield what the log has of the last attempt at each call, newest first, from offset `top` back."""
    missing = set(calls)
    while missing and top > 0 and (entries := stream.read_back(redis_now(), run_id, top)):
        for entry in entries:
            for event in reversed(orjson.loads(entry.events)):
                call = (event["lane"], event.get("call"))
                if event["kind"] == "lane_resumed":
                    missing = {open_call for open_call in missing if open_call[0] != event["lane"]}
                elif call in missing and event["kind"] == "text_delta":
                    yield event
                elif call in missing and event["kind"] in _TEXT_BEGINS:
                    missing.discard(call)
        top = entries[-1].offset - 1


class _Text:
    """One channel of a call, put together again."""

    def __init__(self, first: dict[str, Any]) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._first = self._last = first

    def add(self, delta: dict[str, Any]) -> None:
        """Append what joins on. What the log has lost is filled up: the whole text comes when the call ends."""
        if (lost := delta["start"] - self._length) > 0:
            self._parts.append("…".ljust(lost))
            self._length += lost
        if lost >= 0:
            self._parts.append(delta["text"])
            self._length += _units(delta["text"])
            self._last = delta

    def whole(self) -> dict[str, Any]:
        return {**self._last, "at": self._first["at"], "start": 0, "text": "".join(self._parts)}


def _join(deltas: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one delta for each call and channel."""
    texts: dict[tuple[int, str, str], _Text] = {}
    for delta in deltas:
        key = (delta["lane"], delta["call"], delta["channel"])
        if key not in texts:
            texts[key] = _Text(delta)
        texts[key].add(delta)
    return [text.whole() for text in texts.values()]


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
