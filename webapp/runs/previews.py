"""What a comparison will cost, before anything is asked of a model."""

from collections.abc import Iterator
from typing import NamedTuple

from webapp.runs.budgets import MOST_CALLS, MOST_TOKENS, Goal
from webapp.runs.fitting import Place, Preset, find_presets, fit
from webapp.runs.forms import Card, ComparisonForm
from webapp.runs.problem_form import MOST_QUESTION_BYTES
from webapp.runs.queries import estimate_recipe
from workers.core.estimate import Estimate
from workers.core.values import Sampling

FEW_FOR_THINKING = 2_048
"""Tokens of a call, below which many thoughts do not come to an answer."""


class LanePreview(NamedTuple):
    """The cost of one picked card at most: every call writes as many tokens as it may."""

    card: Card
    describe: str
    estimate: Estimate | None
    """None while the card's settings are wrong."""
    error: str
    warnings: tuple[str, ...] = ()
    total_percent: float = 0
    critical_percent: float = 0
    """Lengths of the bar, on one scale for all lanes."""


class Preview(NamedTuple):
    """The cost of all picked cards."""

    lanes: list[LanePreview]
    calls: int
    total_tokens: int
    critical_path_tokens: int
    """The longest of the lanes."""
    scale_tokens: int
    """What a full bar stands for."""
    peak_context: int
    """Prompt and text of the largest call."""
    presets: list[Preset]
    """Budgets to make the lanes equal."""


def preview(form: ComparisonForm) -> Preview:
    """Play every picked recipe without a model and return what it would cost.

    Faults that only the play shows (too many calls) are added to the form's cards.
    """
    lanes = [_preview_lane(form, card) for card in form.picked]
    known = [lane.estimate for lane in lanes if lane.estimate]
    scale = max((estimate.total_tokens for estimate in known), default=0)
    lanes = [_scaled(lane, scale) for lane in lanes]
    for lane in lanes:
        lane.card.preview = lane
    return Preview(
        lanes=lanes,
        calls=sum(estimate.calls for estimate in known),
        total_tokens=sum(estimate.total_tokens for estimate in known),
        critical_path_tokens=max((estimate.critical_path_tokens for estimate in known), default=0),
        scale_tokens=scale,
        peak_context=max((estimate.peak_context for estimate in known), default=0),
        presets=find_presets(shared_sampling(form), question_bytes(form)),
    )


def _preview_lane(form: ComparisonForm, card: Card) -> LanePreview:
    params = card.params.settings
    sampling = form.sampling.settings
    if params is None or sampling is None or not card.own.is_valid():
        return LanePreview(card, "", None, "Correct the settings to see the cost.")
    own = Sampling.model_validate({**sampling.model_dump(), **card.own.values})
    size = question_bytes(form)
    estimate = estimate_recipe(card.strategy.slug, params.model_dump_json(), own, size, MOST_CALLS, MOST_TOKENS)
    error = too_much(estimate)
    if error and error not in card.errors:
        card.errors.append(error)
    warnings = () if error else tuple(filter(None, _warn(form, card, own, estimate)))
    return LanePreview(card, card.strategy.describe(params), None if error else estimate, error, warnings)


def question_bytes(form: ComparisonForm) -> int:
    """Return the size of the question; what is beyond the longest that is allowed changes nothing."""
    question = form.problem.data.get("question", "").encode("utf-8", "replace")
    return min(len(question), MOST_QUESTION_BYTES)


def _warn(form: ComparisonForm, card: Card, own: Sampling, estimate: Estimate) -> Iterator[str]:
    if form.does_think(card) and own.max_tokens < FEW_FOR_THINKING:
        yield f"The model thinks before it answers; {own.max_tokens:,} tokens per call may end in the thought."
    place = Place(question_bytes(form), form.context_of(card))
    if not place.holds(estimate):
        yield f"A call may need {estimate.peak_context:,} tokens; the model's context holds {place.context_tokens:,}."
    cap = form.budget.values.get("tokens")
    if cap is not None and estimate.total_tokens > cap:
        yield f"The cap of {cap:,} tokens may end it early."
    if form.goal and not form.goal.is_met(estimate):
        best = fit(card.strategy, card.params.values, shared_sampling(form), form.goal, place)
        yield explain_unequal(form.goal, estimate, best.estimate if best else None)


def explain_unequal(goal: Goal, estimate: Estimate, best: Estimate | None) -> str:
    """Say why a lane does not spend what all are to spend: its strategy cannot, or its settings are others."""
    spent = goal.spent(estimate)
    if best is None or goal.spent(best) != spent:
        return f"Not fitted: it spends {spent:,} of {goal.tokens:,} tokens. Fit the lanes again."
    if spent > goal.tokens:
        return f"It cannot spend less than {spent:,} tokens, which is more than {goal.tokens:,}."
    return f"It cannot spend more than {spent:,} of {goal.tokens:,} tokens."


def shared_sampling(form: ComparisonForm) -> Sampling:
    """Return the sampling that lanes have unless they have their own; the defaults while it is wrong."""
    return Sampling.model_validate(form.sampling.settings.model_dump() if form.sampling.settings else {})


def too_much(estimate: Estimate) -> str:
    """Say that an estimate made with these limits went beyond them, or return nothing."""
    if estimate.has_too_many_calls:
        return f"These settings ask for more than {MOST_CALLS} calls, which is the most of one lane. Ask for fewer."
    if estimate.is_cut:
        return f"These settings may use more than {MOST_TOKENS:,} tokens. Ask for fewer or shorter calls."
    return ""


def _scaled(lane: LanePreview, scale: int) -> LanePreview:
    if lane.estimate is None or not scale:
        return lane
    return lane._replace(
        total_percent=round(100 * lane.estimate.total_tokens / scale, 2),
        critical_percent=round(100 * lane.estimate.critical_path_tokens / scale, 2),
    )
