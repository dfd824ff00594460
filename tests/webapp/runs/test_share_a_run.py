"""Many watch one run: it is read once for all of them, nobody waits for another, and nobody misses anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.db import connection
from redis.asyncio import Redis

from tests.webapp.runs.playing import lane_ids, make_run, play, until
from tests.webapp.runs.sockets import Socket
from webapp.problems.models import Problem
from webapp.runs.continuing import continue_run
from webapp.runs.frames import Frame
from webapp.runs.launching import RecipeSpec, start_run
from webapp.runs.models import Run
from webapp.runs.recording import redis_now
from webapp.runs.sharing import Place
from webapp.runs.tailers import tailers
from webapp.runs.viewers import SlowViewer, Viewer
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE = Place(None, None)


class Watcher:
    """A socket that keeps what it gets."""

    def __init__(self, run: Run, query: str = "") -> None:
        self._socket = Socket(f"/ws/runs/{run.id}{query}")
        self._task: asyncio.Task[None] | None = None
        self.frames: list[dict[str, Any]] = []

    async def watch(self) -> None:
        assert await self._socket.connect()
        self._task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        while True:
            message = await self._socket.receive_whenever()
            if message["type"] == "websocket.close":
                break
            self.frames.append(orjson.loads(message["text"]))

    @property
    def cursor(self) -> int:
        return int(self.frames[-1]["cursor"]) if self.frames else -1

    def check_order(self) -> None:
        """Every frame must begin where the one before ended."""
        for before, after in zip(self.frames, self.frames[1:], strict=False):
            assert after.get("snapshot") or after["prev"] == before["cursor"]

    async def leave(self) -> None:
        assert self._task
        self._task.cancel()
        await self._socket.close()


@asynccontextmanager
async def watching(*watchers: Watcher) -> AsyncIterator[Redis]:
    """Let everybody watch for the length of a `with`; gives a client to write the log with."""
    redis = Redis.from_url(settings.REDIS_URL)
    try:
        await asyncio.gather(*(watcher.watch() for watcher in watchers))
        yield redis
    finally:
        await asyncio.gather(*(watcher.leave() for watcher in watchers))
        await redis.aclose()


def noted(lane: int, text: str) -> bytes:
    """Return an entry that says something of a lane."""
    return orjson.dumps([{"kind": "note_taken", "lane": lane, "at": 1, "text": text, "index": 1}])


async def append(redis: Redis, run: Run, *entries: bytes) -> int:
    """Write entries; return the last one's offset."""
    top = 0
    for entry in entries:
        top = await stream.append(redis, run.id, entry, time.time())
    return top


def calls_of(command: str) -> int:
    """Return how often Redis was given a command so far."""
    found = redis_now().info("commandstats").get(f"cmdstat_{command}", {"calls": 0})
    return int(found["calls"])


