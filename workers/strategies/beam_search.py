"""Write several solutions step by step, and after each step go on from the best only, several times from each.

A solution that has gone wrong is seldom saved by what comes later. So each step is judged as soon as it is there, and
the calls that a bad one would have used go to new steps from good ones. But a judge that is wrong about a step is
followed at once; with many beams they soon differ in their last steps only.

Procedure:
1. Begin kept * width solutions, each by one step: a paragraph, ended by a blank line.
2. Let a judge score each solution as far as it goes from 0 to 10; with several `judges`, their mean counts. With
   `ahead`, that many more steps are written first, each the likeliest, for the judge alone. The scores of all steps
   become one by `reduce`.
3. A solution is complete when its newest step holds a boxed answer, is empty, is cut off, or is step number `steps`,
   which is written to its end. Of the others the best `kept` go on, in turn, until there are kept * width again; of
   those with the same text one. Repeat until as many solutions are complete, or none goes on.
4. Choose among the complete ones by `selector`: the highest score, the answer with the largest sum of scores, or that
   of most solutions.

Cost: with n = kept * width, at most steps * (n + n * judges) calls, and steps * n * ahead more. Depth: at most
steps * (2 + ahead) calls.
Differs from the paper: no reward model is trained; a model is asked to judge, at temperature 0 unless there are several
judges. A verdict that cannot be read counts as the mean of its level. Steps after the first are begun with their
number, because many chat templates do not keep a blank line at the end. A text that ends by itself without a box is
gone on from, because not all servers tell that from the end of a step. A first step that comes empty, or ends in a
thought, is asked for once more, begun with its number: a reasoning model goes on without thinking. Too few complete
solutions are not counted twice. Of equal beams the earlier goes on, where the code keeps the later. A box that is open
or empty ends nothing.
Reported: MATH, PaLM 2-S*: ahead of best-of-N at small budgets, overtaken at large ones; the text has no table.
Source: Snell et al. 2024, arXiv:2408.03314; details are those of Hugging Face's search-and-learn.
"""

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem
from workers.strategies._beams import Search, search_beams
from workers.strategies._steps import BEGUN as BEGUN
from workers.strategies._steps import STEPWISE as STEPWISE
from workers.strategies._steps import Reduction
from workers.strategies._votes import Ballot, Selector, choose


class Params(StrategyParams):
    """How many beams, how long they may grow, and how they are scored."""

    kept: int = Field(1, ge=1, le=16, title="Kept", description="Beams that go on from each step.")
    width: int = Field(4, ge=1, le=16, title="Width", description="Next steps that are tried from each kept beam.")
    steps: int = Field(6, ge=1, le=40, title="Steps", description="Most steps; the last is written to the end.")
    ahead: int = Field(
        0, ge=0, le=3, title="Look ahead", description="Steps written beyond each new one before it is judged."
    )
    judges: int = Field(1, ge=1, le=16, title="Judges", description="Times that each step is judged; the mean counts.")
    reduce: Reduction = Field("last", title="Reduce steps by", description="How the scores of steps become one.")
    selector: Selector = Field("weighted", title="Choose by", description="How scores and votes choose the answer.")


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"kept": 1, "width": 2, "steps": 2},
    replies={
        "step": (
            "Step 1: 17 times 24 is 17 times 20 plus 4.",
            "Step 1: 17 times 24 is 17 times 20 plus 17 times 4.\n\nStep 2: That is",
            " 340 + 68 = \\boxed{408}.",
            " 340 + 58 = \\boxed{398}.",
        ),
        "judge": (
            "The 4 must be multiplied, too.\nVerdict: 1",
            "That is right, and easy to go on from.\nVerdict: 9",
            "Both products and the sum are right.\nVerdict: 10",
            "17 times 4 is 68.\nVerdict: 0",
        ),
    },
    answer="408",
    calls=8,
    depth=4,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"keep {params.kept}", f"width {params.width}", f"{params.steps} steps"]
    words += [f"{params.ahead} ahead"] * (params.ahead > 0)
    words += [f"{params.judges} judges"] * (params.judges > 1)
    words += [params.reduce.replace("_", " ")] * (params.reduce != "last")
    words += [params.selector] * (params.selector != "weighted")
    return " · ".join(words)


@strategy(
    title="Beam Search",
    short="Beam",
    family="search",
    source="arXiv:2408.03314",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"continuing"}),
    models={"judge": "Judges steps"},
    wider=lambda size: {"kept": size},
    deeper=grow("steps"),
)
async def beam_search(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Grow beams together, then choose among the complete ones."""
    search = Search(problem.question, params.steps, params.ahead, params.judges, params.reduce)
    ballot = Ballot(lane, expected=params.kept * params.width)
    scores = await search_beams(lane, search, ballot, kept=params.kept, width=params.width)
    return choose(ballot, scores, params.selector)
