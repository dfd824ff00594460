"""Gather what lanes emit, and hand it on about 25 times a second: facts to the database, everything to the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from workers.core.beat import BEAT_SECONDS, next_beat
from workers.core.events import Event, LaneEnd, TextDelta, VotesCounted

_AFTER_BEAT_SECONDS = 0.005
"""Streams are read at the beat; a little later all of them have been."""
_TOGETHER_SECONDS = 0.004
_MOST_WAITS = 3
"""What happens so close together is stored by one commit: the last drafts, their vote, the lane's end."""
_BEGINNINGS = frozenset({"lane_started", "round_opened", "call_started"})
"""They come while the requests of a round are being sent, and storing them would delay those."""

Save = Callable[[Sequence[Event], dict[str, str]], Awaitable[None]]
Publish = Callable[[Sequence[Event], float], Awaitable[None]]
"""Given the events, and when the oldest of them happened, in seconds since 1970."""


class Outbox:
    """A queue between lanes and the outside. `emit` never waits; `run` flushes until `close`.

    Facts are saved before they are published: a viewer never sees what a crash could undo.
    """

    def __init__(self, save: Save, publish: Publish) -> None:
        """Take the two ways out: `save(facts, prompts by digest)` and `publish(events, since)`."""
        self._save = save
        self._publish = publish
        self._pending: list[Event | _OpenDelta] = []
        self._open: dict[tuple[int, str, str], _OpenDelta] = {}
        self._oldest: float | None = None
        self._prompts: dict[str, str] = {}
        self._begun: set[tuple[int, str]] = set()
        self._stirred = asyncio.Event()
        self._hurry = asyncio.Event()
        self._urgent = 0
        self._ended = asyncio.Event()
        self._flushed_at = 0.0
        self._is_closing = False

    def emit(self, event: Event, prompt: str | None = None) -> None:
        """Take one event. A call's first text and every fact but a beginning leave soon, the rest within 45 ms."""
        if self._oldest is None:
            self._oldest = time.time()
        if isinstance(event, TextDelta):
            self._add_delta(event)
        else:
            self._add_fact(event, prompt)
        self._stirred.set()

    def _add_delta(self, event: TextDelta) -> None:
        key = (event.lane, event.call, event.channel)
        delta = self._open.get(key)
        if delta is not None:
            delta.extend(event)
            return
        delta = self._open[key] = _OpenDelta(event)
        self._pending.append(delta)
        if key[:2] not in self._begun:
            self._begun.add(key[:2])
            self._hurry.set()

    def _add_fact(self, event: Event, prompt: str | None) -> None:
        self._pending.append(event)
        call = getattr(event, "call", None)
        if call is not None:  # text that comes after this fact must not slip in before it
            self._open.pop((event.lane, call, "answer"), None)
            self._open.pop((event.lane, call, "thinking"), None)
        if event.kind in ("call_finished", "call_failed", "call_cancelled"):
            self._begun.discard((event.lane, str(call)))
        if prompt is not None and event.kind == "call_started":
            self._prompts[event.prompt] = prompt
        if event.kind not in _BEGINNINGS:
            self._urgent += 1
            self._hurry.set()
        if isinstance(event, LaneEnd):
            self._ended.set()

    async def run(self) -> None:
        """Flush until closed. Raises what `save` or `publish` raise: nothing may go on unrecorded."""
        while not self._is_closing or self._pending:
            await self._stirred.wait()
            if not self._is_closing:
                now = asyncio.get_running_loop().time()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), find_due(now, self._flushed_at) - now)
                if self._hurry.is_set():
                    await self._gather()
            self._flushed_at = asyncio.get_running_loop().time()
            await self.flush()

    async def _gather(self) -> None:
        """Wait while facts keep coming, at most until a lane has ended: what comes after that is another lane's."""
        for _ in range(_MOST_WAITS):
            known = self._urgent
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _TOGETHER_SECONDS)
                return
            if self._urgent == known:
                return

    async def flush(self) -> None:
        """Hand on everything that waits."""
        pending, self._pending = self._pending, []
        prompts, self._prompts = self._prompts, {}
        oldest, self._oldest = self._oldest or time.time(), None
        self._open.clear()
        for told in (self._stirred, self._hurry, self._ended):
            told.clear()
        if not pending:
            return
        events = [item.event() if isinstance(item, _OpenDelta) else item for item in pending]
        events = _drop_older_counts(events)
        facts = [event for event in events if event.is_fact]
        if facts:
            await self._save(facts, prompts)
        await self._publish(events, oldest)

    def close(self) -> None:
        """Let `run` end once everything is handed on."""
        self._is_closing = True
        for told in (self._stirred, self._hurry, self._ended):
            told.set()


def _drop_older_counts(events: Sequence[Event]) -> list[Event]:
    """Leave the last count of each vote: each tells of all ballots, so 256 at once are 400 KB instead of 3."""
    last = {(event.lane, event.round): event for event in events if isinstance(event, VotesCounted)}
    return [event for event in events if not isinstance(event, VotesCounted) or last[event.lane, event.round] is event]


def find_due(now: float, flushed_at: float) -> float:
    """Return when what waits is handed on: a little after a beat, one flush for each; the past means at once.

    Times are the event loop's, in seconds. Reading many streams at a beat may take longer than that little.

    >>> [round(find_due(now, flushed_at=1.005), 3) for now in (1.01, 1.041, 1.05)]
    [1.045, 1.045, 1.045]
    >>> round(find_due(2.001, flushed_at=1.005), 3)
    2.005
    """
    beat = next_beat(now) - BEAT_SECONDS
    return max(beat, next_beat(flushed_at)) + _AFTER_BEAT_SECONDS


class _OpenDelta:
    """Text of one call and channel that still grows."""

    def __init__(self, first: TextDelta) -> None:
        self._first = first
        self._last = first
        self._parts = [first.text]

    def extend(self, event: TextDelta) -> None:
        self._parts.append(event.text)
        self._last = event

    def event(self) -> TextDelta:
        if len(self._parts) == 1:
            return self._first
        return self._first.model_copy(
            update={"text": "".join(self._parts), "tokens": self._last.tokens, "at": self._last.at}
        )
