"""Make recipes equal: the settings with which a lane may cost a given number of tokens, and no more.

A recipe is fitted by playing it. First it takes the largest of its strategy's sizes that the tokens allow: more calls
side by side for total tokens, more calls in sequence for the critical path. If that leaves a tenth or more of the
tokens unused, or if even the smallest size costs too much, the length of a call is fitted too.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from webapp.runs.budgets import MOST_CALLS, MOST_TOKENS, Axis, Goal
from webapp.runs.queries import estimate_recipe
from workers.core.estimate import Estimate
from workers.core.strategy import Strategy
from workers.core.values import Sampling
from workers.strategies import catalog

LARGEST_SIZE = 256
SHORTEST_CALL, LONGEST_CALL = 16, 131_072


class Place(NamedTuple):
    """What a lane will work on."""

    question_bytes: int
    context_tokens: int | None
    """Longest prompt and text together, if the server says."""

    def holds(self, estimate: Estimate) -> bool:
        """Say whether the largest call fits into the model's context."""
        return self.context_tokens is None or estimate.peak_context <= self.context_tokens


class Preset(NamedTuple):
    """A budget to choose."""

    size: str
    goal: Goal

    @property
    def name(self) -> str:
        """Return axis and size in one word."""
        return f"{self.goal.axis}:{self.size}"


class Fitted(NamedTuple):
    """A recipe's settings, and what they cost at most."""

    params: Mapping[str, Any]
    sampling: Sampling
    estimate: Estimate


_PRESETS: tuple[tuple[Axis, str, int], ...] = (
    ("total_tokens", "small", 8), ("total_tokens", "medium", 16), ("total_tokens", "large", 32),
    ("critical_path", "small", 2), ("critical_path", "medium", 4), ("critical_path", "large", 8),
)  # fmt: skip
"""In what a single call costs: 8 of them is what Self-consistency spends by default."""


def find_presets(sampling: Sampling, question_bytes: int) -> list[Preset]:
    """Return the small, the medium and the large budget of each axis; they grow with question and length of a call."""
    direct = catalog()["direct"]
    one = estimate_recipe(direct.slug, direct.params().model_dump_json(), sampling, question_bytes)
    return [Preset(size, Goal(axis, times * one.total_tokens)) for axis, size, times in _PRESETS]


def fit(strategy: Strategy, params: Mapping[str, Any], sampling: Sampling, goal: Goal, place: Place) -> Fitted | None:
    """Return the recipe that comes closest to the goal from below; None if the params are refused.

    Where the strategy cannot be so cheap or so dear, its cheapest or dearest recipe is returned.
    """
    sized = _fit_size(strategy, params, sampling, goal, place)
    estimate = _play(strategy, sized, sampling, place.question_bytes)
    if estimate is None:
        return None
    fits = _fits(estimate, goal, place)
    if fits and goal.is_met(estimate):
        return Fitted(sized, sampling, estimate)
    fitted = _fit_length(strategy, sized, sampling, goal, place)
    is_worse = fitted is None or goal.spent(fitted.estimate) < goal.spent(estimate)
    return Fitted(sized, sampling, estimate) if fits and is_worse else fitted  # longer calls may be fewer calls


def _fit_size(
    strategy: Strategy, params: Mapping[str, Any], sampling: Sampling, goal: Goal, place: Place
) -> Mapping[str, Any]:
    """Return the params in the largest size that fits, or else in the smallest there is."""
    sizes, base = goal.sizes_of(strategy), _forget_sizes(strategy, params)
    if sizes is None:
        return base

    def play(size: int) -> Estimate | None:
        return _play(strategy, {**base, **sizes(size)}, sampling, place.question_bytes)

    best = _largest(play, goal, place, 1, LARGEST_SIZE)
    if play(best) is None:
        best = next((size for size in range(1, LARGEST_SIZE) if play(size)), 1)
    return {**base, **sizes(best)}


def _forget_sizes(strategy: Strategy, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the params as if nothing had been fitted before: what is fitted twice comes out the same."""
    fields = strategy.params.model_fields
    names = {name for sizes in (strategy.wider, strategy.deeper) if sizes for name in sizes(1)}
    fresh = {**params, **{name: fields[name].get_default() for name in names}}
    try:
        strategy.params.model_validate(fresh)
    except ValidationError:
        return params
    return fresh


def _fit_length(
    strategy: Strategy, params: Mapping[str, Any], sampling: Sampling, goal: Goal, place: Place
) -> Fitted | None:
    """Return the recipe with the longest calls that fit."""

    def play(length: int) -> Estimate | None:
        return _play(strategy, params, sampling.model_copy(update={"max_tokens": length}), place.question_bytes)

    shortest = min(SHORTEST_CALL, sampling.max_tokens)
    longest = max(shortest, min(goal.tokens, LONGEST_CALL))
    length = _largest(play, goal, place, shortest, longest)
    estimate = play(length)
    return Fitted(params, sampling.model_copy(update={"max_tokens": length}), estimate) if estimate else None


def _fits(estimate: Estimate | None, goal: Goal, place: Place) -> bool:
    return estimate is not None and goal.allows(estimate) and place.holds(estimate)


def _largest(play: Callable[[int], Estimate | None], goal: Goal, place: Place, low: int, high: int) -> int:
    """Return the largest number up to `high` that fits, as long as smaller ones do; `low` if none does.

    Small ones come first: what is far too dear would take long to play. A refused number tells nothing of others.
    """
    bound = low
    while bound < high:
        bound = min(2 * bound, high)
        estimate = play(bound)
        if _fits(estimate, goal, place):
            low = bound
        elif estimate is not None:
            high = bound - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(play(middle), goal, place):
            low = middle
        else:
            high = middle - 1
    return low


def _play(strategy: Strategy, params: Mapping[str, Any], sampling: Sampling, question_bytes: int) -> Estimate | None:
    """Return what a recipe costs; None if its params are refused."""
    try:
        text = strategy.params.model_validate(params).model_dump_json()
    except ValidationError:
        return None
    return estimate_recipe(strategy.slug, text, sampling, question_bytes, MOST_CALLS, MOST_TOKENS)
