"""Redis restarts, dies, forgets, refuses, falls silent: runs go on, and the live view is back within seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from redis import Redis

from tests.faults.recipes import direct, long_text
from tests.faults.recorder import Recorder
from tests.faults.stack import Stack

Fault = Callable[[Stack], Awaitable[None]]


async def restart(stack: Stack) -> None:
    await stack.redis.terminate()
    await stack.redis.start()


async def kill(stack: Stack) -> None:
    stack.redis.kill()
    await asyncio.sleep(1)
    await stack.redis.start()


async def forget_all(stack: Stack) -> None:
    with Redis.from_url(stack.redis_url) as redis:
        redis.flushall()


async def refuse_writes(stack: Stack) -> None:
    with Redis.from_url(stack.redis_url) as redis:
        redis.replicaof("127.0.0.1", "1")  # nobody is there: it serves what it has, read-only
        await asyncio.sleep(3)
        redis.replicaof("NO", "ONE")


async def run_out_of_memory(stack: Stack) -> None:
    with Redis.from_url(stack.redis_url) as redis:
        redis.config_set("maxmemory", 1)
        await asyncio.sleep(3)
        redis.config_set("maxmemory", 0)


async def fall_silent(stack: Stack) -> None:
    stack.redis.halt()
    await asyncio.sleep(5)
    stack.redis.go_on()


async def cut_everybody_off(stack: Stack) -> None:
    with Redis.from_url(stack.redis_url) as redis:
        redis.client_kill_filter(_type="normal")
        redis.client_kill_filter(_type="pubsub")


FAULTS: dict[str, tuple[Fault, float]] = {
    "restart": (restart, 5),
    "kill -9": (kill, 5),
    "FLUSHALL": (forget_all, 5),
    "READONLY": (refuse_writes, 10),
    "out of memory": (run_out_of_memory, 10),
    "silent for 5 s": (fall_silent, 10),
    "every connection cut": (cut_everybody_off, 5),
}
"""How, and within how many seconds viewers are back; after a longer outage they come less often."""


@pytest.mark.parametrize("how", FAULTS)
async def test_f12_redis(stack: Stack, recorder: Recorder, how: str):
    stack.script(long_text(200, per_second=10))
    runs = [await recorder.start(direct(), direct()) for _ in range(3)]
    for run in runs:
        recorder.watch(run, 2)
    await recorder.until_asked(runs[-1], calls=2)
    await asyncio.sleep(2)
    inject, within = FAULTS[how]

    await inject(stack)

    back_at = time.time()
    await recorder.until(
        lambda: all(viewer.has_heard_since(back_at) for viewer in recorder.viewers), "viewers are back", within=within
    )
    await recorder.until_ended()
    history = await recorder.judge("F12", f"Redis: {how}")
    assert [lane.fence for lane in history.lanes] == [1] * 6, "a lane was handed over: the run did not go on by itself"
    assert all(request.is_complete for request in history.asked), "a draft was thrown away"


async def test_f12_a_run_started_while_redis_is_away(stack: Stack, recorder: Recorder):
    stack.redis.kill()
    run = await recorder.start(direct())
    await stack.redis.start()
    recorder.watch(run)
    await recorder.until_ended()
    await recorder.judge("F12", "Redis away when a run is accepted")
