"""Follow a run's log once for all its viewers in this process: read once, encoded once, fanned out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog
from channels.db import DatabaseSyncToAsync
from channels.layers import get_channel_layer
from redis.asyncio import Redis

from webapp.lib import metrics
from webapp.runs import frames, queries
from webapp.runs.frames import Frame, LaneEvent
from webapp.runs.sharing import Place, SharedSnapshot, snapshots
from webapp.runs.viewers import LostPlace, Viewer
from workers.live import stream
from workers.live.stream import Entry, Position

log = structlog.get_logger(__name__)
LOOK_EVERY_SECONDS = 5.0
"""Doorbells can be lost; then this finds what is new."""
LOOK_GAP_SECONDS = 0.01
"""Between two looks: several workers that ring at once make one frame, not several."""
RETRY_SECONDS = 1.0
LINGER_SECONDS = 5.0
"""A tailer stays for viewers who come back at once."""
ENTRIES_AT_ONCE = 100

_find_view = DatabaseSyncToAsync(queries.find_view, thread_sensitive=False)
_has_ended = DatabaseSyncToAsync(queries.has_ended, thread_sensitive=False)


class UnknownRun(LookupError):
    """There is no such run, or no such problem in it."""


class Feed:
    """The live viewers who see the same lanes."""

    def __init__(self, view: queries.View, cursor: int) -> None:
        self.view = view
        self.cursor = cursor
        """The offset that all of them have got to; the tailer's, or less if nothing since then was theirs."""
        self.viewers = set[Viewer]()

    def push(self, frame: Frame) -> None:
        """Hand a frame to everybody."""
        for viewer in self.viewers:
            viewer.push(frame)


