"""Which runs are followed in this process: each by one tailer, from its first viewer to a moment after its last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.asyncio import Redis

from webapp.runs.sharing import Place
from webapp.runs.tailing import Tailer

LINGER_SECONDS = 5.0
"""A tailer stays for viewers who come back at once."""


class _Tailing:
    """A tailer at work, and how many use it."""

    def __init__(self, tailer: Tailer) -> None:
        self.tailer = tailer
        self.users = 0
        self.task: asyncio.Task[None] | None = None


class Tailers:
    """The tailers of one event loop, and the Redis client they share."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(settings.REDIS_URL, **settings.REDIS_OVER_TCP)
        self._working: dict[str, _Tailing] = {}

    @asynccontextmanager
    async def of(self, run_id: str, place: Place) -> AsyncIterator[Tailer]:
        """Lend a run's tailer. Raises UnknownRun, before anything is started, if there is nothing to be seen."""
        tailing = self._working.setdefault(run_id, _Tailing(Tailer(run_id, self._redis)))
        tailing.users += 1
        try:
            await tailing.tailer.check(place)
            if tailing.task is None:
                tailing.task = asyncio.create_task(self._follow(run_id, tailing))
            yield tailing.tailer
        finally:
            tailing.users -= 1
            if not tailing.users:
                linger = LINGER_SECONDS if tailing.task else 0
                asyncio.get_running_loop().call_later(linger, self._end, run_id, tailing)

    async def _follow(self, run_id: str, tailing: _Tailing) -> None:
        try:
            await tailing.tailer.follow()
        finally:
            self._drop(run_id, tailing)
            if not self._working:
                await self._redis.aclose()  # it connects again when it is needed

    def _end(self, run_id: str, tailing: _Tailing) -> None:
        if not tailing.users:
            self._drop(run_id, tailing)
            if tailing.task is not None:
                tailing.task.cancel()

    def _drop(self, run_id: str, tailing: _Tailing) -> None:
        if self._working.get(run_id) is tailing:
            del self._working[run_id]


_of_loops = WeakKeyDictionary[asyncio.AbstractEventLoop, Tailers]()


def tailers() -> Tailers:
    """Return the tailers of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _of_loops:
        _of_loops[loop] = Tailers()
    return _of_loops[loop]
