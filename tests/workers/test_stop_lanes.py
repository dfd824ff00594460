"""Stop a lane at any moment, or let a budget or deadline end it: it ends at once, keeps what it has, leaves nothing."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from workers.backends.openai_server import OpenAIServer
from workers.core import events
from workers.core.assignments import LaneWork
from workers.core.model import Model
from workers.graders import are_equal
from workers.running import LaneRun
from workers.strategies import catalog

STRATEGIES = ("direct", "self_consistency", "sequential_refinement", "parallel_distill_refine")
REPLY = r"One two three four five six, so it is \boxed{42}."
ENDED_WITHIN_SECONDS = 1.0
CLOSED_WITHIN_SECONDS = 5.0
CALL_ENDS = (events.CallFinished, events.CallFailed, events.CallCancelled)


def make_lane(
    strategy: str,
    model: Model,
    heard: list[events.Event],
    *,
    budget_tokens: int | None = None,
    budget_seconds: int | None = None,
    grader: str = "number",
    sampling: Mapping[str, Any] = MappingProxyType({}),
) -> LaneRun:
    work = LaneWork(
        lane=1, fence=1, is_resumed=False, strategy=strategy, params={}, model_name="scripted", sampling=sampling,
        question="What is 6 times 7?", reference="42", grader=grader, grader_input={}, seed=1,
        budget_tokens=budget_tokens, budget_seconds=budget_seconds,
    )  # fmt: skip
    began = time.monotonic()
    return LaneRun(
        work, model=model, emit=lambda event, _prompt: heard.append(event),
        clock=lambda: round((time.monotonic() - began) * 1000), equal=_equal,
    )  # fmt: skip


async def _equal(one: str, other: str) -> bool:
    return are_equal(one, other)


def check_end(heard: Sequence[events.Event], ending: type[events.EventBase]) -> None:
    """One ending, the last; every call that began has one end; the best answer so far is kept and marked."""
    assert [type(event) for event in heard if isinstance(event, events.LaneEnd)] == [ending]
    assert isinstance(heard[-1], ending)
    ends = Counter(event.call for event in heard if isinstance(event, CALL_ENDS))
    begun = [event.call for event in heard if isinstance(event, events.CallStarted)]
    assert ends == Counter(begun)
    answers = [event for event in heard if isinstance(event, events.AnswerGiven)]
    assert len(answers) <= 1
    if ending is not events.LaneFinished:
        assert all(answer.is_partial for answer in answers)


async def all_closed(model_server: ModelServer) -> None:
    async with asyncio.timeout(CLOSED_WITHIN_SECONDS):
        while await asyncio.to_thread(lambda: any(not entry["ended"] for entry in model_server.log())):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_lane_ends_at_once_wherever_it_is_stopped(strategy: str, model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(REPLY,), tokens_per_second=100))
    chance = random.Random(strategy)
    outcomes = Counter[str]()

    async with OpenAIServer(model_server.base_url) as model:
        began = time.monotonic()
        await make_lane(strategy, model, []).start()
        whole = time.monotonic() - began
        for _ in range(25):
            heard: list[events.Event] = []
            lane = make_lane(strategy, model, heard)
            task = lane.start()
            await asyncio.sleep(chance.random() * whole)
            lane.stop()
            stopped_at = time.monotonic()
            await asyncio.wait_for(task, 20)
            took = time.monotonic() - stopped_at

            outcomes[heard[-1].kind] += 1
            assert took < ENDED_WITHIN_SECONDS
            check_end(heard, type(heard[-1]))
        await all_closed(model_server)

    assert outcomes["lane_cancelled"] > 5
    assert set(outcomes) <= {"lane_cancelled", "lane_finished"}


async def test_a_stopped_lane_gives_the_best_answer_it_has(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(REPLY,), times=1), Rule(replies=(REPLY,), tokens_per_second=2))
    heard: list[events.Event] = []

    async with OpenAIServer(model_server.base_url) as model:
        lane = make_lane("sequential_refinement", model, heard)
        task = lane.start()
        await model_server.wait_for(lambda log: len(log) == 2 and log[1]["tokens"] > 0)
        lane.stop()
        await task

    check_end(heard, events.LaneCancelled)
    [answer] = [event for event in heard if isinstance(event, events.AnswerGiven)]
    [verdict] = [event for event in heard if isinstance(event, events.VerdictReached)]
    assert (answer.answer, answer.is_partial, verdict.ruling) == ("42", True, "right")


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_deadline_ends_a_lane_in_time(strategy: str, model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(REPLY,), tokens_per_second=2))
    heard: list[events.Event] = []

    async with OpenAIServer(model_server.base_url) as model:
        began = time.monotonic()
        await make_lane(strategy, model, heard, budget_seconds=1).start()
        took = time.monotonic() - began
        await all_closed(model_server)

    assert 1 <= took < 1 + ENDED_WITHIN_SECONDS
    check_end(heard, events.LaneFinished)
    assert heard[-1].stopped_by == "deadline"  # type: ignore[union-attr]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("tokens", [30, 60, 90])
async def test_a_budget_ends_a_lane_and_its_streams(strategy: str, tokens: int, model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(REPLY,), tokens_per_second=300))
    heard: list[events.Event] = []

    async with OpenAIServer(model_server.base_url) as model:
        await make_lane(strategy, model, heard, budget_tokens=tokens).start()
        await all_closed(model_server)

    check_end(heard, events.LaneFinished)
    end = heard[-1]
    assert isinstance(end, events.LaneFinished)
    assert end.stopped_by in ("budget", "")
    assert end.stopped_by == "budget" or end.ledger.total_tokens <= tokens


async def test_every_strategy_can_be_stopped_before_it_begins(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url) as model:
        for strategy in catalog():
            heard: list[events.Event] = []
            lane = make_lane(strategy, model, heard)
            task = lane.start()
            lane.stop()
            await task
            check_end(heard, events.LaneCancelled)

    assert model_server.log() == []
