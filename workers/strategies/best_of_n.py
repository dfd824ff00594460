"""Write several drafts, score each by a judge or by the model's own confidence, and return the best.

To tell a right solution from a wrong one is often easier than to write it. But a judge can be misled, and the more
drafts there are, the likelier one of them misleads it; so the drafts' votes are shown beside the scores.

Procedure:
1. Write `drafts` independent drafts of the problem.
2. Score each by `score`. A draft without an answer is not scored; nor is anything when one draft only has one.
   `judge`: the model that drafts reads each alone and scores it from 0 to 10; with several `judges`, their mean counts.
   `confidence`: nothing is asked; how peaked the odds of the draft's own words were, as in Confidence Voting.
3. Choose by `selector`:
   `naive`: the draft with the highest score.
   `weighted`: the answer whose drafts have the largest sum of scores.
   `majority`: the answer of most drafts, whatever the scores.
   Ties go to the earlier draft; of the drafts with the chosen answer, the best one is returned.

Cost: drafts + drafts * judges calls, drafts by confidence, 1 for one draft. Depth: 2 calls, 1 by confidence or for
one draft.
Differs from the paper: no reward model is trained; the drafting model is asked to judge, at temperature 0 unless there
are several judges. A verdict that cannot be read is unknown, not 0; with none at all, the drafts vote. Confidence,
which needs logprobs, is the mean over at most 20 alternatives for each token. Scores of single steps, and all ways to
make one of them, are Process Evaluation.
Reported: by others, with trained reward models: eight drafts of Qwen3-1.7B, AIME 2024 59.4%, the vote 67.9%
(arXiv:2509.06870); five of GPT-OSS-20B, AIME 2025 80.0%, by the model's certainty 75.8%, the vote 85.4%
(arXiv:2509.21091).
Source: Cobbe et al. 2021, arXiv:2110.14168, best-of-N with a verifier; the weighted sum by Li et al. 2022,
arXiv:2206.02336; confidence as of Fu et al. 2025, arXiv:2508.15260.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Measure, Problem
from workers.strategies._judging import SCORE, ask_for_verdicts
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Ballot, Selector, choose, hold_vote


class Params(StrategyParams):
    """How many drafts and judges, and how the scores choose."""

    drafts: int = Field(4, ge=1, le=128, title="Drafts", description="Independent drafts that are scored.")
    score: Literal["judge", "confidence"] = Field(
        "judge", title="Score by", description="A judge, or how sure the model was of its own words."
    )
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
    is_judged = params.score == "judge"
    words += [f"{params.judges} judges"] * (params.judges > 1) if is_judged else ["by confidence"]
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
    needs=lambda params: frozenset({"logprobs"} if params.score == "confidence" else ()),
    wider=grow("drafts"),
)
async def best_of_n(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft in parallel, judge in parallel, choose."""
    is_judged = params.score == "judge"
    measure = None if is_judged else Measure()
    ballot = await hold_vote(lane, fill(DRAFT, question=problem.question), drafts=params.drafts, measure=measure)
    if len(ballot.voters) < 2:
        return ballot.winner()
    scores = await _judge(lane, problem.question, ballot, params.judges) if is_judged else _read_odds(lane, ballot)
    return choose(ballot, scores, params.selector)


async def _judge(lane: LiveLane, question: str, ballot: Ballot, judges: int) -> Mapping[str, float]:
    async with lane.round("Judge"):
        verdicts = await ask_for_verdicts(lane, SCORE, question=question, drafts=ballot.voters, times=judges, most=10)
    return verdicts.scores


def _read_odds(lane: LiveLane, ballot: Ballot) -> Mapping[str, float]:
    scores = {draft.key: draft.measured.confidence for draft in ballot.voters}
    for seen, score in enumerate(scores.values(), 1):
        lane.chart("Confidence", score, seen=seen)
    return scores
