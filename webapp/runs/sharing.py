"""One snapshot for all who ask at about the same time: read once, encoded once."""

import asyncio
import gzip
from functools import cached_property, lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

import orjson
from channels.db import DatabaseSyncToAsync

from webapp.runs import queries
from webapp.runs.frames import Frame, encode_events, encode_snapshot
from webapp.runs.snapshots import Snapshot, take_snapshot
from workers.live.stream import Position, cut_entries

FRESH_SECONDS = 2.0


class Place(NamedTuple):
    """What part of a run somebody looks at; two times None: all of it."""

    row: int | None
    repeat: int | None


class SharedSnapshot:
    """A snapshot, the lanes it shows, and its encodings, each made when first asked for."""

    def __init__(self, snapshot: Snapshot, view: queries.View, begun: float) -> None:
        self.position = snapshot.position
        self.status = snapshot.status
        self.has_ended = snapshot.status in queries.ENDED
        self.view = view
        self.begun = begun
        """Before anything was read, by the event loop's clock."""
        self._bodies = [orjson.dumps(event) for event in snapshot.events]
        self._pages = tuple(cut_entries(self._bodies))
        self.repeat_from = lru_cache(2)(self._repeat_from)
        """Return its events as frames for a viewer who has got to a position and stays there."""

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """The snapshot, for a viewer who has nothing yet."""
        return encode_snapshot(self._pages, self.position, self.status)

    def _repeat_from(self, position: Position) -> tuple[Frame, ...]:
        return tuple(encode_events(page, position.offset, position) for page in self._pages)

    @cached_property
    def json(self) -> bytes:
        """All of it as one JSON object."""
        (whole,) = encode_snapshot([b"[" + b",".join(self._bodies) + b"]"], self.position, self.status)
        return whole.text.encode()

    @cached_property
    def gzipped(self) -> bytes:
        """`json`, compressed."""
        return gzip.compress(self.json, compresslevel=5)


class SharedSnapshots:
    """The snapshots of one event loop.

    A snapshot is safe to share, whenever it was taken: it carries its position, and what came after is in the log.
    Only that a run has ended must be no older than the question, for nobody looks further then.
    """

    def __init__(self) -> None:
        self._locks: dict[tuple[str, Place], asyncio.Lock] = {}
        self._fresh: dict[tuple[str, Place], SharedSnapshot] = {}

    async def get(self, run_id: str, place: Place, *, newest: bool = False) -> SharedSnapshot | None:
        """Return a snapshot of at most two seconds ago, or none older than this call. None: no such lanes."""
        key, clock = (run_id, place), asyncio.get_running_loop().time
        asked = clock()
        async with self._locks.setdefault(key, asyncio.Lock()):
            known: SharedSnapshot | None = self._fresh.get(key)
            if known is not None and (known.begun >= asked or not (newest or known.has_ended)):
                return known
            begun = clock()
            taken: SharedSnapshot | None = await _take(run_id, place, begun)
            if taken is None:
                self._locks.pop(key, None)
                return None
            self._fresh[key] = taken
        asyncio.get_running_loop().call_later(FRESH_SECONDS, self._forget, key, taken)
        return taken

    def forget(self, run_id: str, place: Place) -> None:
        """Give nobody this snapshot any more: its position could not be continued."""
        self._fresh.pop((run_id, place), None)

    def _forget(self, key: tuple[str, Place], taken: SharedSnapshot) -> None:
        if self._fresh.get(key) is taken:
            del self._fresh[key]
            self._locks.pop(key, None)


_of_loops = WeakKeyDictionary[asyncio.AbstractEventLoop, SharedSnapshots]()


def snapshots() -> SharedSnapshots:
    """Return the snapshots of the running event loop."""
    return _of_loops.setdefault(asyncio.get_running_loop(), SharedSnapshots())


def _read(run_id: str, place: Place, begun: float) -> SharedSnapshot | None:
    view = queries.find_view(run_id, *place)
    if view is None or view.is_matrix:
        return None
    return SharedSnapshot(take_snapshot(run_id, tuple(view.lane_ids)), view, begun)


_take = DatabaseSyncToAsync(_read, thread_sensitive=False)
"""In a thread of the pool: a long run's snapshot holds up no other's."""
