"""How soon it goes on: `python -m tests.bench recovery`. After kill -9 of a worker, and when all viewers come back."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import orjson
import psutil

from tests.bench.figures import Figure, spread
from tests.bench.lag import watch_apart
from tests.bench.site import recipe, start
from tests.bench.viewers import watch
from tests.model_server import Rule
from tests.site.live import LiveSite
from webapp.local import parts
from webapp.local.site import worker

VIEWERS = 1_000
_STREAMING = Rule(replies=("word " * 4_000,), tokens_per_second=20)


async def measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    site.model_server.script(_STREAMING)
    viewers = 20 if is_quick else VIEWERS
    run_id = await start(site, recipe("self_consistency", drafts=8))
    returns = [float(await watch_apart(site, run_id, viewers, "storm")) for _ in range(repeats)]
    site.ask(f"api/v1/runs/{run_id}/cancel", {})
    found = [Figure("recovery", f"{viewers:,} viewers return at once, until all are current", spread(returns, " s"),
                    "≤ 3 s", median(returns) <= 3)]  # fmt: skip
    with ExitStack() as stack:
        workers = [site.processes["worker-1"]]
        waits = []
        for number in range(repeats):
            workers.append(stack.enter_context(_running_worker(site, f"spare-{number}")))
            waits.append(await _kill_one(site, workers))
    what = "kill -9 of a worker, until its lane writes again elsewhere"
    return [*found, Figure("recovery", what, spread(waits, " s"), "≤ 10 s", median(waits) <= 10)]


async def _kill_one(site: LiveSite, workers: list[parts.Process]) -> float:
    """Start a lane, kill the worker that has it, and wait for text by another; takes the dead from the list."""
    wrote, wrote_again, is_resumed = asyncio.Event(), asyncio.Event(), False

    def hear(frame: bytes) -> None:
        nonlocal is_resumed
        for event in orjson.loads(frame).get("events", []):
            is_resumed = is_resumed or event["kind"] == "lane_resumed"
            if event["kind"] == "text_delta":
                (wrote_again if is_resumed else wrote).set()

    async with asyncio.timeout(60):
        while any(_has_stream(worker, site) for worker in workers):  # noqa: ASYNC110  # of the run before
            await asyncio.sleep(0.1)
    run_id = await start(site, recipe("direct"))
    viewer = await watch(site.address, run_id, hear)
    async with asyncio.timeout(120):
        await wrote.wait()
        owner = next(worker for worker in workers if _has_stream(worker, site))
        os.killpg(owner.pid, signal.SIGKILL)
        workers.remove(owner)
        began = time.perf_counter()
        await wrote_again.wait()
    waited = time.perf_counter() - began
    viewer.transport.close()
    site.ask(f"api/v1/runs/{run_id}/cancel", {})
    return waited


def _has_stream(worker: parts.Process, site: LiveSite) -> bool:
    port = urlsplit(site.model_server.base_url).port
    found = psutil.Process(worker.pid).net_connections("tcp")
    return any(each.raddr and each.raddr.port == port and each.status == "ESTABLISHED" for each in found)


@contextmanager
def _running_worker(site: LiveSite, name: str) -> Iterator[parts.Process]:
    with tempfile.TemporaryDirectory() as folder:
        part = worker("runs", threads=2, environment=site.environment, name=name)
        with parts.running(part, Path(folder) / f"{name}.log") as process:
            yield process
