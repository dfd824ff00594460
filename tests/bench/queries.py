"""Pages that ask much of the database: `python -m tests.bench queries`."""

import asyncio
import json
import os
import sys
from statistics import median

from tests.bench.figures import Figure, at_most, spread
from tests.bench.site import make_text, recipe, run_watched
from tests.model_server import Rule
from tests.site.live import LiveSite

LANES, PROBLEMS, DRAFTS = 100_000, 1_000, 64
AIM_MS = 100


async def measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    lanes, problems, drafts = (10_000, 20, 4) if is_quick else (LANES, PROBLEMS, DRAFTS)
    site.model_server.script(Rule(replies=(make_text(100),)))
    run = await run_watched(site, recipe("self_consistency", drafts=drafts))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.questions", run.run_id, str(lanes), str(problems), str(repeats),
        env={**os.environ, **site.environment}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    found = json.loads(output.splitlines()[-1])
    page, start = ([1000 * second for second in seconds] for seconds in (found["run_page"]["seconds"], found["start"]))
    what = f"run page of {drafts} drafts and its snapshot; the page takes {found['run_page']['queries']} queries"
    board = {name: median(seconds) * 1000 for name, seconds in found["leaderboard"].items()}
    return [
        Figure("queries", what, spread(page, " ms", digits=0)),
        at_most("queries", f"leaderboard over {lanes:,} lanes, after a run has ended", board["anew"], AIM_MS, " ms"),
        at_most("queries", f"leaderboard over {lanes:,} lanes, read again", board["again"], AIM_MS, " ms"),
        Figure("queries", f"start of a run of {problems:,} problems", spread(start, " ms", digits=0)),
    ]
