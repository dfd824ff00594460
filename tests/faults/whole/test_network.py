"""The network between the site and its engines is cut, refuses, falls silent, forgets, is slow: all goes on."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.proxy import Line, running_loop
from tests.faults.recipes import BRISKLY, direct, long_text
from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack
from webapp.local import parts

Lines = Sequence[Line]


class Network(NamedTuple):
    """A site whose processes reach their engines by lines."""

    stack: Stack
    lines: dict[str, Lines]
    """By what they join."""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with (
        tempfile.TemporaryDirectory(prefix="retort-faults-", ignore_cleanup_errors=True) as folder,
        running_loop() as loop,
        parts.private_folder() as sockets,
        Stack(Path(folder), sockets, webs=2, workers=2, threads=8) as stack,
    ):
        lines = [Line(sockets / name, loop) for name in ("redis.sock", ".s.PGSQL.5432") * 2]
        worker_redis, worker_postgres, *web = lines
        stack.lead_through(stack.workers, redis=worker_redis.port, postgres=worker_postgres.port)
        stack.lead_through(stack.webs, redis=web[0].port, postgres=web[1].port)
        stack.prepare()
        stack.open()
        yield Network(stack, {
            "workers and Redis": [worker_redis], "workers and PostgreSQL": [worker_postgres], "webs and both": web,
        })  # fmt: skip
        for line in lines:
            line.end()


@pytest.fixture
async def stack(network: Network) -> AsyncIterator[Stack]:
    await network.stack.restore()
    yield network.stack
    for line in [line for lines in network.lines.values() for line in lines]:
        line.mend()
    assert network.stack.dropped() == []


async def cut(lines: Lines) -> None:
    for _ in range(3):
        assert sum(line.cut() for line in lines) > 0, "there was no connection to cut"
        await asyncio.sleep(1)


async def refuse(lines: Lines) -> None:
    for line in lines:
        line.refuse()
    await asyncio.sleep(4)


async def fall_silent(lines: Lines) -> None:
    for line in lines:
        line.fall_silent()
    await asyncio.sleep(5)


async def lose(lines: Lines) -> None:
    assert sum(line.lose() for line in lines) > 0, "there was no connection to lose"


async def slow_down(lines: Lines) -> None:
    for line in lines:
        line.slow_down(0.2)
    await asyncio.sleep(5)


FAULTS: dict[str, tuple[Callable[[Lines], Awaitable[None]], float]] = {
    "cut, three times": (cut, 5),
    "refused for 4 s": (refuse, 5),
    "silent for 5 s": (fall_silent, 5),
    "connections lost without a word": (lose, 15),
    "slow by 0.2 s for 5 s": (slow_down, 5),
}
"""How, and within how many seconds viewers are back."""
BETWEEN = ("workers and Redis", "workers and PostgreSQL", "webs and both")


@pytest.mark.parametrize(("between", "how"), [*product(BETWEEN, FAULTS)])
async def test_f12_f13_the_network(network: Network, stack: Stack, recorder: Recorder, between: str, how: str):
    stack.script(long_text(80, per_second=10, match="length"), BRISKLY)
    runs = [await recorder.start(direct(), direct(), question="At length: 6 times 7?"), await recorder.start(*FOUR)]
    for run in runs:
        recorder.watch(run, 2)
    await recorder.until_asked(runs[-1], calls=6)
    inject, within = FAULTS[how]

    asking = asyncio.create_task(ask_meanwhile(recorder))
    await inject(network.lines[between])
    for line in network.lines[between]:
        line.mend()

    back_at = time.time()
    await recorder.until(
        lambda: all(viewer.has_heard_since(back_at) for viewer in recorder.viewers), "viewers are back", within=within
    )
    status, waited = await asking
    await recorder.until_ended()
    history = await recorder.judge("F12, F13", f"the network between {between}: {how}")
    assert {lane.status for lane in history.lanes} == {"finished"}
    assert [lane.fence for lane in history.lanes] == [1] * len(history.lanes), "a lane was handed over"
    assert status in (201, 503)
    assert waited < 12


async def ask_meanwhile(recorder: Recorder) -> tuple[int, float]:
    """Ask for a run while the fault is there; return what was answered, and after how many seconds."""
    await asyncio.sleep(0.5)
    began = time.monotonic()
    return await recorder.try_to_start("direct"), time.monotonic() - began
