"""Write several drafts, let a judge score each, and return the best.

To tell a right solution from a wrong one is often easier than to write it. But a judge can be misled, and the more
drafts there are, the likelier one of them misleads it; so the drafts' votes are shown beside the scores.

Procedure:
1. Write `drafts` independent drafts of the problem.
2. Let a judge read each of them alone and score it from 0 to 10; with several `judges`, their mean counts. The judge
   is the model that drafts. A draft without an answer is not judged; nor is anything when one draft only has one.
3. Choose by `selector`:
   `naive`: the draft with the highest score.
   `weighted`: the answer whose drafts have the largest sum of scores.
   `majority`: the answer of most drafts, whatever the scores.
   Ties go to the earlier draft; of the drafts with the chosen answer, the best one is returned.

Cost: drafts + drafts * judges calls, 1 for one draft. Depth: 2 calls, 1 for one draft.
Differs from the paper: no reward model is trained; the drafting model is asked to judge, at temperature 0 unless there
are several judges. A verdict that cannot be read is unknown, not 0; with none at all, the drafts vote.
Source: Cobbe et al. 2021, arXiv:2110.14168, best-of-N with a verifier; the weighted sum by Li et al. 2022,
arXiv:2206.02336.
"""

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._judging import SCORE, ask_for_verdicts
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Selector, choose, hold_vote


class Params(StrategyParams):
    """How many drafts and judges, and how the scores choose."""

    drafts: int = Field(4, ge=1, le=128, title="Drafts", description="Independent drafts that are judged.")
    judges: int = Field(
        1, ge=1, le=16, title="Judges", description="Times that each draft is judged; the mean score counts."
    )
    selector: Selector = Field("naive", title="Choose by", description="How scores and votes choose the answer.")


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"drafts": 3, "judges": 1},
    replies={
        "draft": ("17 times 20 is 340, plus 4, \\boxed{344}.", "340 + 4 is \\boxed{344}.", "340 + 68 is \\boxed{408}."),
        "judge": (
            "It adds 4 instead of 17 times 4.\nVerdict: 1",
            "17 times 4 is 68, not 4.\nVerdict: 2/10",
            "340 + 68 = 408 is right.\n**Verdict: 9**",
        ),
    },
    answer="408",
    calls=6,
    depth=2,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"best of {params.drafts}"]
    words += [f"{params.judges} judges"] * (params.judges > 1)
    words += [params.selector] * (params.selector != "naive")
    return " · ".join(words)


@strategy(
    title="Best of N",
    short="BoN",
    family="verify",
    source="arXiv:2110.14168",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=grow("drafts"),
)
async def best_of_n(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft in parallel, judge in parallel, choose."""
    ballot = await hold_vote(lane, fill(DRAFT, question=problem.question), drafts=params.drafts)
    if len(ballot.voters) < 2:
        return ballot.winner()
    async with lane.round("Judge"):
        verdicts = await ask_for_verdicts(
            lane, SCORE, question=problem.question, drafts=ballot.voters, times=params.judges, most=10
        )
    return choose(ballot, verdicts.scores, params.selector)
