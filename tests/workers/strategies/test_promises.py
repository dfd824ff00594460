"""Promises that every strategy keeps, whoever wrote it."""

import asyncio
import inspect
import random
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tests.workers.strategies.playing import AnyReplies, Stage, play, play_example, settle
from workers.backends.replay import ReplayModel
from workers.core import events
from workers.core.capabilities import Feature
from workers.core.errors import BudgetSpent, ModelError, StreamCut
from workers.core.estimate import Estimate, estimate_cost
from workers.core.events import CallCancelled, CallFailed, CallFinished, CallStarted
from workers.core.model import Request
from workers.core.strategy import Strategy, StrategyParams
from workers.core.values import Problem, Sampling
from workers.strategies import catalog

every_strategy = pytest.mark.parametrize("strategy", catalog().values(), ids=catalog())
every_call = pytest.mark.parametrize(
    ("strategy", "call"),
    [
        pytest.param(strategy, f"{role}-{number}", id=f"{slug}-{role}-{number}")
        for slug, strategy in catalog().items()
        for role, replies in strategy.example.replies.items()
        for number in range(1, len(replies) + 1)
    ],
)
CUT = StreamCut("The stream broke.")


def stage_example(strategy: Strategy, **settings: Any) -> Stage:
    example = strategy.example
    return Stage(strategy, example.params, replies=AnyReplies(), question=example.question, **settings)


# --- things go wrong --------------------------------------------------------------------------------------------------


@every_call
async def test_a_failed_call_never_hangs_a_lane(strategy: Strategy, call: str):
    played = await stage_example(strategy, faults={call: CUT}).play()

    assert played.answer is not None or isinstance(played.error, ModelError)
    assert [failed.call for failed in played.all_of(CallFailed)] == [call]
    assert {event.call for event in played.all_of(CallStarted)} == {
        event.call for kind in (CallFinished, CallFailed) for event in played.all_of(kind)
    }
    assert asyncio.all_tasks() == {asyncio.current_task()}


@every_strategy
async def test_a_lane_fails_when_all_its_calls_fail(strategy: Strategy):
    calls = [f"{role}-{number}" for role in strategy.example.replies for number in range(1, 300)]

    played = await stage_example(strategy, faults=dict.fromkeys(calls, CUT)).play()

    assert played.error is CUT


@every_call
async def test_cancelling_leaves_no_running_task(strategy: Strategy, call: str):
    stage = stage_example(strategy, pauses=[call])
    task = asyncio.create_task(stage.solve())
    await settle()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    ended = stage.ended()
    cancelled = [event.call for event in ended.all_of(CallCancelled)]
    pruned = [end.call for end in ended.all_of(CallFinished) if end.finish_reason == "pruned"]
    assert cancelled == [key for key in stage.model.closed_early if key not in pruned] == [call]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@every_strategy