class Tailer:
    """One run, as the viewers of this process see it."""

    def __init__(self, run_id: str, redis: Redis) -> None:
        """Follow nothing before `follow` runs."""
        self._run_id = run_id
        self._redis = redis
        self._position: Position | None = None
        self._has_ended = False
        self._feeds: dict[Place, Feed] = {}
        self._views: dict[Place, queries.View] = {}
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        self._rung = asyncio.Event()

    # The log

    async def follow(self) -> None:
        """Keep up with the log until cancelled."""
        try:
            while True:
                try:
                    async with self._listening():
                        await self._keep_looking()
                except Exception:  # Redis or the database is away: viewers wait, lanes go on
                    log.exception("tailer_interrupted", run=self._run_id)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            for flight in self._flights.values():
                flight.cancel()

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """Hear the run's doorbell; from the beginning on, so that nothing that is looked for later rings unheard."""
        layer, group = get_channel_layer(), stream.group_name(self._run_id)
        channel = await layer.new_channel()
        ear = asyncio.create_task(self._hear(layer, channel))
        try:
            await layer.group_add(group, channel)
            yield
        finally:
            ear.cancel()
            await layer.group_discard(group, channel)

    async def _hear(self, layer: Any, channel: str) -> None:
        while True:
            await layer.receive(channel)
            self._rung.set()

    async def _keep_looking(self) -> None:
        self._has_ended = await _has_ended(self._run_id)
        while True:
            self._rung.clear()
            await self._share("look", self._look)
            await asyncio.sleep(LOOK_GAP_SECONDS)
            try:
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._rung.wait()
            except TimeoutError:
                if await _has_ended(self._run_id):
                    self._end()

    async def _look(self) -> None:
        """Read what is new and push it."""
        if self._position is None:
            self._position = await stream.read_end(self._redis, self._run_id)
        while True:
            end, entries = await stream.read_after(self._redis, self._run_id, self._position.offset, ENTRIES_AT_ONCE)
            if not _continues(self._position, end, entries):
                return self._start_over(end)
            if not entries:
                return None
            while entries:
                page = frames.first_page(entries)
                entries = entries[len(page) :]
                self._push(Position(end.epoch, page[-1].offset), page)

    def _push(self, position: Position, entries: Sequence[Entry]) -> None:
        self._has_ended = self._has_ended or any(frames.is_end(entry) for entry in entries)
        whole, parts = b"", list[LaneEvent]()
        for feed in self._feeds.values():
            if feed.view.is_whole_run:
                events = whole = whole or frames.join_events(entries)
            else:
                parts = parts or frames.split_events(entries)
                events = frames.pick_lanes(parts, feed.view.lane_ids)
            if events != b"[]":
                feed.push(frames.encode_events(events, feed.cursor, position, entries[0].emitted))
                feed.cursor = position.offset
        self._position = position

    def _start_over(self, end: Position) -> None:
        """Send everybody a snapshot: the log was lost, trimmed or begun anew, maybe with more lanes."""
        self._position = end
        self._has_ended = False
        self._views.clear()
        feeds, self._feeds = self._feeds, {}
        for feed in feeds.values():
            for viewer in feed.viewers:
                metrics.RESYNCS.labels("another_log").inc()
                viewer.start_over()

    def _end(self) -> None:
        self._has_ended = True
        for feed in self._feeds.values():
            for viewer in feed.viewers:
                viewer.end()

    # What viewers ask

    async def check(self, place: Place) -> None:
        """Raise UnknownRun unless there are lanes to be seen there."""
        await self._view_of(place)

    async def _view_of(self, place: Place) -> queries.View:
        if place not in self._views:
            view = await self._share(("view", place), lambda: _find_view(self._run_id, *place))
            if view is None or view.is_matrix:
                raise UnknownRun(self._run_id)
            self._views[place] = view
        return self._views[place]

    async def snapshot(self, place: Place, *, newest: bool = False) -> SharedSnapshot:
        """Return a snapshot of these lanes. Raises UnknownRun."""
        snapshot = await snapshots().get(self._run_id, place, newest=newest)
        if snapshot is None:
            raise UnknownRun(self._run_id)
        self._views[place] = snapshot.view
        if newest:
            self._has_ended = snapshot.has_ended
        return snapshot

    async def page_after(self, place: Place, position: Position) -> Frame | None:
        """Return what follows a position; None: nothing does, try to join. Raises LostPlace."""
        page: Frame | None = await self._share((place, position), lambda: self._read_page(place, position))
        if page is None:
            await self._share("look", self._look)
        return page

    async def _read_page(self, place: Place, position: Position) -> Frame | None:
        view = await self._view_of(place)
        end, entries = await stream.read_after(self._redis, self._run_id, position.offset, ENTRIES_AT_ONCE)
        if not _continues(position, end, entries):
            metrics.RESYNCS.labels("another_log" if position.epoch != end.epoch else "trimmed").inc()
            snapshots().forget(self._run_id, place)
            raise LostPlace
        if not entries:
            return None
        page = frames.first_page(entries)
        events = (
            frames.join_events(page)
            if view.is_whole_run
            else frames.pick_lanes(frames.split_events(page), view.lane_ids)
        )
        return frames.encode_events(events, position.offset, Position(end.epoch, page[-1].offset))

    def join(self, viewer: Viewer) -> bool:
        """From now on push everything to a viewer who has got as far as we have; return whether it has."""
        view = self._views.get(viewer.place)
        if view is None or self._position is None or viewer.position != self._position:
            return False
        offset = self._position.offset
        feed = self._feeds.setdefault(viewer.place, Feed(view, offset))
        if feed.cursor != offset:  # the others must be told, for the next frame begins there
            feed.push(frames.encode_events(b"[]", feed.cursor, self._position))
            feed.cursor = offset
        feed.viewers.add(viewer)
        if self._has_ended:
            viewer.end()
        return True

    def leave(self, viewer: Viewer) -> None:
        """Push nothing more to a viewer."""
        feed = self._feeds.get(viewer.place)
        if feed is not None:
            feed.viewers.discard(viewer)
            if not feed.viewers:
                del self._feeds[viewer.place]

    async def _share(self, key: Hashable, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask once for all who want the same at the same time."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.ensure_future(ask())
            flight.add_done_callback(partial(self._land, key))
        return await asyncio.shield(flight)

    def _land(self, key: Hashable, flight: asyncio.Task[Any]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # looked at, even if all who asked have gone


def _continues(position: Position, end: Position, entries: Sequence[Entry]) -> bool:
    """Say whether entries that were read behind a position leave no gap."""
    if position.epoch != end.epoch:
        return False
    if not entries:
        return position.offset == end.offset
    first, last = entries[0].offset, entries[-1].offset
    return first == position.offset + 1 and last == position.offset + len(entries)
