"""Try several prompt styles on a few drafts each, then vote in the style that is predicted to vote best.

The style that is right most often in one draft need not win a vote: what counts is how far the right answer is ahead of
the strongest wrong one. So write a few drafts in each style, and compute from the shares of their answers what a larger
vote would say.

Procedure:
1. Write `pilot` drafts in each of the first `styles` of: step by step; direct; least to most (answer smaller questions
   first); analogous (recall similar problems first); step back (one call names the principles, the next one uses them).
2. Take the answer of most drafts of all styles together for the right one. For each style, compute the probability that
   it would win a vote of that style, from the shares of the answers there, each with half a vote more.
3. Write more drafts in the style with the highest probability, of tied ones the first, until it has `votes` drafts, the
   pilot's included; they vote. By `equal`, every style is given `votes` drafts, or what they cost in the cheapest one.
One style alone needs no pilot: all its drafts are written at once.

Cost: styles * pilot + votes - pilot drafts, fewer for a dear style at equal tokens; one that steps back is 2 calls.
Depth: 2 calls; 3 with the fifth style, 4 when that is chosen; 1 for one style.
Differs from the paper: no answer is known to be right, so what is predicted is how firmly a style says what most drafts
say, not whether that is true; for the same reason no draft is saved where a vote can only do harm. The styles are zero-
shot, their prompts our own. The paper's iterated styles are strategies of their own: Sequential Refinement, Tournament.
The prediction is exact where the paper approximates.
Reported: with many votes the plain chain of thought is best for all six models in about 80% of cases, from a digest.
Source: Liu et al. 2025, arXiv:2505.10981.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from workers.core.errors import ModelError
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies._predicting import predict_majority, smooth
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Ballot, Bloc, find_leader

DIRECT = """\
Problem:
$question

Write nothing but the final answer, inside \\boxed{}.
"""

LEAST_TO_MOST = """\
Problem:
$question

Break the problem down into smaller questions, the easiest first, so that each helps with the next. Answer them one \
after the other, and the problem with the last. At the end, write the final answer inside \\boxed{}.
"""

ANALOGOUS = """\
Problem:
$question

Recall three problems that are like this one but different from each other, and solve each in a few lines. Then solve \
the problem above step by step. At the end, write its final answer inside \\boxed{}.
"""

PRINCIPLES = """\
Problem:
$question

Do not solve the problem yet. List the principles, definitions and formulas that a solution will need.
"""

STEP_BACK = """\
Problem:
$question

Principles that may help:

$principles

