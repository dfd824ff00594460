"""Whatever the parameters ask for, the preview plays no more than a lane may be, and says what is too much."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from webapp.runs.budgets import MOST_CALLS, MOST_TOKENS
from webapp.runs.previews import too_much
from workers.core.estimate import Estimate, estimate_cost
from workers.core.strategy import Strategy, StrategyParams
from workers.core.values import Sampling
from workers.strategies import catalog

every_strategy = pytest.mark.parametrize("strategy", catalog().values(), ids=catalog())
FEW = settings(max_examples=6, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
ENOUGH_SECONDS = 60


class Counting(random.Random):
    """Chance that knows how often it was asked."""

    drawn = 0

    def random(self) -> float:
        """Return the next number."""
        self.drawn += 1
        return super().random()


async def play(
    strategy: Strategy, params: Mapping[str, Any], *, max_tokens: int = 512, chance: random.Random | None = None
) -> Estimate:
    async with asyncio.timeout(ENOUGH_SECONDS):
        return await estimate_cost(
            strategy, strategy.params(**params), question="Why?", sampling=Sampling(max_tokens=max_tokens),
            random=chance or random.Random(0), most_calls=MOST_CALLS, most_tokens=MOST_TOKENS,
        )  # fmt: skip


def check(cost: Estimate) -> None:
    assert cost.calls <= MOST_CALLS
    assert cost.is_cut == bool(too_much(cost))
    assert cost.is_cut or 0 < cost.total_tokens <= MOST_TOKENS
    assert cost.has_too_many_calls == (f"more than {MOST_CALLS} calls" in too_much(cost))


@every_strategy
async def test_the_largest_parameters_are_played_within_limits(strategy: Strategy):
    for params in _largest(strategy.params):
        check(await play(strategy, params))


@every_strategy
async def test_the_longest_calls_are_played_within_limits(strategy: Strategy):
    check(await play(strategy, _largest(strategy.params)[0], max_tokens=131_072))


@every_strategy
@FEW
@given(st.data())
async def test_any_parameters_are_played_within_limits(strategy: Strategy, data: st.DataObject):
    fields = strategy.params.model_json_schema().get("properties", {})
    params = {name: data.draw(_values(field), name) for name, field in fields.items()}
    try:
        strategy.params(**params)
    except ValidationError:
        assume(False)

    check(await play(strategy, params))


async def test_no_prompt_is_made_for_calls_that_are_too_many():
    params = {"drafts": 64, "steps": 32, "verdicts": 16}
    marks = Counting(0)

    check(await play(catalog()["process_evaluation"], params, max_tokens=131_072, chance=marks))

    assert marks.drawn <= MOST_CALLS, "each prompt of a judge draws a mark"


async def test_a_lane_of_too_many_calls_is_told_from_one_of_too_many_tokens():
    calls = await play(catalog()["process_evaluation"], {"drafts": 64, "steps": 32, "verdicts": 16})
    tokens = await play(catalog()["self_consistency"], {"drafts": 256}, max_tokens=131_072)

    assert (
        too_much(calls) == "These settings ask for more than 256 calls, which is the most of one lane. Ask for fewer."
    )
    assert too_much(tokens) == "These settings may use more than 10,000,000 tokens. Ask for fewer or shorter calls."


def _largest(params: type[StrategyParams]) -> list[dict[str, Any]]:
    """Return every number at its most, once with each of every choice; where they refuse each other, one at a time."""
    fields = params.model_json_schema().get("properties", {})
    most = {name: field["maximum"] for name, field in fields.items() if "maximum" in field}
    choices = [{name: choice} for name, field in fields.items() for choice in field.get("enum", ())]
    found = [{**most, **choice} for choice in choices or [{}]]
    single = [{name: value} for name, value in most.items()]
    return [one for one in found if _is_valid(params, one)] or [one for one in single if _is_valid(params, one)]


def _is_valid(params: type[StrategyParams], given: Mapping[str, Any]) -> bool:
    try:
        params(**given)
    except ValidationError:
        return False
    return True


def _values(field: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return what a parameter may be; ends of ranges are drawn as often as all between."""
    if "enum" in field:
        return st.sampled_from(field["enum"])
    match field["type"]:
        case "integer" | "number":
            low, high = field.get("minimum", field.get("exclusiveMinimum")), field["maximum"]
            between = st.integers(low, high) if field["type"] == "integer" else st.floats(low, high)
            return st.sampled_from([high, field["default"]]) | between
        case "array":
            return st.just(field["default"]) | st.lists(_values({**field["items"], "default": 1}), max_size=4).map(
                tuple
            )
        case "boolean":
            return st.booleans()
    return st.just(field["default"])
