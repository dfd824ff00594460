"""A viewer's socket: cursor in, frames out. It never delivers a gap: what cannot be continued is sent anew."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import orjson
import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from redis.asyncio import Redis

from webapp.runs import queries
from webapp.runs.snapshots import take_snapshot
from workers.live import stream

log = structlog.get_logger(__name__)
CLOSE_UNKNOWN_RUN = 4404
CLOSE_SLOW = 4008
CLOSE_TRY_AGAIN = 1012
LOOK_EVERY_SECONDS = 5.0
"""Doorbells can be lost; then this finds what is new."""
SEND_SECONDS = 10.0
_RUN_ENDED = b'"kind":"run_ended"'  # cannot stand inside a JSON string: its quotes would be escaped


class RunConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Streams one run, or one problem's lanes of it, to one viewer."""

    async def connect(self) -> None:
        """Join the run's group first, so that nothing rings unheard, then send from the viewer's cursor on."""
        self._run_id: str = self.scope["url_route"]["kwargs"]["run_id"]
        self._pump_task: asyncio.Task[None] | None = None
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        await self.accept()
        view = await database_sync_to_async(queries.find_view)(
            self._run_id, _number(query, "row"), _number(query, "repeat")
        )
        if view is None or view.is_matrix:
            await self.close(CLOSE_UNKNOWN_RUN)
            return
        self._view = view
        self._stirred = asyncio.Event()
        self._is_quiet = True  # nothing rang: the run may be over
        self._cursor = _number(query, "after") if "after" in query else None
        self._epoch = query.get("epoch", [""])[0]
        await self.channel_layer.group_add(stream.group_name(self._run_id), self.channel_name)
        self._pump_task = asyncio.create_task(self._pump())

    async def disconnect(self, code: int) -> None:
        """Leave; the run goes on."""
        if self._pump_task is not None:
            self._pump_task.cancel()
            await self.channel_layer.group_discard(stream.group_name(self._run_id), self.channel_name)

    async def run_stirred(self, message: dict[str, Any]) -> None:
        """Hear the doorbell. Only notes it: the pump sends, so a slow viewer never holds up its channel."""
        self._stirred.set()

    async def _pump(self) -> None:
        redis = Redis.from_url(settings.REDIS_URL)
        try:
            while not await self._catch_up(redis):
                self._is_quiet = not await self._hear_bell()
            await self._send_everything()
            await self._send(b'{"ended":true}')
            await self.close()
        except TimeoutError:
            await self.close(CLOSE_SLOW)
        except Exception:  # Redis or the database is away: the viewer is told to come back, not left in the dark
            log.exception("viewer_lost", run=self._run_id)
            await self.close(CLOSE_TRY_AGAIN)
        finally:
            await redis.aclose()

    async def _hear_bell(self) -> bool:
        """Wait for the doorbell; return whether it rang."""
        try:
            return await asyncio.wait_for(self._stirred.wait(), LOOK_EVERY_SECONDS)
        except TimeoutError:
            return False

    async def _catch_up(self, redis: Redis) -> bool:
        """Send everything up to the log's end; return whether the run has ended."""
        self._stirred.clear()
        if self._cursor is None:
            return await self._send_snapshot()
        while True:
            position, entries = await stream.read_after(redis, self._run_id, self._cursor)
            if not self._continues(position, entries):
                return await self._send_snapshot()
            if not entries:
                return self._is_quiet and await self._has_ended()
            await self._send_entries(entries)
            if any(_RUN_ENDED in entry.events for entry in entries):
                return True

    def _continues(self, position: stream.Position, entries: list[stream.Entry]) -> bool:
        if not self._epoch and not self._cursor:
            self._epoch = position.epoch  # from the very beginning: any log continues nothing
        if position.epoch != self._epoch:
            return False
        if not entries:
            return position.offset == self._cursor
        return [entry.offset for entry in entries] == list(
            range(self._cursor + 1, self._cursor + 1 + len(entries))  # type: ignore[operator]
        )

    async def _send_entries(self, entries: list[stream.Entry]) -> None:
        prev, self._cursor = self._cursor or 0, entries[-1].offset
        if self._view.is_whole_run:
            events = b"[" + b",".join(entry.events[1:-1] for entry in entries) + b"]"
        else:
            wanted = self._view.lane_ids
            found = [event for entry in entries for event in orjson.loads(entry.events)]
            events = orjson.dumps([event for event in found if event["lane"] in wanted or not event["lane"]])
        await self._send(
            b'{"events":%b,"prev":%d,"cursor":%d,"epoch":"%b"}' % (events, prev, self._cursor, self._epoch.encode())
        )

    async def _send_snapshot(self) -> bool:
        snapshot = await database_sync_to_async(take_snapshot)(self._run_id, tuple(self._view.lane_ids))
        self._epoch, self._cursor = snapshot.position
        await self._send(orjson.dumps(snapshot.frame()))
        return snapshot.status in queries.ENDED

    async def _send_everything(self) -> None:
        """Send all facts once more: one may have been stored by a worker that died before it was published."""
        snapshot = await database_sync_to_async(take_snapshot)(self._run_id, tuple(self._view.lane_ids))
        place = {"prev": self._cursor, "cursor": self._cursor, "epoch": self._epoch}
        await self._send(orjson.dumps({"events": snapshot.events, **place}))

    async def _has_ended(self) -> bool:
        return bool(await database_sync_to_async(queries.has_ended)(self._run_id))

    async def _send(self, frame: bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self.send(text_data=frame.decode())


def _number(query: dict[str, list[str]], name: str) -> int | None:
    text = query.get(name, [""])[0]
    return int(text) if text.isdecimal() and len(text) < 16 else None
