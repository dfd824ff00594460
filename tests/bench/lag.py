"""From the model server's socket to a viewer's: `python -m tests.bench lag`.

Each token is the time at which it was written; viewers take the time at which its frame has come.
"""

import asyncio
import json
import sys

import psutil

from tests.bench.figures import Figure, at_most, percentile
from tests.bench.site import recipe, start
from tests.model_server import Rule
from tests.site.live import LiveSite

DRAFTS, SPEED = 64, 5_000
VIEWERS = (1, 20, 200)
IDLE = 1_000
AIM_MS, USUAL_AIM_MS = 150, 100
"""Of one percent, and of the half."""
_ENDLESS = "word " * 4_000


async def measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    drafts, idle = (4, 20) if is_quick else (DRAFTS, IDLE)
    seconds = 2.0 if is_quick else 2.0 * repeats
    site.model_server.script(Rule(replies=(_ENDLESS,), tokens_per_second=SPEED / DRAFTS, is_stamped=True))
    figures = []
    for viewers in (2,) if is_quick else VIEWERS:
        run_id = await start(site, recipe("self_consistency", drafts=drafts))
        lags = json.loads(await watch_apart(site, run_id, viewers, "lag", str(seconds)))
        site.ask(f"api/v1/runs/{run_id}/cancel", {})
        what = f"{viewers} viewers, {drafts} drafts at {SPEED * drafts // DRAFTS:,} tokens/s: token to socket"
        figures += [
            at_most("lag", f"{what}, p50", percentile(lags, 50), USUAL_AIM_MS, " ms"),
            at_most("lag", f"{what}, p99", percentile(lags, 99), AIM_MS, " ms"),
        ]
    return [*figures, await _weigh_idle(site, idle)]


async def watch_apart(site: LiveSite, run_id: str, viewers: int, *mode: str) -> bytes:
    """Let viewers watch from a process of their own; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.watchers", site.address, run_id, str(viewers), *mode,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


async def _weigh_idle(site: LiveSite, count: int) -> Figure:
    """Take the web process's memory with and without viewers of a run in which nothing happens."""
    site.model_server.script(Rule(replies=("late",), first_token_seconds=600))
    run_id = await start(site, recipe("direct"))
    web = psutil.Process(site.processes["web-1"].pid)
    before = web.memory_info().rss
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.watchers", site.address, run_id, str(count), "idle",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert int(await process.stdout.readline()) == count
    await asyncio.sleep(3)
    each = (web.memory_info().rss - before) / count / 1024
    await process.communicate(b"")
    site.ask(f"api/v1/runs/{run_id}/cancel", {})
    return at_most("lag", f"memory of each of {count:,} idle sockets", each, 60, " KiB")
