"""What a recipe will cost is found by playing it with a model that says nothing."""

import random
from typing import Any

import pytest

from workers.core.estimate import Estimate, estimate_cost
from workers.core.values import Sampling
from workers.strategies import catalog


async def estimate(slug: str, params: dict[str, Any] | None = None, **limits: Any) -> Estimate:
    strategy = catalog()[slug]
    return await estimate_cost(
        strategy, strategy.params(**params or {}), question="x" * 400, sampling=Sampling(max_tokens=100),
        random=random.Random(0), **limits,
    )  # fmt: skip


async def test_every_call_writes_its_whole_limit_or_what_is_said():
    whole, half = await estimate("direct"), await estimate("direct", tokens_per_call=50)

    assert whole.total_tokens - half.total_tokens == 50
    assert 200 <= whole.total_tokens <= 240  # the question has 100 tokens, the prompt around it a few


async def test_solutions_have_their_real_size_in_later_prompts():
    cost = await estimate("sequential_refinement", {"rounds": 2})

    assert 300 <= cost.peak_context <= 370  # question, solution and rewrite of 100 tokens each, the prompt around them


@pytest.mark.parametrize(
    ("slug", "params", "calls"),
    [
        ("budget_forcing", {"most_tokens": 1000}, 11),
        ("budget_forcing", {"most_tokens": 250, "form": "rejection", "tries": 4}, 13),
        ("factual_scaling", {"most_tokens": 450}, 6),
        ("thinking_budget", {"thinking_tokens": 100}, 2),
    ],
)
async def test_a_thought_is_as_long_as_it_may_be(slug: str, params: dict[str, Any], calls: int):
    cost = await estimate(slug, params)

    assert (cost.calls, cost.depth) == (calls, calls)


@pytest.mark.parametrize("rounds", [2, 5, 9])
async def test_patience_is_not_counted_on(rounds: int):
    assert (await estimate("sequential_refinement", {"rounds": rounds, "patience": 1})).calls == rounds


async def test_absurd_settings_are_cut_short():
    cost = await estimate("self_consistency", {"drafts": 256}, most_calls=10)

    assert cost.is_cut
    assert cost.calls <= 256
    assert (await estimate("self_consistency", {"drafts": 256}, most_tokens=1_000)).is_cut
    assert not (await estimate("self_consistency", {"drafts": 10}, most_calls=10)).is_cut


@pytest.mark.parametrize("slug", catalog())
async def test_estimates_are_repeatable(slug: str):
    assert await estimate(slug) == await estimate(slug)
