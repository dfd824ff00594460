"""What a token costs, from the model server to the database and a viewer: `python -m tests.bench throughput`.

CPU time of the worker (its graders and its database thread with it) and of the web server while 64 drafts stream,
beside the floor: a client that reads the same bytes and throws them away. Every token must be in the database and
have been shown to the viewer.
"""

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import orjson

from tests.bench.figures import Figure, at_least, at_most, spread
from tests.bench.site import Watched, cpu_seconds, make_text, recipe, run_watched
from tests.model_server import Rule
from tests.site.live import LiveSite
from webapp.runs.frames import NOWHERE

DRAFTS = 64
SPEED = 5_000
"""Tokens a second, all drafts together."""
AIM, LATER_AIM = 2.0, 1.5
"""The worker's cost over the floor."""
AIM_SPEED = 10_000
"""Tokens a second, of a flood."""


class Cost(NamedTuple):
    """CPU seconds for a million tokens, and how fast they came."""

    worker: float
    web: float
    floor: float
    speed: float
    """Tokens a second."""


async def measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    drafts, tokens = (4, 50) if is_quick else (DRAFTS, 1_000)
    paced = [await _measure_once(site, drafts, tokens, SPEED) for _ in range(repeats)]
    flood = [await _measure_once(site, drafts, tokens, 0) for _ in range(repeats)]
    return [*_tell(f"{drafts} drafts at {SPEED:,} tokens/s", paced), *_tell_flood(drafts, flood)]


async def _measure_once(site: LiveSite, drafts: int, tokens: int, speed: int) -> Cost:
    text = make_text(tokens)
    site.model_server.reset()
    site.model_server.script(Rule(replies=(text,), tokens_per_second=speed / drafts))
    pids = [site.processes[name].pid for name in ("worker-1", "web-1")]
    before = [cpu_seconds(pid) for pid in pids]
    began = time.perf_counter()
    run = await run_watched(site, recipe("self_consistency", drafts=drafts))
    wall = time.perf_counter() - began
    worker, web = (cpu_seconds(pid) - spent for pid, spent in zip(pids, before, strict=True))
    check_nothing_is_lost(site, run, [text] * drafts)
    floor = await _measure_floor(site, drafts, tokens)
    millions = drafts * tokens / 1e6
    return Cost(worker / millions, web / millions, floor / millions, drafts * tokens / wall)


async def _measure_floor(site: LiveSite, streams: int, tokens: int) -> float:
    address = site.model_server.base_url
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.floor", address, str(streams), str(tokens), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return float(output)


def check_nothing_is_lost(site: LiveSite, run: Watched, expected: Sequence[str]) -> None:
    """Raise AssertionError unless the database holds these drafts, and the viewer saw what it holds."""
    rounds = site.ask(f"api/v1/runs/{run.run_id}")["lanes"][0]["rounds"]
    stored = {call["key"]: call["text"] for each in rounds for call in each["calls"]}
    assert list(stored.values()) == list(expected), "the database lost text"
    assert _read_shown(run.heard) == stored, "the viewer lost text"


def _read_shown(frames: Sequence[bytes]) -> dict[str, str]:
    """Return the texts that a viewer put together from deltas, by call; a snapshot has those that ended before it."""
    shown: dict[str, str] = defaultdict(str)
    for frame in map(orjson.loads, frames):
        is_snapshot = frame.get("snapshot") or frame.get("prev") == NOWHERE
        events: list[dict[str, Any]] = frame.get("events", [])
        for event in events:
            if is_snapshot and event["kind"] == "call_finished":
                shown[event["call"]] = event["text"]
            if event["kind"] == "text_delta" and event["start"] <= len(shown[event["call"]]):  # a snapshot repeats
                shown[event["call"]] = shown[event["call"]][: event["start"]] + event["text"]
    return dict(shown)


def _tell(name: str, costs: Sequence[Cost]) -> list[Figure]:
    ratio = median(cost.worker / cost.floor for cost in costs)
    unit = " CPU s per million tokens"
    return [
        Figure("throughput", f"{name}: floor", spread([cost.floor for cost in costs], unit, digits=0)),
        at_most("throughput", f"{name}: worker over the floor", ratio, AIM, "×", digits=2),
        at_most("throughput", f"{name}: worker over the floor, the later aim", ratio, LATER_AIM, "×", digits=2),
        _per_core(f"{name}: worker", [cost.worker for cost in costs]),
        _per_core(f"{name}: web, one viewer", [cost.web for cost in costs]),
    ]


def _tell_flood(drafts: int, costs: Sequence[Cost]) -> list[Figure]:
    name = f"{drafts} drafts as fast as the model server sends"
    return [
        at_least("throughput", name, median(cost.speed for cost in costs), AIM_SPEED, " tokens/s"),
        _per_core(f"{name}: worker", [cost.worker for cost in costs]),
        _per_core(f"{name}: web, one viewer", [cost.web for cost in costs]),
    ]


def _per_core(name: str, seconds: Sequence[float]) -> Figure:
    speed = 1e6 / median(seconds)
    return Figure(
        "throughput", name, f"{spread(seconds, ' CPU s per million tokens', digits=0)}, {speed:,.0f} tokens/s per core"
    )