async def test_the_budget_is_respected(strategy: Strategy):
    whole = await stage_example(strategy).play()
    everything = whole.lane.ledger().total_tokens

    for budget in range(1, everything, max(1, everything // 12)):
        played = await stage_example(strategy, budget_tokens=budget).play()
        ledger = played.lane.ledger()

        assert isinstance(played.error, BudgetSpent) or ledger.total_tokens <= budget
        assert ledger.total_tokens <= budget + 4 * ledger.calls  # each may take in one more chunk, of 4 tokens here
        assert len(played.model.asked) <= ledger.calls
    assert not whole.error


@every_strategy
async def test_a_budget_too_small_for_the_first_prompt_asks_nothing(strategy: Strategy):
    played = await stage_example(strategy, budget_tokens=1).play()

    assert isinstance(played.error, BudgetSpent)
    assert played.model.asked == []


# --- resuming ---------------------------------------------------------------------------------------------------------


@every_call
async def test_a_resumed_lane_asks_nothing_twice(strategy: Strategy, call: str):
    whole = await stage_example(strategy).play()
    stage = stage_example(strategy, pauses=[call])
    task = asyncio.create_task(stage.solve())
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    journal = stage.ended().journal

    resumed = await stage_example(strategy, wrap=lambda live: ReplayModel(journal, live)).play()

    asked_anew = {request.key for request in resumed.model.asked}
    assert asked_anew == set(whole.graph) - set(journal)
    assert resumed.answer == whole.answer
    assert resumed.graph == whole.graph


@every_strategy
async def test_a_lane_that_lost_its_worker_at_the_very_end_asks_nothing(strategy: Strategy):
    whole = await play_example(strategy)

    replies: dict[str, tuple[str, ...]] = {}
    resumed = await play(
        strategy, strategy.example.params, replies=replies, question=strategy.example.question,
        wrap=lambda live: ReplayModel(whole.journal, live),
    )  # fmt: skip

    assert resumed.model.asked == []
    assert resumed.answer == whole.answer


# --- parameters and prompts -------------------------------------------------------------------------------------------


@every_strategy
async def test_parameters_at_their_minimum_work(strategy: Strategy):
    for params in _smallest(strategy.params):
        played = await play(strategy, params)

        assert played.answer is not None


def _smallest(params: type[StrategyParams]) -> list[dict[str, Any]]:
    """Return every number at its least and every list at its shortest, once with each of every choice."""
    fields = params.model_json_schema().get("properties", {})
    least: dict[str, Any] = {}
    for name, field in fields.items():
        if field["type"] == "array":
            least[name] = [field["items"]["minimum"]] * field["minItems"]
        elif "minimum" in field:
            least[name] = field["minimum"]
    return [{**least, **choice} for choice in _choices(params)]


def _choices(params: type[StrategyParams]) -> list[dict[str, Any]]:
    """Return each of every choice; nothing but the defaults where there is none."""
    fields = params.model_json_schema().get("properties", {})
    return [{name: choice} for name, field in fields.items() for choice in field.get("enum", ())] or [{}]


@every_strategy
async def test_what_is_asked_of_the_server_stands_in_the_needs(strategy: Strategy):
    for params in _choices(strategy.params):
        played = await play(strategy, params)

        asked = set[Feature]().union(*map(_features, played.model.asked))
        assert asked <= strategy.find_needs(strategy.params(**params)), params


def _features(request: Request) -> set[Feature]:
    """Return what a server must offer to answer a request."""
    found: set[Feature] = set()
    if request.scored:
        found.add("prompt_logprobs")
    elif request.top_logprobs is not None:
        found.add("logprobs")
    if request.continues:
        found |= {"continuing", "keeping_thoughts"} if "</think>" in request.messages[-1].content else {"continuing"}
    return found


@every_strategy
def test_parameters_have_titles_descriptions_and_limits(strategy: Strategy):
    for name, field in strategy.params.model_json_schema().get("properties", {}).items():
        assert strategy.params.model_fields[name].title, name
        assert strategy.params.model_fields[name].description, name
        if field["type"] in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(field), name
            assert {"maximum", "exclusiveMaximum"} & set(field), name
        if field["type"] == "array":
            assert {"minItems", "maxItems"} <= set(field), name
        assert not strategy.params.model_fields[name].is_required(), name


@every_strategy
async def test_each_size_costs_more_than_the_one_before(strategy: Strategy):
    for sizes, axis in ((strategy.wider, "total_tokens"), (strategy.deeper, "critical_path_tokens")):
        if sizes:
            costs = [getattr(await _estimate(strategy, sizes(size)), axis) for size in (1, 2, 3, 4)]

            assert costs == sorted(set(costs)), axis


async def _estimate(strategy: Strategy, params: Mapping[str, Any]) -> Estimate:
    return await estimate_cost(
        strategy, strategy.params(**params), question="Why?", sampling=Sampling(), random=random.Random(0)
    )


@every_strategy
async def test_a_question_full_of_dollars_goes_through_as_it_is(strategy: Strategy):
    question = "What is $question, $workspace, ${x}, $$, $5 or \\boxed{}?"

    played = await play(strategy, question=question)

    shown = [prompt for key, prompt in played.prompts.items() if not key.startswith("child-")]  # it knows its task only
    assert all(question in prompt for prompt in shown)


@every_strategy
async def test_model_text_full_of_dollars_goes_through_as_it_is(strategy: Strategy):
    hostile = "It costs $question and ${solution} and $$ \\boxed{$5}."
    replies = dict.fromkeys(strategy.example.replies, (hostile,) * 20)

    played = await play(strategy, strategy.example.params, replies=replies)

    assert played.answer is not None
    assert hostile in played.answer.text


@every_strategy
def test_prompts_are_valid_templates_that_begin_with_the_problem(strategy: Strategy):
    assert strategy.prompts
    for name, prompt in strategy.prompts.items():
        assert Template(prompt).is_valid(), name
        assert prompt.startswith("Problem:\n$question\n"), name  # what all calls share comes first, for prefix caches


@every_strategy
async def test_solutions_are_asked_for_in_a_box(strategy: Strategy):
    played = await play_example(strategy)

    for finished in played.all_of(CallFinished):
        if finished.answer is not None:
            assert "\\boxed{}" in played.prompts[finished.call]


@every_strategy
async def test_the_lane_has_something_to_give_as_soon_as_a_round_has_ended(strategy: Strategy):
    offered: dict[int, bool] = {}

    def watch(event: events.Event) -> None:
        if isinstance(event, events.RoundOpened):
            offered[event.index] = stage.lane.best is not None

    stage = stage_example(strategy, watch=watch)
    await stage.play()

    assert offered == {index: index > 1 for index in offered}


# --- the house --------------------------------------------------------------------------------------------------------


@every_strategy
def test_the_file_documents_itself(strategy: Strategy):
    assert re.search(r"^Cost: \S", strategy.documentation, re.M)
    assert re.search(r"\bDepth: \S", strategy.documentation)
    assert re.search(r"^Differs from the paper: \S", strategy.documentation, re.M)
    assert re.search(r"^Source: \S", strategy.documentation, re.M)
    assert strategy.source.startswith("arXiv:")
    assert strategy.source in strategy.documentation
    assert strategy.summary.endswith(".")


@every_strategy
def test_the_file_is_named_for_the_strategy_and_small(strategy: Strategy):
    path = Path(inspect.getfile(strategy.solve))

    assert path.stem == strategy.slug == strategy.solve.__name__
    assert len(path.read_text().splitlines()) <= 250
    assert len(inspect.getsource(strategy.solve).splitlines()) <= 50


@every_strategy
def test_names_fit_their_places(strategy: Strategy):
    assert 0 < len(strategy.short) <= 8
    assert 0 < len(strategy.describe(strategy.params())) <= 80
    assert strategy.example.params == strategy.params(**strategy.example.params).model_dump(
        include=set(strategy.example.params), mode="python"
    )


def test_short_names_and_titles_are_distinct():
    strategies = catalog().values()

    assert len({strategy.short for strategy in strategies}) == len(strategies)
    assert len({strategy.title for strategy in strategies}) == len(strategies)


def test_a_strategy_cannot_know_the_reference_answer():
    assert set(Problem.model_fields) == {"question"}
