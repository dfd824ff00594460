"""A viewer by the browser's rules (static/js/run/socket.js) that writes down all it is told."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import orjson

from tests.faults.reducing import ENDED, RunState

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 15.0
NOWHERE = -1
"""A cursor that the server answers with a snapshot."""
UNKNOWN_RUN = 4404


class Hole(Exception):
    """What came does not continue what is known."""


class Viewer:
    """Follows a run from any of the webs, comes back to any other, until the run has ended."""

    def __init__(self, webs: Sequence[str], run_id: str, lane_ids: list[int], *, seed: int = 0) -> None:
        self.webs, self.run_id, self.lane_ids = webs, run_id, lane_ids
        self.chance = random.Random(f"{run_id}/{seed}")
        self.name = f"viewer {seed} of {run_id}"
        self.state = RunState(lane_ids)
        self.steps: list[dict[str, Any]] = []
        """Everything that came, in order: snapshots, frames, holes, closings; see `_note`."""
        self.foreign: set[int] = set()
        """Lanes of others that it was told of."""
        self.is_over = False
        self._cursor, self._epoch, self._tries = NOWHERE, "", 0
        self._has_begun = False
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._wake = asyncio.Event()

    async def follow(self, session: aiohttp.ClientSession) -> None:
        """Follow until the run has ended."""
        while not self.is_over:
            web = self.chance.choice(self.webs)
            try:
                if not self._has_begun and await self._fetch_snapshot(session, web):
                    self.is_over = True
                    return
                await self._listen(session, web)
            except (aiohttp.ClientError, OSError, Hole, TimeoutError) as error:
                if isinstance(error, Hole):
                    self._cursor = NOWHERE
                self._note("trouble", web=web, error=f"{type(error).__name__}: {error}")
            if self.is_over:
                return
            self._tries += 1
            longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (self._tries - 1))
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), longest * (0.5 + self.chance.random() / 2))

    def has_heard_since(self, moment: float) -> bool:
        """Say whether something came over a live socket after that moment, or there is nothing left to hear."""
        return self.is_over or any(step["kind"] == "frame" and step["at"] > moment for step in self.steps[-20:])

    def cut(self) -> bool:
        """Lose the connection without a word, as when a train enters a tunnel; say whether there was one."""
        connection = self._socket and self._socket._response.connection
        if not connection or not connection.transport:
            return False
        connection.transport.abort()
        return True

    def hurry(self) -> None:
        """Try again at once, as a browser does that hears that the network is back."""
        self._wake.set()

    async def _fetch_snapshot(self, session: aiohttp.ClientSession, web: str) -> bool:
        timeout = aiohttp.ClientTimeout(total=30)
        async with session.get(f"{web}r/{self.run_id}/snapshot", timeout=timeout) as answer:
            answer.raise_for_status()
            snapshot = orjson.loads(await answer.read())
        self._replace(snapshot, web)
        self._has_begun = True
        return snapshot["status"] in ENDED

    async def _listen(self, session: aiohttp.ClientSession, web: str) -> None:
        address = f"{web.replace('http', 'ws', 1)}ws/runs/{self.run_id}?after={self._cursor}&epoch={self._epoch}"
        async with session.ws_connect(
            address, origin=web.rstrip("/"), timeout=aiohttp.ClientWSTimeout(ws_close=2), max_msg_size=0
        ) as self._socket:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(orjson.loads(message.data), web)
            self._note("closed", web=web, code=self._socket.close_code)
            self.is_over = self.is_over or self._socket.close_code == UNKNOWN_RUN
        self._socket = None

    def _take(self, frame: dict[str, Any], web: str) -> None:
        if frame.get("snapshot"):
            self._replace(frame, web)
        elif "events" in frame:
            self._extend(frame, web)
        self._tries = 0
        self.is_over = self.is_over or bool(frame.get("ended"))

    def _replace(self, snapshot: dict[str, Any], web: str) -> None:
        self._cursor, self._epoch = snapshot["cursor"], snapshot["epoch"]
        self._note("snapshot", web=web, epoch=self._epoch, cursor=self._cursor)
        self._look(snapshot["events"])
        self.state = RunState(self.lane_ids)
        self.state.status = snapshot["status"]
        self.state.apply(snapshot["events"])

    def _extend(self, frame: dict[str, Any], web: str) -> None:
        prev, cursor, epoch = frame["prev"], frame["cursor"], frame["epoch"]
        if prev != self._cursor or epoch != self._epoch:
            self._note("hole", web=web, epoch=epoch, prev=prev, cursor=cursor)
            raise Hole(f"{self._epoch}:{self._cursor} is not continued by {epoch}:{prev}")
        self._cursor = cursor
        newest = max((event["at"] for event in frame["events"]), default=None)
        self._note("frame", web=web, epoch=epoch, prev=prev, cursor=cursor, newest=newest)
        self._look(frame["events"])
        if not self.state.apply(frame["events"]):
            self._note("hole", web=web, epoch=epoch, prev=prev, cursor=cursor)
            raise Hole(f"a text has a hole in frame {epoch}:{cursor}")

    def _look(self, events: list[dict[str, Any]]) -> None:
        self.foreign |= {event["lane"] for event in events} - set(self.lane_ids) - {0}

    def _note(self, kind: str, **fields: Any) -> None:
        self.steps.append({"kind": kind, "at": time.time(), **fields})
