"""Draw drafts in batches until the vote is certain, however many that takes.

The vote of infinitely many drafts is the best that voting can do. On most problems it is clear after a few drafts,
on some it stays open for long; so draw until it is clear that the leading answer would go on leading. That says nothing
about its being right: a mistake that most drafts make is found just as surely.

Procedure:
1. Write `batch` drafts at once. With several `weights`, chance says for each draft which model writes it, so that one
   with weight 5 beside one with 2 writes five of seven; their drafts vote together.
2. Take them in order of call. After each, compute the Bayes factor of "the leading answer is the most common of all"
   against "it is not", from the votes and the weight `unseen` of answers not seen yet. Nothing is drawn for this.
3. As soon as the factor reaches `certainty`, stop and return the leading answer at that point, so that the answer does
   not depend on the size of a batch. Otherwise write the next batch, up to `most_drafts` in all; then the vote decides.
A draft without an answer has no vote, but was paid for.

Cost: at most most_drafts calls; a batch is paid whole. Depth: a call for each batch, at most most_drafts / batch.
Differs from the paper: drafts come in batches. The probability is computed by an integral, not by drawing; `smoothing`
is the form of the authors' code, which adds 1 to every count and stops later. Up to three models, whose weights are
found before, from graded drafts of each on other problems: `manage.py find_weights SUITE MODEL MODEL`.
Reported: MATH-500, from a digest: about 3 drafts on average are as good as a fixed 10, about 10 as good as 100.
Source: Komiyama et al. 2025, arXiv:2509.21091.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate
from typing import Annotated

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies._prompts import DRAFT
from workers.strategies._stopping import find_bayes_factor
from workers.strategies._votes import Ballot, Bloc, find_leader, form_blocs

PARTS = {
    "first": "Writes its share of the drafts, all of them where there is one weight.",
    "second": "Writes its share of the drafts.",
    "third": "Writes its share of the drafts.",
}


class Params(StrategyParams):
    """How certain the vote must be, and how long to go on."""

    most_drafts: int = Field(16, ge=1, le=256, title="Most drafts", description="Drafts after which the vote decides.")
    batch: int = Field(4, ge=1, le=64, title="Batch", description="Drafts written at once between two looks.")
    certainty: float = Field(
        10,
        ge=2,
        le=1_000_000,
        title="Certainty",
        description="Bayes factor at which to stop; 10 is strong, 100 decisive.",
    )
    unseen: float = Field(
        0.3, ge=0.01, le=10, title="Weight of the unseen", description="Votes that answers not seen yet count as."
    )
    smoothing: bool = Field(
        default=False, title="Smoothing", description="Add 1 to every count, as the authors' code does: stops later."
    )
    weights: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        (1,), min_length=1, max_length=len(PARTS), title="Weights of models",
        description="Shares of the drafts that each model writes, first to last; one number is one model.",
    )  # fmt: skip


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"most_drafts": 6, "batch": 2},
    replies={
        "draft": (
            "340 + 68 is \\boxed{408}.",
            "340 + 4 is \\boxed{344}.",
            "It is \\boxed{408}.",
            "\\boxed{408}, surely.",
        ),
    },
    answer="408",
    calls=4,
    depth=2,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"at most {params.most_drafts} drafts", f"by {params.batch}", f"Bayes factor {params.certainty:,g}"]
    words += ["smoothing"] * params.smoothing
    words += [f"models {' : '.join(map(str, params.weights))}"] * (len(params.weights) > 1)
    return " · ".join(words)


@strategy(
    title="Best of Infinity",
    short="BoInf",
    family="vote",
    source="arXiv:2509.21091",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=grow("most_drafts"),
    models=PARTS,
)
async def best_of_infinity(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft batch after batch until the vote is certain."""
    ballot = Ballot(lane, expected=params.most_drafts)
    prompt, drafts, latest = fill(DRAFT, question=problem.question), list[Reply](), list[Reply]()
    for start in range(0, params.most_drafts, params.batch):
        size = min(params.batch, params.most_drafts - start)
        async with lane.round(f"Batch {start // params.batch + 1}"):
            models = [_draw_model(lane, params.weights) for _ in range(size)]
            calls = [lane.ask(prompt, role="draft", model=model, after=latest) for model in models]
            latest = await lane.gather(calls, each=_cast_from(start, ballot))
        for draft in latest:
            drafts.append(draft)
            blocs = await form_blocs(drafts, lane.equal)
            factor = _find_factor(blocs, params)
            lane.chart("Bayes factor", factor, seen=len(drafts), threshold=params.certainty)
            if (leader := find_leader(blocs)) and factor >= params.certainty:
                votes = sum(len(bloc.drafts) for bloc in blocs)
                note = f"{len(leader.drafts)} of {votes} votes, Bayes factor {factor:,.1f}"
                lane.note(f"Certain after {len(drafts)} of {len(ballot.drafts)} drafts.")
                return Answer.from_reply(leader.drafts[0], note)
        lane.note(f"After {len(drafts)} drafts the Bayes factor is {factor:,.1f}.")
    return ballot.winner()


def _draw_model(lane: LiveLane, weights: Sequence[int]) -> str:
    """Draw the part that writes the next draft; one alone leaves chance as it is."""
    names = list(PARTS)[: len(weights)]
    point = lane.random.random() * sum(weights) if len(names) > 1 else 0
    return next(name for name, reached in zip(names, accumulate(weights), strict=True) if point < reached)


def _cast_from(start: int, ballot: Ballot) -> Callable[[int, Reply], Awaitable[None]]:
    return lambda place, draft: ballot.cast(start + place, draft)


def _find_factor(blocs: Sequence[Bloc], params: Params) -> float:
    counts = [len(bloc.drafts) for bloc in blocs]
    return find_bayes_factor(counts, unseen=params.unseen, smoothing=int(params.smoothing)) if counts else 0
