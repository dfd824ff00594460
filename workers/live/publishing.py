"""The workers' end of a run's log, made to outlive Redis: facts are in the database, so nothing is lost without it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from workers import metrics
from workers.core.events import Event
from workers.live import stream

log = structlog.get_logger(__name__)
MEND_SECONDS = 0.5
TROUBLE = (RedisError, OSError, RuntimeError)
"""The last is what uvloop says of a connection that the system closed under the client."""
_mending = set[asyncio.Task[None]]()
"""Kept here, since a log may be mended after the crew that broke it has ended."""


class Publisher:
    """Puts events into a run's log. While it cannot, they are dropped; then the log begins anew, in another epoch.

    So viewers never see a gap: they see an epoch end, and fetch a snapshot.
    """

    def __init__(self, redis: Redis, run_id: str) -> None:
        """Take a client that does not try again by itself: an append that may have happened must not happen twice."""
        self._redis = redis
        self._run_id = run_id
        self._top = 0
        self._is_broken = False

    async def publish(self, events: Sequence[Event], since: float) -> None:
        """Append the events, the oldest of which happened at `since` (seconds since 1970). Raises nothing of Redis'."""
        if self._is_broken:
            return
        try:
            for entry in stream.encode(events):
                if not self._climb(await stream.append(self._redis, self._run_id, entry, since)):
                    return
        except TROUBLE as error:
            log.warning("log_broken", run=self._run_id, error=type(error).__name__)
            self._mend_soon()

    def _climb(self, top: int) -> bool:
        """Say whether the log has grown; it has not if Redis was restarted, and its file lacks the last second."""
        before, self._top = self._top, top
        if top > before:
            return True
        log.warning("log_went_back", run=self._run_id, offset=top, expected=before + 1)
        self._mend_soon()
        return False

    def _mend_soon(self) -> None:
        metrics.PUBLISH_FAILURES.inc()
        self._is_broken = True
        task = asyncio.create_task(self._mend())
        _mending.add(task)
        task.add_done_callback(_mending.discard)

    async def _mend(self) -> None:
        while self._is_broken:
            with suppress(*TROUBLE):
                await stream.begin_anew(self._redis, self._run_id)
                self._is_broken, self._top = False, 0
                return
            await asyncio.sleep(MEND_SECONDS)
