"""Verify every draft several times, and take the answer that is good even when seen pessimistically.

An answer that one lucky draft gives can have perfect verdicts by chance. So each distinct answer is an arm of a bandit:
its mean verdict is lowered by a penalty that shrinks with the evidence for it, and the highest lower bound wins.

Procedure:
1. Write `drafts` independent drafts of the problem.
2. Let a judge say of each, `verdicts` times, whether its final answer is right: 1 or 0. The judge is the model itself.
3. Group the drafts by answer. An answer's value is the mean of all verdicts on its drafts, minus the penalty: with
   n verdicts in all and k on this answer, `log`: caution * ln(n) / (k + 1); `root`: caution * sqrt(ln(n) / k).
4. Return the best draft of the answer with the highest value; ties go to the answer of more drafts, then the earlier.
Without caution the best mean verdict wins; with very much, the answer of most drafts. With `all_agree`, a draft on
which a single verdict is 0 counts as wrong.

Cost: drafts + drafts * verdicts calls, 1 for one draft. Depth: 2 calls, 1 for one draft.
Differs from the paper: its verifier is trained with reinforcement learning, this one is asked. Its penalty was not
confirmed, so its form and size are parameters. Verdicts that cannot be read are unknown: they are in no mean.
`all_agree` is from arXiv:2511.21522, which goes by the same name.
Reported: AIME 2025, drafts of R1-Distill-Qwen-32B and a trained verifier, from the abstract: 54.2% to 70.0% at 16
times the computing, 83.3% with more.
Source: Shi & Jin 2025, arXiv:2504.10337 (Heimdall).
"""

from collections.abc import Mapping, Sequence
from math import log, sqrt
from statistics import fmean
from typing import Literal

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._judging import VERIFY, Verdicts, ask_for_verdicts
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Ballot, Bloc, find_best, hold_vote

Penalty = Literal["log", "root"]


class Params(StrategyParams):
    """How many drafts and verdicts, and how cautious."""

    drafts: int = Field(4, ge=1, le=64, title="Drafts", description="Independent drafts that are verified.")
    verdicts: int = Field(2, ge=1, le=64, title="Verdicts", description="Times that each draft is verified.")
    caution: float = Field(
        0.1,
        ge=0,
        le=10,
        title="Caution",
        description="Size of the penalty for little evidence; 0 trusts every verdict.",
    )
    penalty: Penalty = Field(
        "log", title="Penalty", description="How the penalty falls with the verdicts on an answer."
    )
    all_agree: bool = Field(
        default=False, title="All must agree", description="Count a draft as wrong when any of its verdicts is 0."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"drafts": 3, "verdicts": 2},
    replies={
        "draft": ("340 + 4 is \\boxed{344}.", "340 + 68 is \\boxed{408}.", "17 times 24 is \\boxed{408}."),
        "judge": (
            "4 should be 68.\nVerdict: 0",
            "Looks right.\nVerdict: 1",
            "Verdict: 1",
            "Every step holds.\nVerdict: 1",
            "No steps are given.\nVerdict: 0",
            "Verdict: 1",
        ),
    },
    answer="408",
    calls=9,
    depth=2,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.drafts} drafts", f"{params.verdicts} verdicts each", f"caution {params.caution:g}"]
    words += [params.penalty] * (params.penalty != "log")
    words += ["all must agree"] * params.all_agree
    return " · ".join(words)


@strategy(
    title="Pessimistic Verification",
    short="Heimdall",
    family="verify",
    source="arXiv:2504.10337",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=grow("drafts"),
)
async def pessimistic_verification(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft in parallel, verify in parallel, choose with caution."""
    ballot = await hold_vote(lane, fill(DRAFT, question=problem.question), drafts=params.drafts)
    if len(ballot.voters) < 2:
        return ballot.winner()
    async with lane.round("Verify"):
        verdicts = await ask_for_verdicts(
            lane, VERIFY, question=problem.question, drafts=ballot.voters, times=params.verdicts, most=1
        )
    if params.all_agree:
        values = {key: [min(values)] * len(values) for key, values in verdicts.values.items()}
        verdicts = verdicts._replace(values=values)
    return _choose(ballot, verdicts, params)


def _choose(ballot: Ballot, verdicts: Verdicts, params: Params) -> Answer:
    total = sum(map(len, verdicts.values.values()))
    values = [
        value_arm(_gather(bloc, verdicts.values), total, caution=params.caution, penalty=params.penalty)
        for bloc in ballot.blocs
    ]
    known = [(value, bloc) for value, bloc in zip(values, ballot.blocs, strict=True) if value is not None]
    if not known:
        return ballot.winner()
    value, bloc = max(known, key=lambda pair: (round(pair[0], 9), len(pair[1].drafts)))
    best = find_best(bloc.drafts, verdicts.scores) or bloc.drafts[0]
    return Answer.from_reply(best, f"{fmean(_gather(bloc, verdicts.values)):.0%} verified, {value:.2f} with caution")


def _gather(bloc: Bloc, verdicts: Mapping[str, Sequence[float]]) -> list[float]:
    return [verdict for draft in bloc.drafts for verdict in verdicts.get(draft.key, ())]


def value_arm(verdicts: Sequence[float], total: int, *, caution: float, penalty: Penalty) -> float | None:
    """Return an answer's mean verdict minus the penalty; None without verdicts. `total` counts those on all answers."""
    if not verdicts:
        return None
    count = len(verdicts)
    lowered = log(total) / (count + 1) if penalty == "log" else sqrt(log(total) / count)
    return fmean(verdicts) - caution * lowered
