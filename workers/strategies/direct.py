"""Think step by step, once.

The baseline that every other strategy is compared with: one long chain of thought, with nothing to check it.

Procedure: one call gets the problem, reasons step by step and ends with its answer in a box. The only budget is the
longest text of a call; to compare fairly at equal latency, set it to the other lane's critical path.

Cost: 1 call. Depth: 1 call.
Differs from the paper: zero-shot. An instruction to reason step by step stands in for worked examples.
Reported: PaLM 540B, GSM8K 56.5% with worked examples, 43.0% without (arXiv:2203.11171); o3-mini, AIME 2024, longer
thoughts: 71.5% with 8K tokens, 77.5% with 24K, 79.4% with 65K (arXiv:2510.01123).
Source: Wei et al. 2022, arXiv:2201.11903; zero-shot by Kojima et al. 2022, arXiv:2205.11916.
"""

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem
from workers.strategies._prompts import DRAFT


class Params(StrategyParams):
    """None: sampling says it all."""


EXAMPLE = Example(
    question="What is 6 times 7?",
    params={},
    replies={"draft": ("6 times 7 is 7 added up six times, which is \\boxed{42}.",)},
    answer="42",
    calls=1,
    depth=1,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    return "long chain of thought"


@strategy(
    title="Direct",
    short="Direct",
    family="single",
    source="arXiv:2201.11903",
    params=Params,
    example=EXAMPLE,
    describe=describe,
)
async def direct(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Ask once."""
    async with lane.round("Draft"):
        draft = await lane.ask(fill(DRAFT, question=problem.question), role="draft")
    return Answer.from_reply(draft)