Solve the problem step by step, following these principles where they apply. At the end, write the final answer \
inside \\boxed{}.
"""

STYLES = {
    "step by step": DRAFT,
    "direct": DIRECT,
    "least to most": LEAST_TO_MOST,
    "analogous": ANALOGOUS,
    "step back": STEP_BACK,
}
Cast = Callable[[int, Reply], Awaitable[None]]
FEW = 10
"""Drafts below which the shares of a style are little more than luck."""


class Params(StrategyParams):
    """How many styles, how many drafts to choose one by, and how many then vote."""

    styles: int = Field(4, ge=1, le=5, title="Styles", description="The first so many styles of the list are tried.")
    pilot: int = Field(3, ge=1, le=16, title="Pilot", description="Drafts in each style to choose the style by.")
    votes: int = Field(
        8, ge=1, le=64, title="Votes", description="Drafts that vote in the chosen style, the pilot's included."
    )
    equal: Literal["drafts", "tokens"] = Field(
        "drafts",
        title="Compare at equal",
        description="Number of drafts, or tokens: a style that costs more gets fewer drafts.",
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"styles": 2, "pilot": 2, "votes": 4},
    replies={
        "draft": (
            "17 times 20 is 340, and 340 + 68 is \\boxed{408}.",
            "17 times 4 is 68, so \\boxed{408}.",
            "\\boxed{418}",
            "\\boxed{408}",
            "340 + 68 = \\boxed{408}.",
            "340 + 4 = \\boxed{344}.",
        )
    },
    answer="408",
    calls=6,
    depth=2,
)


class Batch(NamedTuple):
    """Drafts written in one style."""

    style: str
    drafts: list[Reply]
    price: float
    """Tokens for each draft, those of its principles included."""


class Forecast(NamedTuple):
    """What is expected of a style."""

    batch: Batch
    votes: int
    chance: float
    """That the answer of most drafts wins a vote of so many."""


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    if params.styles == 1:
        return f"one style · {params.votes} votes"
    words = [f"{params.styles} styles", f"pilot of {params.pilot}", f"{params.votes} votes in the best"]
    words += ["equal tokens"] * (params.equal == "tokens")
    return " · ".join(words)


@strategy(
    title="Prompting Mix",
    short="Mix",
    family="vote",
    source="arXiv:2505.10981",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=lambda size: {"pilot": size, "votes": 2 * size + 2},
)
async def prompting_mix(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Write a pilot in every style, predict, and vote in the best one."""
    styles = list(STYLES)[: params.styles]
    size = params.pilot if len(styles) > 1 else params.votes
    pilot = Ballot(lane, expected=size * len(styles))
    async with lane.round("Pilot"):
        works = [
            _write(lane, problem.question, style, size, cast=_cast_from(number * size, pilot))
            for number, style in enumerate(styles)
        ]
        batches = await lane.gather(works)
    if len(styles) == 1:
        return pilot.winner()
    best = _choose(lane, batches, pilot.blocs, params)
    style, drafts, _ = best.batch
    vote = Ballot(lane, expected=best.votes)
    async with lane.round("Vote"):
        for place, draft in enumerate(drafts):
            await vote.cast(place, draft)
        if more := best.votes - len(drafts):
            waited, cast = list(pilot.drafts.values()), _cast_from(len(drafts), vote)
            try:
                await _write(lane, problem.question, style, more, cast=cast, waited=waited)
            except ModelError:
                if not vote.voters:
                    raise
                lane.note("All further drafts failed: those of the pilot vote.")
    winner = vote.winner()
    return winner.model_copy(update={"note": f"{winner.note}, {style}"})


def _cast_from(start: int, ballot: Ballot) -> Cast:
    return lambda place, draft: ballot.cast(start + place, draft)


async def _write(  # noqa: PLR0913  # keywords only
    lane: LiveLane, question: str, style: str, size: int, *, cast: Cast, waited: Sequence[Reply] = ()
) -> Batch:
    """Write drafts in one style, all at once; those that step back when the principles of all are there."""
    if style != "step back":
        prompt = fill(STYLES[style], question=question)
        calls = drafts = await lane.ask_many(prompt, times=size, role="draft", after=waited, each=cast)
    else:
        prompt = fill(PRINCIPLES, question=question)
        principles = await lane.ask_many(prompt, times=size, role="principles", after=waited)
        prompts = [fill(STEP_BACK, question=question, principles=each.solution) for each in principles]
        asked = [lane.ask(text, role="draft", after=each) for text, each in zip(prompts, principles, strict=True)]
        drafts = await lane.gather(asked, each=cast)
        calls = [*principles, *drafts]
    return Batch(style, drafts, sum(call.usage.total_tokens for call in calls) / len(drafts))


def _choose(lane: LiveLane, batches: Sequence[Batch], blocs: Sequence[Bloc], params: Params) -> Forecast:
    leader, least = find_leader(blocs), min(batch.price for batch in batches)
    answers = sorted(blocs, key=lambda bloc: bloc is not leader)  # the leader first
    forecasts = []
    for batch in batches:
        keys = {draft.key for draft in batch.drafts}
        counts = [sum(draft.key in keys for draft in bloc.drafts) for bloc in answers]
        votes = params.votes if params.equal == "drafts" else int(params.votes * least / batch.price)
        votes = max(votes, len(batch.drafts))
        forecasts.append(Forecast(batch, votes, predict_majority(smooth(counts), votes) if any(counts) else 0.0))
    told = ", ".join(f"{batch.style} {chance:.0%} of {votes} votes" for batch, votes, chance in forecasts)
    warning = f" Few drafts each: mostly luck below {FEW}." if params.pilot < FEW else ""
    lane.note(f"Chance that the answer of most drafts wins: {told}.{warning}")
    return max(forecasts, key=lambda forecast: forecast.chance)
