"""A real web process under crowds: readers of events, and readers who never read."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import orjson
import psutil
import pytest
from django.conf import settings
from django.db import connection
from redis.asyncio import Redis

from tests.site.stack import free_ports
from tests.webapp.runs.playing import make_run
from webapp.local import parts, site
from webapp.runs.models import Run
from webapp.runs.recording import redis_now
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1024 * 1024
UPGRADE = (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)  # fmt: skip


class Web:
    """A web process on the test's database."""

    def __init__(self, port: int, pid: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.port = port
        self.process = psutil.Process(pid)

    def sockets(self) -> int:
        """Return how many clients are connected."""
        found = self.process.net_connections("tcp4")
        return sum(1 for each in found if each.laddr.port == self.port and each.raddr)

    def connect_and_never_read(self, run: Run, path: str, *headers: str) -> socket.socket:
        """Ask for a run with a tiny buffer of which nobody will read."""
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", self.port))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Origin: {self.address}", *headers, "", ""]
        deaf.sendall("\r\n".join(lines).encode())
        return deaf


@pytest.fixture
def web(transactional_db: None, tmp_path: Path) -> Iterator[Web]:
    [port] = free_ports(1)
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {"DATABASE_URL": database.geturl(), "PORT": str(port), "ALLOWED_ORIGINS": f"http://127.0.0.1:{port}"}
    with parts.running(site.web(host="127.0.0.1", port=port, environment=environment), tmp_path / "web.log") as process:
        yield Web(port, process.pid)


@asynccontextmanager
async def writing(run: Run, *, entries_per_second: float, size: int) -> AsyncIterator[None]:
    """Write the run's log for the length of a `with`; every event says when it was `sent`."""
    redis = Redis.from_url(settings.REDIS_URL)

    async def write() -> None:
        while True:
            now = time.time()
            event = {"kind": "note_taken", "lane": 1, "at": 1, "text": "x" * size, "sent": now}
            await stream.append(redis, run.id, orjson.dumps([event]), now)
            await asyncio.sleep(1 / entries_per_second)

    writer = asyncio.create_task(write())
    try:
        yield
    finally:
        writer.cancel()
        await asyncio.wait([writer])
        await redis.aclose()


async def until(condition: Callable[[], object], *, within: float) -> None:
    """Wait until other processes have made `condition` true, at most so many seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def read_events(session: aiohttp.ClientSession, web: Web, run: Run, seen: list[int]) -> None:
    """Read the event stream until cancelled, noting every cursor."""
    async with session.get(f"{web.address}/r/{run.id}/events") as answer:
        assert answer.content_type == "text/event-stream"
        async for line in answer.content:
            if line.startswith(b"id: "):
                seen.append(int(line.rpartition(b":")[2]))


async def test_readers_of_events_cost_no_thread_and_are_noticed_when_they_leave(web: Web):
    run = await asyncio.to_thread(_make_run)
    seen: list[list[int]] = [[] for _ in range(60)]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        async with writing(run, entries_per_second=20, size=200):
            readers = [asyncio.create_task(read_events(session, web, run, cursors)) for cursors in seen]
            await until(lambda: all(len(cursors) > 10 for cursors in seen), within=20)
            threads = web.process.num_threads()
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)

    assert threads < 20
    assert all(cursors == list(range(cursors[0], cursors[-1] + 1)) for cursors in seen if len(cursors) == cursors[-1])
    group = f"asgi__group__{stream.group_name(run.id)}"
    await until(lambda: not web.sockets() and not dict(redis_now().pubsub_numsub(group))[group.encode()], within=15)


def _make_run() -> Run:
    try:
        return make_run("direct")
    finally:
        connection.close()


async def test_f16_who_never_reads_is_cut_off_and_holds_up_nobody(web: Web):
    run = await asyncio.to_thread(_make_run)
    before = web.process.memory_info().rss
    deaf = [web.connect_and_never_read(run, f"/ws/runs/{run.id}", *UPGRADE) for _ in range(10)]
    deaf += [web.connect_and_never_read(run, f"/r/{run.id}/events") for _ in range(10)]
    lags: list[float] = []
    rss: list[int] = []

    def is_one_left() -> bool:
        rss.append(web.process.memory_info().rss)
        return web.sockets() == 1

    try:
        async with aiohttp.ClientSession() as session, writing(run, entries_per_second=25, size=20_000):
            reader = asyncio.create_task(_note_lags(session, web, run, lags))
            await until(lambda: web.sockets() == 21, within=10)
            await until(is_one_left, within=15)
            reader.cancel()
            await asyncio.wait([reader])
    finally:
        for one in deaf:
            one.close()

    assert max(rss) < before + 21 * 2 * MIB
    assert len(lags) > 50
    assert max(lags) < 2


async def _note_lags(session: aiohttp.ClientSession, web: Web, run: Run, lags: list[float]) -> None:
    async with session.ws_connect(f"{web.address}/ws/runs/{run.id}", origin=web.address, max_msg_size=0) as ws:
        async for message in ws:
            lags += [time.time() - event["sent"] for event in orjson.loads(message.data).get("events", [])]
