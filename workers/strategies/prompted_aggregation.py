"""Write several drafts, then let one call read all of them and write the final solution.

A vote only counts: it cannot find the one right draft among many wrong ones, nor combine two halves. A model that reads
all drafts can, so this helps most where the drafts disagree; where they agree, the vote is right as often.

Procedure:
1. Write `drafts` independent drafts of the problem.
2. With `enough`, stop if so large a share of the drafts gives the same answer, and return that.
3. Show all drafts, without the thinking that led to them, in an order drawn by chance, and ask for one solution that is
   better than each of them. With several `aggregations`, do so as often, in parallel, and let the results vote.
4. Without an answer from these, return the majority answer of the drafts.

Cost: drafts + aggregations calls, only drafts when enough agree. Depth: 2 calls, 1 when enough agree.
Differs from the paper: the paper trains the model that aggregates; here the model that drafts is asked to. The order by
chance, the vote of several aggregations, the stop when enough agree and the majority as a last resort are ours.
Reported: eight drafts of Qwen3-1.7B, untrained: AIME 2024 63.6%, AIME 2025 44.9%, HMMT 2024 29.5%; the majority of
them 67.9%, 45.9% and 29.0%; trained to aggregate 70.7%, 50.0% and 33.3%.
Source: Zhao et al. 2025, arXiv:2509.06870, its row of prompted aggregation.
"""

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._prompts import AGGREGATE, DRAFT, draw, lay_out
from workers.strategies._votes import Ballot, find_leader


class Params(StrategyParams):
    """How many drafts, and when to aggregate them."""

    drafts: int = Field(4, ge=2, le=64, title="Drafts", description="Independent drafts that the aggregation reads.")
    aggregations: int = Field(
        1, ge=1, le=32, title="Aggregations", description="Final solutions written in parallel; several vote."
    )
    enough: float = Field(
        0,
        ge=0,
        le=1,
        title="Enough agree",
        description="Share of drafts with the same answer that makes aggregating needless; 0 always aggregates.",
    )
    reading_tokens: int = Field(
        4096, ge=128, le=131_072, title="Reading", description="Most tokens of solutions that an aggregation reads."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"drafts": 3, "enough": 0.75},
    replies={
        "draft": ("17 times 20 is 340, plus 4, \\boxed{344}.", "340 + 4 is \\boxed{344}.", "340 + 68 is \\boxed{408}."),
        "refine": ("The first two add 4 instead of 17 times 4. So 340 + 68 = \\boxed{408}.",),
    },
    answer="408",
    calls=4,
    depth=2,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    times = "once" if params.aggregations == 1 else f"{params.aggregations} times"
    words = [f"{params.drafts} drafts", f"merged {times}"]
    words += [f"unless {params.enough:.0%} agree"] * bool(params.enough)
    return " · ".join(words)


@strategy(
    title="Prompted Aggregation",
    short="Merge",
    family="refine",
    source="arXiv:2509.06870",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=grow("drafts"),
)
async def prompted_aggregation(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft in parallel, then merge."""
    votes, merged = Ballot(lane, expected=params.drafts), Ballot(lane, expected=params.aggregations)
    async with lane.round("Drafts"):
        prompt = fill(DRAFT, question=problem.question)
        drafts = await lane.ask_many(prompt, times=params.drafts, role="draft", each=votes.cast)
    leader = find_leader(votes.blocs)
    if leader and params.enough and len(leader.drafts) / len(drafts) >= params.enough:
        lane.note(f"Not aggregated: {len(leader.drafts)} of {len(drafts)} drafts agree.")
        return votes.winner()
    async with lane.round("Aggregate"):
        orders = [draw(lane, drafts, len(drafts)) for _ in range(params.aggregations)]
        shown = [await lay_out(lane, order, params.reading_tokens) for order in orders]
        prompts = [fill(AGGREGATE, question=problem.question, count=len(drafts), solutions=each) for each in shown]
        calls = [lane.ask(text, role="refine", after=order) for text, order in zip(prompts, orders, strict=True)]
        await lane.gather(calls, each=merged.cast)
    if leader and not merged.blocs:
        lane.note("No aggregation gives an answer; the drafts have voted.")
        return votes.winner()
    winner = merged.winner()
    return winner if params.aggregations > 1 else winner.model_copy(update={"note": f"from {len(drafts)} drafts"})
