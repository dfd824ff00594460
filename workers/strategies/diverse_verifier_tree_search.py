"""Grow several solutions apart, each by the best of a few next steps, and let all that they end in vote.

Beams that compete soon share their first steps, and with them their mistakes. Here each tree keeps its own best step,
however good those of the others are; so there are more steps that are worse, but as many ways as trees.

Procedure:
1. Begin `trees` trees. In each, at the same time, write `width` next steps (paragraphs, ended by a blank line) that
   cannot see each other.
2. Let a judge score each solution as far as it goes from 0 to 10; with several `judges`, their mean counts. With
   `ahead`, that many more steps are written first, each the likeliest, for the judge alone. The scores of all steps
   become one by `reduce`.
3. In each tree go on from the best, until that one is complete: its newest step holds a boxed answer, is empty, is cut
   off, or is step number `steps`, which is written to its end.
4. Of each tree, all `width` solutions of its last step count: choose among all of them by `selector`: the highest
   score, the answer with the largest sum of scores, or that of most solutions.

Cost: with n = trees * width, at most steps * (n + n * judges) calls, and steps * n * ahead more. Depth: at most
steps * (2 + ahead) calls.
Differs from the paper: no reward model is trained; a model is asked to judge, at temperature 0 unless there are several
judges. A verdict that cannot be read counts as the mean of its level. Steps after the first are begun with their
number, because many chat templates do not keep a blank line at the end. A text that ends by itself without a box is
gone on from, because not all servers tell that from the end of a step. A first step that comes empty, or ends in a
thought, is asked for once more, begun with its number: a reasoning model goes on without thinking. Of equal steps the
earlier goes on. A box that is open or empty ends no tree, where the code takes any.
Reported: MATH-500: with enough drafts Llama-3.2-1B passes a single answer of the 8B model, and 3B that of 70B.
Source: Beeching et al. 2024, Hugging Face's search-and-learn, after Snell et al. 2024, arXiv:2408.03314.
"""

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._beams import Search, grow_trees
from workers.strategies._steps import BEGUN as BEGUN
from workers.strategies._steps import STEPWISE as STEPWISE
from workers.strategies._steps import Reduction
from workers.strategies._votes import Ballot, Selector, choose


class Params(StrategyParams):
    """How many trees, how wide and long they grow, and how they are scored."""

    trees: int = Field(2, ge=1, le=16, title="Trees", description="Trees that grow without competing.")
    width: int = Field(3, ge=1, le=16, title="Width", description="Next steps that are tried in each tree.")
    steps: int = Field(6, ge=1, le=40, title="Steps", description="Most steps; the last is written to the end.")
    ahead: int = Field(
        0, ge=0, le=3, title="Look ahead", description="Steps written beyond each new one before it is judged."
    )
    judges: int = Field(1, ge=1, le=16, title="Judges", description="Times that each step is judged; the mean counts.")
    reduce: Reduction = Field("last", title="Reduce steps by", description="How the scores of steps become one.")
    selector: Selector = Field("weighted", title="Choose by", description="How scores and votes choose the answer.")


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"trees": 2, "width": 2, "steps": 2},
    replies={
        "step": (
            "Step 1: 17 times 24 is 17 times 20 plus 17 times 4.",
            "Step 1: 17 times 24 is 17 times 20 plus 4.",
            "Step 1: 24 is 25 - 1, and 17 times 25 is 425.",
            "Step 1: 17 times 24 is 20 times 24 minus 3.",
            " 340 + 68 = \\boxed{408}.",
            " 340 + 58 = \\boxed{398}.",
            " 425 - 17 = \\boxed{408}.",
            " 425 - 17 = \\boxed{418}.",
        ),
        "judge": (
            "Right, and easy to go on from.\nVerdict: 9",
            "The 4 must be multiplied, too.\nVerdict: 1",
            "Right.\nVerdict: 9",
            "It must be 17 that is written as 20 minus 3.\nVerdict: 3",
            "Verdict: 8",
            "17 times 4 is 68.\nVerdict: 1",
            "Verdict: 9",
            "425 - 17 is 408.\nVerdict: 0",
        ),
    },
    answer="408",
    calls=16,
    depth=4,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.trees} trees", f"width {params.width}", f"{params.steps} steps"]
    words += [f"{params.ahead} ahead"] * (params.ahead > 0)
    words += [f"{params.judges} judges"] * (params.judges > 1)
    words += [params.reduce.replace("_", " ")] * (params.reduce != "last")
    words += [params.selector] * (params.selector != "weighted")
    return " · ".join(words)


@strategy(
    title="Diverse Verifier Tree Search",
    short="DVTS",
    family="search",
    source="arXiv:2408.03314",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"continuing"}),
    models={"judge": "Judges steps"},
    wider=lambda size: {"trees": size},
    deeper=grow("steps"),
)
async def diverse_verifier_tree_search(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Grow trees apart, then choose among all that they end in."""
    search = Search(problem.question, params.steps, params.ahead, params.judges, params.reduce)
    ballot = Ballot(lane, expected=params.trees * params.width)
    scores = await grow_trees(lane, search, ballot, trees=params.trees, width=params.width)
    return choose(ballot, scores, params.selector)
