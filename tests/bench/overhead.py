"""Wall time over the ideal, through the whole stack: `python -m tests.bench overhead`.

From sending a run to the web server until a viewer has seen its lane end; the ideal is the critical path at the speed
that the model server is scripted to. A bare client that reads the same streams at once and throws them away says how
much of it is the machine's and the server's. Most of what we add comes once in a run, so it is told for short drafts,
where it is the larger part, and for drafts as long as a short chain of thought.
"""

import time
from collections.abc import Sequence
from statistics import median

from tests.bench.figures import Figure, at_most
from tests.bench.floor import read_all
from tests.bench.site import CALL_SECONDS, PACED, TOKENS, Watched, call_seconds, pace, recipe, run_watched
from tests.site.live import LiveSite

SIZES = (16, 64, 256)
AIMS = {64: 1.03, 256: 1.05}
LONG_TOKENS = 500


async def measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    site.model_server.script(PACED)
    await run_watched(site, recipe("direct"))  # the worker's first task imports what it needs
    figures = []
    for drafts in (4,) if is_quick else SIZES:
        runs = [await run_watched(site, recipe("self_consistency", drafts=drafts)) for _ in range(repeats)]
        figures += _compare(site, f"self_consistency, {drafts} drafts", runs, AIMS.get(drafts))
        figures += [await _time_bare_client(site, drafts, repeats)]
    others = {
        "parallel_distill_refine (16, 8, 4, 1)": recipe("parallel_distill_refine", widths=[16, 8, 4, 1]),
        "sequential_refinement, 5 rounds": recipe("sequential_refinement", rounds=5, patience=0),
    }
    for name, chosen in {} if is_quick else others.items():
        figures += _compare(site, name, [await run_watched(site, chosen) for _ in range(repeats)], None)
    site.model_server.script(pace(LONG_TOKENS))
    for drafts, aim in {} if is_quick else AIMS.items():
        runs = [await run_watched(site, recipe("self_consistency", drafts=drafts)) for _ in range(repeats)]
        name = f"self_consistency, {drafts} drafts of {LONG_TOKENS} tokens"
        figures += _compare(site, name, runs, aim, call_seconds(LONG_TOKENS))
    return figures


def _compare(
    site: LiveSite, name: str, runs: Sequence[Watched], aim: float | None, seconds: float = CALL_SECONDS
) -> list[Figure]:
    lanes = [site.ask(f"api/v1/runs/{run.run_id}")["lanes"][0] for run in runs]
    depths = {lane["usage"]["depth"] for lane in lanes}
    assert len(depths) == 1, depths
    ideal = depths.pop() * seconds
    wall = median(run.wall_seconds for run in runs)
    stored = median(lane["seconds"] for lane in lanes)
    what = f"{name}: {wall:.2f} s of {ideal:.2f} s, {stored:.2f} s by the database"
    if aim:
        return [at_most("overhead", what, wall / ideal, aim, "×", digits=3)]
    return [Figure("overhead", what, f"{wall / ideal:.3f}×")]


async def _time_bare_client(site: LiveSite, streams: int, repeats: int) -> Figure:
    walls = list[float]()
    for _ in range(repeats):
        began = time.perf_counter()
        assert await read_all(site.model_server.base_url, streams, TOKENS) == streams * TOKENS
        walls.append(time.perf_counter() - began)
    return Figure(
        "overhead", f"a bare client, {streams} streams: {median(walls):.2f} s", f"{median(walls) / CALL_SECONDS:.3f}×"
    )
