"""Every strategy of the catalog over real vLLM, through the real database and Redis; one run through the whole site."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.models import Q, Sum

from tests.fixtures_model_server import ModelServer
from tests.site.live import LiveSite, running_site
from tests.vllm.server import MODEL, Vllm
from tests.webapp.runs.playing import lane_ids, work
from webapp.problems.models import Problem
from webapp.runs.launching import RecipeSpec, cancel_run, start_run
from webapp.runs.models import Run, Status
from workers.backends.openai_server import OpenAIServer
from workers.strategies import catalog

pytestmark = pytest.mark.django_db(transaction=True)
MOST_TOKENS_UNREAD = 8
"""Tokens that a cancelled call may have been written before vLLM saw the closed connection."""

MEASURED = (
    ("best_of_n", {"score": "confidence"}),
    ("weighted_voting", {"weights": "probability"}),
    ("process_evaluation", {"value": "graded"}),
    ("cascade", {"confidence": "mean"}),
)
"""Options that need log-probabilities, where the defaults do not."""


def make_run(
    strategy: str,
    params: Mapping[str, Any],
    *,
    question: str = "What is 6 times 7?",
    settle: bool = False,
    **sampling: Any,
) -> Run:
    problem = Problem.objects.create(question=question, answer="42", grader="number")
    recipe = RecipeSpec(strategy, dict(params), MODEL, {"max_tokens": 96, **sampling}, settle=settle)
    return start_run(problems=[problem], recipes=[recipe], seed=1)


async def play(run: Run, ids: list[int], vllm: Vllm) -> None:
    async with OpenAIServer(vllm.base_url) as model:
        await work(run, ids, model)


def spent(run: Run) -> tuple[int, int]:
    """Return the prompt and completion tokens of the run's calls, as we recorded them."""
    sums = run.lanes.get().call_rows.aggregate(prompt=Sum("prompt_tokens"), written=Sum("completion_tokens"))
    return sums["prompt"], sums["written"]


def wait_until_finished(site: LiveSite, page: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 120
    while True:
        lanes = site.lanes(page)
        if all(lane["status"] == "finished" for lane in lanes):
            return lanes
        assert time.monotonic() < deadline, lanes
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("slug", "options"),
    [
        *[pytest.param(slug, {}, id=slug) for slug in catalog()],
        *[pytest.param(*each, id=f"{each[0]}, measured") for each in MEASURED],
    ],
)
def test_a_strategy_ends_and_its_tokens_are_vllms_own_count(slug: str, options: dict[str, Any], vllm: Vllm) -> None:
    run = make_run(slug, {**catalog()[slug].example.params, **options})
    before = asyncio.run(vllm.wait_idle())

    asyncio.run(play(run, lane_ids(run), vllm))
    grown = asyncio.run(vllm.wait_idle()).since(before)

    lane = run.lanes.get()
    prompt, written = spent(run)
    assert (lane.status, lane.error) == (Status.FINISHED, "")
    assert lane.ruling
    assert lane.total_tokens == prompt + written > 0
    assert 0 < lane.critical_path_tokens <= lane.total_tokens
    assert prompt == grown.prompt_tokens
    cut = lane.call_rows.filter(~Q(state="done") | Q(finish_reason="pruned")).count()
    assert written <= grown.written_tokens <= written + cut * MOST_TOKENS_UNREAD


def test_an_answer_that_was_cut_off_is_asked_for_once_more(vllm: Vllm) -> None:
    run = make_run("direct", {}, settle=True, max_tokens=12)
    before = asyncio.run(vllm.wait_idle())

    asyncio.run(play(run, lane_ids(run), vllm))
    grown = asyncio.run(vllm.wait_idle()).since(before)

    lane = run.lanes.get()
    assert list(lane.call_rows.order_by("id").values_list("role", flat=True)) == ["draft", "settle"]
    assert (lane.status, lane.answer_note) == (Status.FINISHED, "asked once more for the end")
    assert lane.answer
    prompt, written = spent(run)
    assert prompt == grown.prompt_tokens
    # the stream is closed once the box is, and vLLM may have written on until it heard
    assert written <= grown.written_tokens <= written + MOST_TOKENS_UNREAD


def test_a_cancelled_run_frees_vllm_and_keeps_its_count(vllm: Vllm) -> None:
    run = make_run("self_consistency", {"drafts": 6}, question="Count from 1 to 1000, one a line.", max_tokens=2000)
    ids = lane_ids(run)
    before = asyncio.run(vllm.wait_idle())

    def stop() -> None:
        cancel_run(run=run)
        connections.close_all()  # this thread's own

    async def cancel_in_the_middle() -> None:
        working = asyncio.create_task(play(run, ids, vllm))
        await vllm.wait_for(lambda counters: counters.written_tokens - before.written_tokens > 60)
        await asyncio.to_thread(stop)
        await vllm.wait_for(lambda counters: counters.running == counters.waiting == 0, within_seconds=5)
        await working

    asyncio.run(cancel_in_the_middle())
    grown = asyncio.run(vllm.wait_idle()).since(before)

    lane = run.lanes.get()
    prompt, written = spent(run)
    assert lane.status == Status.CANCELLED
    assert set(lane.call_rows.values_list("state", flat=True)) == {"cancelled"}
    assert prompt == grown.prompt_tokens
    assert written <= grown.written_tokens <= written + 6 * MOST_TOKENS_UNREAD


def test_the_whole_site_runs_and_stops_a_comparison_on_vllm(
    vllm: Vllm, model_server: ModelServer, tmp_path: Path
) -> None:
    sampling = {"max_tokens": 64}
    before = asyncio.run(vllm.wait_idle())
    names = {"VLLM_BASE_URL": vllm.base_url, "VLLM_MODEL": MODEL}
    with running_site(model_server, tmp_path, variables=names) as site:
        page = site.start(
            {"strategy": "self_consistency", "params": {"drafts": 4}, "sampling": sampling},
            {"strategy": "parallel_distill_refine", "params": {"widths": [2, 1]}, "sampling": sampling},
        )
        lanes = wait_until_finished(site, page)
        grown = asyncio.run(vllm.wait_idle()).since(before)
        assert sum(lane["usage"]["prompt_tokens"] for lane in lanes) == grown.prompt_tokens
        assert sum(lane["usage"]["completion_tokens"] for lane in lanes) == grown.written_tokens

        endless = {"strategy": "self_consistency", "params": {"drafts": 6}, "sampling": {"max_tokens": 2000}}
        site.start(endless, question="Count from 1 to 1000, one a line.")
        asyncio.run(vllm.wait_for(lambda counters: counters.running > 0))
        site.stop_all()
        asyncio.run(vllm.wait_for(lambda counters: counters.running == counters.waiting == 0, within_seconds=5))
    assert not model_server.log()  # the other one was not asked
