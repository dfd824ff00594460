"""What a comparison will cost, before anything is asked of a model."""

from typing import NamedTuple

from webapp.runs.forms import MOST_QUESTION_BYTES, Card, ComparisonForm
from webapp.runs.queries import estimate_recipe
from workers.core.estimate import Estimate
from workers.core.values import Sampling

MOST_CALLS = 256
"""Calls that one lane of a comparison may make."""
MOST_TOKENS = 10_000_000
"""Where the preview stops counting."""


class LanePreview(NamedTuple):
    """The cost of one picked card at most: every call writes as many tokens as it may."""

    card: Card
    describe: str
    estimate: Estimate | None
    """None while the card's settings are wrong."""
    error: str
    warning: str = ""
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
    )


def _preview_lane(form: ComparisonForm, card: Card) -> LanePreview:
    params = card.params.settings
    sampling = form.sampling.settings
    if params is None or sampling is None or not card.own.is_valid():
        return LanePreview(card, "", None, "Correct the settings to see the cost.")
    own = Sampling.model_validate({**sampling.model_dump(), **card.own.values})
    size = len(form.problem.data.get("question", "").encode("utf-8", "replace"))
    estimate = estimate_recipe(
        card.strategy.slug, params.model_dump_json(), own, min(size, MOST_QUESTION_BYTES), MOST_CALLS, MOST_TOKENS
    )
    error = too_much(estimate)
    if error and error not in card.errors:
        card.errors.append(error)
    warning = "" if error else _too_long(estimate, form.context_of(card))
    return LanePreview(card, card.strategy.describe(params), None if error else estimate, error, warning)


def too_much(estimate: Estimate) -> str:
    """Say that an estimate made with these limits went beyond them, or return nothing."""
    if estimate.is_cut and estimate.calls > MOST_CALLS:
        return f"These settings ask for more than {MOST_CALLS} calls, which is the most of one lane. Ask for fewer."
    if estimate.is_cut:
        return f"These settings may use more than {MOST_TOKENS:,} tokens. Ask for fewer or shorter calls."
    return ""


def _too_long(estimate: Estimate, context: int | None) -> str:
    if context is None or estimate.peak_context <= context:
        return ""
    return f"A call may need {estimate.peak_context:,} tokens; the model's context holds {context:,}."


def _scaled(lane: LanePreview, scale: int) -> LanePreview:
    if lane.estimate is None or not scale:
        return lane
    return lane._replace(
        total_percent=round(100 * lane.estimate.total_tokens / scale, 2),
        critical_percent=round(100 * lane.estimate.critical_path_tokens / scale, 2),
    )