def reads_of(table: str) -> int:
    """Return how often PostgreSQL has read a table so far; a connection tells of its reads when it closes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = %s", [table])
        return int(cursor.fetchone()[0])


def viewers_live(run: Run) -> int:
    """Return how many viewers of a run are pushed what comes; the others still ask for what they have missed."""
    tailing = tailers()._working.get(str(run.id))
    return sum(len(feed.viewers) for feed in tailing.tailer._feeds.values()) if tailing else 0


def _are_at(watchers: Sequence[Watcher], top: int) -> bool:
    return all(watcher.cursor == top for watcher in watchers)


def test_the_log_is_read_once_for_everybody():
    run = make_run("direct")
    watchers = [Watcher(run) for _ in range(20)]

    async def write_slowly() -> int:
        async with watching(*watchers) as redis:
            await until(lambda: all(watcher.frames for watcher in watchers))
            before = calls_of("xrange")
            for number in range(10):
                top = await append(redis, run, noted(1, str(number)))
                await until(partial(_are_at, watchers, top))
            return calls_of("xrange") - before

    reads = asyncio.run(write_slowly())

    assert reads <= 25  # one finds what is new, one that there is no more; 20 watchers made 200 of them
    assert all(watcher.frames == watchers[0].frames for watcher in watchers)


def test_a_crowd_that_comes_at_once_costs_the_database_a_few_reads():
    run = play(make_run("self_consistency"))
    connection.close()
    watchers = [Watcher(run) for _ in range(50)]
    before = reads_of("runs_event")

    async def come() -> None:
        async with watching(*watchers):
            await until(lambda: all(watcher.frames and watcher.frames[-1] == {"ended": True} for watcher in watchers))

    asyncio.run(come())

    connection.close()
    assert 1 <= reads_of("runs_event") - before <= 4
    assert all(watcher.frames == watchers[0].frames for watcher in watchers)


def test_catching_up_comes_in_pages_without_a_gap():
    run = make_run("direct")
    texts = [f"{number} " * 1500 for number in range(500)]
    watcher = Watcher(run, f"?after=0&epoch={stream.read_position(redis_now(), run.id).epoch}")

    async def catch_up() -> None:
        redis = Redis.from_url(settings.REDIS_URL)
        await append(redis, run, *(noted(1, text) for text in texts))
        await redis.aclose()
        async with watching(watcher):
            await until(lambda: watcher.cursor == len(texts))

    asyncio.run(catch_up())

    watcher.check_order()
    assert [event["text"] for frame in watcher.frames for event in frame["events"]] == texts
    assert len(watcher.frames) > 5
    assert max(len(orjson.dumps(frame)) for frame in watcher.frames) < 280_000


def test_who_sees_one_problem_is_sent_its_lanes_and_no_empty_frames():
    problems = [Problem.objects.create(question=f"What is {n}?", answer=str(n), grader="number") for n in (1, 2)]
    run = start_run(problems=problems, recipes=[RecipeSpec("direct", {}, "scripted", {})], seed=1)
    first, second = lane_ids(run)
    one, other, late = (Watcher(run, f"?row={row}&repeat=1") for row in (1, 2, 2))

    async def write() -> None:
        async with watching(one, other) as redis:
            await until(lambda: viewers_live(run) == 2)
            for number in range(5):
                top = await append(redis, run, noted(first, str(number)))
            await until(lambda: one.cursor == top)
            assert len(other.frames) == 1
            async with watching(late):
                await until(lambda: viewers_live(run) == 3)
                top = await append(redis, run, noted(second, "mine"))
                await until(lambda: other.cursor == late.cursor == top)

    asyncio.run(write())

    for watcher in (one, other, late):
        watcher.check_order()
    assert [event["lane"] for frame in one.frames for event in frame["events"]] == [first] * 5
    assert [event["lane"] for frame in other.frames for event in frame["events"]] == [second]
    assert [event["lane"] for frame in late.frames for event in frame["events"]] == [second]


def test_a_log_that_begins_anew_is_answered_with_a_snapshot():
    run = make_run("direct")
    watcher = Watcher(run)

    async def begin_anew() -> None:
        async with watching(watcher) as redis:
            await until(lambda: watcher.frames)
            await append(redis, run, *(noted(1, "old") for _ in range(3)))
            await until(lambda: watcher.cursor == 3)
            await asyncio.to_thread(stream.forget, redis_now(), run.id)
            await append(redis, run, noted(1, "new"))
            await until(lambda: watcher.cursor == 1)

    asyncio.run(begin_anew())

    watcher.check_order()
    assert [frame.get("snapshot", False) for frame in watcher.frames].count(True) >= 2
    assert watcher.frames[-1]["epoch"] != watcher.frames[0]["epoch"]


def test_who_comes_back_to_a_run_that_was_continued_is_not_told_that_it_has_ended():
    run = play(make_run("direct"))
    run.lanes.update(status="failed")
    before = Watcher(run)
    after = Watcher(run)

    async def look_and_continue() -> None:
        async with watching(before):
            await until(lambda: before.frames and before.frames[-1] == {"ended": True})
            await asyncio.to_thread(_in_thread, lambda: continue_run(run=run))
            async with watching(after):
                await until(lambda: after.frames)

    asyncio.run(look_and_continue())

    assert [frame["status"] for frame in after.frames] == ["queued"]


def _in_thread(ask: Callable[[], object]) -> None:
    try:
        ask()
    finally:
        connection.close()


def test_a_viewer_that_takes_nothing_is_given_up_after_a_megabyte_and_holds_up_nobody():
    run = make_run("direct")
    taken: list[Frame] = []
    entries = [noted(1, "x" * 60_000) for _ in range(40)]

    async def take(frame: Frame) -> None:
        taken.append(frame)

    async def never_take(frame: Frame) -> None:
        if frame.text.startswith('{"events"'):
            await asyncio.Event().wait()

    async def watch_both() -> float:
        redis = Redis.from_url(settings.REDIS_URL)
        async with tailers().of(run.id, WHOLE) as tailer:
            quick, slow = Viewer(tailer, WHOLE, None), Viewer(tailer, WHOLE, None)
            both = [asyncio.create_task(quick.watch(take)), asyncio.create_task(slow.watch(never_take))]
            await until(lambda: taken)
            await asyncio.sleep(0.2)
            began = time.monotonic()
            await append(redis, run, *entries)
            with pytest.raises(SlowViewer):
                await both[1]
            gave_up = time.monotonic() - began
            await until(lambda: taken[-1].position and taken[-1].position.offset == len(entries))
            both[0].cancel()
            await asyncio.wait(both)
        await redis.aclose()
        return gave_up

    assert asyncio.run(watch_both()) < 9  # by bytes: time alone would take ten seconds
