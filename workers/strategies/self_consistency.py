"""Write many drafts in parallel and let their answers vote.

A hard problem has many wrong answers but usually one right one, reached on different paths. So sample several paths
and take the answer that most of them reach. The share of votes is a rough measure of confidence.

Procedure:
1. Write `drafts` independent drafts from the same prompt, all at once.
2. Read the final answer of each; the reasoning is dropped. A draft without an answer does not vote.
3. Merge answers that mean the same, such as 1/2 and 0.5, and return the one with the most votes. Of tied answers
   the one wins whose first draft was called first, so the result never depends on who is faster.

Cost: drafts calls. Depth: 1 call.
Differs from the paper: zero-shot; equal answers are merged by their mathematics, not by their spelling.
Reported: PaLM 540B, one greedy draft and 40 votes: GSM8K 56.5% and 74.4%, SVAMP 79.0% and 86.6%, AQuA 35.8% and 48.3%.
Source: Wang et al. 2022, arXiv:2203.11171.
"""

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import hold_vote


class Params(StrategyParams):
    """How many vote."""

    drafts: int = Field(
        8, ge=1, le=256, title="Drafts", description="Independent drafts that vote. One draft is the direct strategy."
    )


EXAMPLE = Example(
    question="A coin is tossed twice. What is the probability of exactly one head?",
    params={"drafts": 4},
    replies={
        "draft": (
            "HH, HT, TH, TT: one of four is HH, so \\boxed{\\frac{1}{4}}.",
            "HT and TH are two of four, so \\boxed{\\frac{1}{2}}.",
            "I am not sure.",
            "Two of four outcomes, a probability of \\boxed{0.5}.",
        )
    },
    answer="\\frac{1}{2}",
    calls=4,
    depth=1,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    return "1 draft" if params.drafts == 1 else f"{params.drafts} drafts"


@strategy(
    title="Self-consistency",
    short="SC",
    family="vote",
    source="arXiv:2203.11171",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=grow("drafts"),
)
async def self_consistency(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft in parallel, then vote."""
    ballot = await hold_vote(lane, fill(DRAFT, question=problem.question), drafts=params.drafts)
    return ballot.winner()
