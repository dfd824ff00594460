"""Let drafts vote, each with the weight that a judge gives it.

A plain vote counts a careful draft as much as a guess. Here the answer wins whose drafts have the largest sum of
weights: many drafts of middling weight can still outvote a single one that the judge likes too much.

Procedure:
1. Write `drafts` independent drafts of the problem.
2. Let a judge read each of them alone, as often as there are `judges`; the mean is the draft's weight. By `weights`:
   `score`: the judge gives a score from 0 to 10.
   `verdict`: the judge says whether the final answer is right; the weight is the share of judges who say so.
3. Merge answers that mean the same, and return the one with the largest sum; of tied ones that of more drafts, then
   the earlier. A draft without an answer has no vote and is not judged; with less than two votes, none is.

Cost: drafts + drafts * judges calls, 1 for one draft. Depth: 2 calls, 1 for one draft.
Differs from the paper: it weighs a draft by its probability, for which the server must give logprobs; here a judge
weighs it, the drafting model itself, at temperature 0 unless there are several judges. A verdict that cannot be read
is unknown: the draft weighs as much as the mean of the others.
Reported: PaLM 540B, GSM8K: 74.1% with votes weighted by normalized probability, 74.4% unweighted, 59.9% by raw
probability.
Source: Wang et al. 2022, arXiv:2203.11171, its weighted sums; weights by a verifier as of Li et al. 2022,
arXiv:2206.02336.
"""

from typing import Literal

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._judging import SCORE, VERIFY, ask_for_verdicts
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import find_best, find_heaviest, hold_vote


class Params(StrategyParams):
    """How many vote, and what a vote weighs."""

    drafts: int = Field(4, ge=1, le=128, title="Drafts", description="Independent drafts that vote.")
    weights: Literal["score", "verdict"] = Field(
        "score", title="Weights", description="What the judge gives each draft: a score from 0 to 10, or yes or no."
    )
    judges: int = Field(
        1, ge=1, le=16, title="Judges", description="Times that each draft is judged; the mean is its weight."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"drafts": 4},
    replies={
        "draft": ("340 + 4 is \\boxed{344}.", "340 + 68, \\boxed{408}.", "About \\boxed{344}.", "\\boxed{408.0}"),
        "judge": ("Verdict: 2", "Verdict: 9", "Verdict: 0", "No steps, but right.\nVerdict: 6"),
    },
    answer="408",
    calls=8,
    depth=2,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.drafts} drafts", f"weight by {params.weights}"]
    words += [f"{params.judges} judges"] * (params.judges > 1)
    return " · ".join(words)


@strategy(
    title="Weighted Voting",
    short="Weighted",
    family="vote",
    source="arXiv:2203.11171",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=grow("drafts"),
)
async def weighted_voting(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft in parallel, weigh in parallel, vote."""
    ballot = await hold_vote(lane, fill(DRAFT, question=problem.question), drafts=params.drafts)
    if len(ballot.voters) < 2:
        return ballot.winner()
    template, most = (SCORE, 10) if params.weights == "score" else (VERIFY, 1)
    async with lane.round("Judge"):
        verdicts = await ask_for_verdicts(
            lane, template, question=problem.question, drafts=ballot.voters, times=params.judges, most=most
        )
    weights = verdicts.scores
    chosen = find_heaviest(ballot.blocs, weights)
    if chosen is None or not weights:
        return ballot.winner()
    drafts = chosen.bloc.drafts
    return Answer.from_reply(find_best(drafts, weights) or drafts[0], f"{chosen.share:.0%} of the weight")
