"""Let drafts vote, each with the weight that a judge gives it, or its own probability.

A plain vote counts a careful draft as much as a guess. Here the answer wins whose drafts have the largest sum of
weights: many drafts of middling weight can still outvote a single one that weighs too much.

Procedure:
1. Write `drafts` independent drafts of the problem.
2. Weigh each of them by `weights`. A judge reads each alone, as often as there are `judges`, and the mean counts:
   `score`: the judge gives a score from 0 to 10.
   `verdict`: the judge says whether the final answer is right; the weight is the share of judges who say so.
   `probability`: no judge; the probability of the draft's own words, normalized by their number.
3. Merge answers that mean the same, and return the one with the largest sum; of tied ones that of more drafts, then
   the earlier. A draft without an answer has no vote and is not judged; with less than two votes, none is.

Cost: drafts + drafts * judges calls, drafts by probability, 1 for one draft. Depth: 2 calls, 1 by probability or for
one draft.
Differs from the paper: probability, which needs logprobs, is the paper's weight; a judge, the drafting model itself, at
temperature 0 unless there are several, is ours. A verdict that cannot be read is unknown: the draft weighs as much as
the mean of the others. Of a model that thinks, its thought counts among the words.
Reported: PaLM 540B, GSM8K: 74.1% with votes weighted by normalized probability, 74.4% unweighted, 59.9% by raw
probability.
Source: Wang et al. 2022, arXiv:2203.11171, its weighted sums; weights by a verifier as of Li et al. 2022,
arXiv:2206.02336.
"""

from collections.abc import Mapping
from math import exp
from typing import Literal

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._grading import OWN_WORDS
from workers.strategies._judging import SCORE, VERIFY, ask_for_verdicts
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Ballot, find_best, find_heaviest, hold_vote


class Params(StrategyParams):
    """How many vote, and what a vote weighs."""

    drafts: int = Field(4, ge=1, le=128, title="Drafts", description="Independent drafts that vote.")
    weights: Literal["score", "verdict", "probability"] = Field(
        "score",
        title="Weights",
        description="A judge's score from 0 to 10, its yes or no, or the probability of the draft's own words.",
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
    words += [f"{params.judges} judges"] * (params.judges > 1 and params.weights != "probability")
    return " · ".join(words)


@strategy(
    title="Weighted Voting",
    short="Weighted",
    family="vote",
    source="arXiv:2203.11171",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=lambda params: frozenset({"logprobs"} if params.weights == "probability" else ()),
    wider=grow("drafts"),
)
async def weighted_voting(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft in parallel, weigh in parallel, vote."""
    is_judged = params.weights != "probability"
    measure = None if is_judged else OWN_WORDS
    ballot = await hold_vote(lane, fill(DRAFT, question=problem.question), drafts=params.drafts, measure=measure)
    if len(ballot.voters) < 2:
        return ballot.winner()
    weights = await _judge(lane, problem.question, ballot, params) if is_judged else _read_odds(lane, ballot)
    chosen = find_heaviest(ballot.blocs, weights)
    if chosen is None or not weights:
        return ballot.winner()
    drafts = chosen.bloc.drafts
    return Answer.from_reply(find_best(drafts, weights) or drafts[0], f"{chosen.share:.0%} of the weight")


async def _judge(lane: LiveLane, question: str, ballot: Ballot, params: Params) -> Mapping[str, float]:
    """Return what judges say of each draft, by call, as far as it can be read."""
    template, most = (SCORE, 10) if params.weights == "score" else (VERIFY, 1)
    async with lane.round("Judge"):
        verdicts = await ask_for_verdicts(
            lane, template, question=question, drafts=ballot.voters, times=params.judges, most=most
        )
    return verdicts.scores


def _read_odds(lane: LiveLane, ballot: Ballot) -> Mapping[str, float]:
    """Return the probability of each draft, by call: the geometric mean of those of its tokens."""
    weights = {draft.key: exp(draft.measured.mean_logprob) for draft in ballot.voters}
    for draft in ballot.voters:
        lane.score(draft, weights[draft.key], by="probability")
    return weights
