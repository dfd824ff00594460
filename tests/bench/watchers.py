"""Many viewers in one process: `python -m tests.bench.watchers ADDRESS RUN_ID VIEWERS …`, one mode after it.

lag SECONDS     prints a JSON list: milliseconds from writing a token to having its frame, from a sample of frames
idle            prints a line once all are connected, holds them until its input ends
storm           lets all go at once, comes back at once, prints the seconds until the last is where the first was
"""

import asyncio
import json
import re
import sys
import time

import uvloop

from tests.bench.viewers import Viewer, watch

_STAMP = re.compile(rb"\d{10}\.\d{4}")
_PLACE = re.compile(rb'"cursor":(\d+),"epoch":"(\w*)"|"epoch":"(\w*)","cursor":(\d+)')
SAMPLES_PER_SECOND = 200
"""Frames that are looked into, all viewers together: to read all would cost more than to send them."""
WARM_UP_SECONDS = 3


async def measure_lag(address: str, run_id: str, count: int, seconds: float) -> list[float]:
    lags: list[float] = []
    begins, next_look = time.time() + WARM_UP_SECONDS, 0.0

    def hear(frame: bytes) -> None:
        nonlocal next_look
        now = time.time()
        if now < begins or now < next_look or b'"snapshot"' in frame:
            return
        next_look = now + 1 / SAMPLES_PER_SECOND
        lags.extend((now - float(stamp)) * 1000 for stamp in _STAMP.findall(frame))

    await asyncio.gather(*(watch(address, run_id, hear) for _ in range(count)))
    await asyncio.sleep(WARM_UP_SECONDS + seconds)
    return lags[:: max(1, len(lags) // 50_000)]


async def hold_idle(address: str, run_id: str, count: int) -> None:
    viewers = [await watch(address, run_id, lambda frame: None) for _ in range(count)]
    print(len(viewers), flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)


class Follower:
    """A viewer that knows its place in the run's log."""

    def __init__(self, address: str, run_id: str) -> None:
        self.address, self.run_id = address, run_id
        self.cursor, self.epoch = 0, ""
        self.moved = asyncio.Event()

    async def connect(self) -> Viewer:
        query = f"after={self.cursor}&epoch={self.epoch}" if self.cursor else "after=0"
        return await watch(self.address, self.run_id, self.hear, query=query)

    def hear(self, frame: bytes) -> None:
        for cursor, epoch, other_epoch, other_cursor in _PLACE.findall(frame):
            self.cursor, self.epoch = int(cursor or other_cursor), (epoch or other_epoch).decode()
        self.moved.set()

    async def reach(self, cursor: int) -> None:
        while self.cursor < cursor:
            self.moved.clear()
            await self.moved.wait()


async def storm(address: str, run_id: str, count: int) -> float:
    guide = Follower(address, run_id)
    await guide.connect()
    followers = [Follower(address, run_id) for _ in range(count)]
    viewers = [await follower.connect() for follower in followers]
    async with asyncio.timeout(120):
        await asyncio.gather(*(follower.reach(1) for follower in followers))
        for viewer in viewers:
            viewer.transport.abort()
        await asyncio.sleep(1)  # the run goes on without them
        began, goal = time.perf_counter(), guide.cursor
        await asyncio.gather(*(follower.connect() for follower in followers))
        await asyncio.gather(*(follower.reach(goal) for follower in followers))
    return time.perf_counter() - began


def main(address: str, run_id: str, count: str, mode: str, *seconds: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if mode == "idle":
            runner.run(hold_idle(address, run_id, int(count)))
        elif mode == "lag":
            print(json.dumps(runner.run(measure_lag(address, run_id, int(count), *map(float, seconds)))))  # noqa: T201
        else:
            print(runner.run(storm(address, run_id, int(count))))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
