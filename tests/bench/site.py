"""What every section measures with: the whole site as processes, its CPU time by process, and runs of known speed."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil

from tests.bench.viewers import watch
from tests.fixtures_model_server import run_model_server
from tests.model_server import Rule
from tests.site.live import LiveSite, running_site

FIRST_TOKEN_SECONDS = 0.1
TOKENS_PER_SECOND = 50
TOKENS = 100
_WORDS = ["so", "the", "next", "step", "adds", "seven", "to", "twelve", "and", "keeps", "the", "sum"]


def make_text(tokens: int) -> str:
    """Return a text of so many tokens that ends in the right answer."""
    return " ".join([*islice(cycle(_WORDS), tokens - 1), r"\boxed{42}"])


def pace(tokens: int) -> Rule:
    """Return the rule that answers with so many tokens, at the benchmark's speed."""
    text = make_text(tokens)
    return Rule(replies=(text,), first_token_seconds=FIRST_TOKEN_SECONDS, tokens_per_second=TOKENS_PER_SECOND)


def call_seconds(tokens: int) -> float:
    """Return the time from a request to its last token, by that rule."""
    return FIRST_TOKEN_SECONDS + (tokens - 1) / TOKENS_PER_SECOND


PACED = pace(TOKENS)
CALL_SECONDS = call_seconds(TOKENS)
"""2.08 s."""
PROBLEM = {"question": "What is 6 times 7?", "answer": "42", "grader": "number"}


class Watched(NamedTuple):
    """A run that a viewer saw to its end."""

    run_id: str
    wall_seconds: float
    """From sending the request to seeing the lane's end."""
    heard: list[bytes]
    """The frames, as they came."""


@contextmanager
def bench_site() -> Iterator[LiveSite]:
    """Run the site as it is deployed (PostgreSQL and Redis keep what they are told), one worker, one web process."""
    with tempfile.TemporaryDirectory(prefix="retort-bench-", ignore_cleanup_errors=True) as folder:
        with run_model_server() as server, running_site(server, Path(folder), threads=8, is_durable=True) as site:
            yield site


def recipe(strategy: str, *, max_tokens: int = 4096, **params: Any) -> dict[str, Any]:
    """Return a recipe for the JSON interface."""
    return {"strategy": strategy, "params": params, "sampling": {"max_tokens": max_tokens}, "settle": False}


async def start(site: LiveSite, *recipes: Mapping[str, Any]) -> str:
    """Start a run and return its id."""
    body = {"problem": PROBLEM, "recipes": recipes}
    async with aiohttp.ClientSession() as session, session.post(f"{site.address}api/v1/runs", json=body) as response:
        assert response.status == 201, await response.text()
        return str((await response.json())["id"])


async def run_watched(site: LiveSite, chosen: Mapping[str, Any]) -> Watched:
    """Start a run of one recipe, watch it, and return once its lane's end was seen."""
    heard: list[bytes] = []
    ended = asyncio.get_running_loop().create_future()

    def hear(frame: bytes) -> None:
        heard.append(frame)
        if b'"kind":"lane_finished"' in frame and not ended.done():
            ended.set_result(time.perf_counter())

    began = time.perf_counter()
    run_id = await start(site, chosen)
    viewer = await watch(site.address, run_id, hear)
    async with asyncio.timeout(120):
        await asyncio.wait([ended, viewer.closed], return_when=asyncio.FIRST_COMPLETED)
    assert ended.done(), f"The socket of run {run_id} was closed before its lane's end was seen."
    viewer.transport.close()
    return Watched(run_id, ended.result() - began, heard)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children until now, ended ones included."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    children = [child.cpu_times() for child in process.children(recursive=True)]
    ended = own.children_user + own.children_system
    return sum(times.user + times.system for times in (own, *children)) + ended
