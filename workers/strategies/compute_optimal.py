"""Find out with a few drafts how hard the problem is, then spend the budget the way that does best on such problems.

No way to spend compute is best everywhere. On easy problems a draft is nearly right, and more drafts or a revision are
enough; there a search by a judge's scores only finds what misleads the judge. On harder ones drafts seldom get far, and
steps that are judged on the way help.

Procedure:
1. Write `pilot` drafts, and let a judge score each of them from 0 to 10.
2. The difficulty is 1 minus the share of the leading answer, or 1 minus the mean score, by `difficulty`. Fixed edges
   part it into bins.
3. A table, `policy`, says for each bin how the rest of `budget` is spent, counted in whole solutions:
   best of N: more drafts, judged as before.
   beams, trees: Beam Search or Diverse Verifier Tree Search with a width of 4, or of what is left, over `steps` steps.
   chains: revisions, each reading up to 4 attempts before it in its chain; the pilot's drafts head the chains, others
      are written where there are more chains. The table says how much longer than many the chains are.
4. The pilot's drafts count in the end. Choose the answer with the largest sum of scores, and its best solution; with
   chains first in each chain, then among the chains' choices.

Tables: `search` (beams from the third fifth of difficulty on) and `revisions` (one chain on easy problems, more and
shorter ones on hard ones) of Snell et al.; `small`, `middle`, `large` by the size of the model, of Liu et al.: below 7
billion parameters beams unless the problem is easy, from 7 to 32 billion trees, and beams on hard problems, above best
of N. They were found with trained reward models; with one that fits the model badly, `large` is the safe choice.

Cost: with a budget n and a pilot p, at most n drafts or revisions and n judges for best of N and chains; 2 * p and at
most 2 * steps * (n - p) for searches. Depth: 4 calls for best of N, at most 2 + 2 * steps for searches, 2 plus the
length of a chain for chains, 1 more where there are more chains than drafts in the pilot.
Differs from the paper: the tables were read off the papers' findings and are not fitted anew; difficulty is found from
the pilot, not from 2,048 drafts, and the pilot is paid from the budget. A model is asked to judge instead of a trained
reward model, and the revising model was not trained to revise. Lookahead is left to Beam Search. In searches a
reasoning model goes on without thinking, as in Beam Search.
Reported: PaLM 2-S*, MATH: as good as best-of-N with a fourth of the drafts, 16 for 64 by search, 64 for 256 by
revision.
Source: Snell et al. 2024, arXiv:2408.03314; Liu et al. 2025, arXiv:2502.06703, for the tables by size.
"""

from collections.abc import Awaitable, Callable, Sequence
from statistics import fmean
from typing import Literal

from pydantic import Field

from workers.core.errors import ModelError
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies._beams import Search, grow_trees, search_beams
from workers.strategies._chains import REVISE as REVISE
from workers.strategies._chains import count_chains, grow_chains
from workers.strategies._judging import SCORE, ask_for_verdicts
from workers.strategies._policies import POLICIES, Method, Plan, Table
from workers.strategies._prompts import DRAFT
from workers.strategies._steps import BEGUN as BEGUN
from workers.strategies._steps import STEPWISE as STEPWISE
from workers.strategies._votes import Ballot, choose, find_best, find_heaviest, find_leader, form_blocs

WIDTH = 4
"""Next steps that are tried from each kept one."""


class Params(StrategyParams):
    """How much is spent, and how it is found out on what."""

    budget: int = Field(
        12, ge=1, le=256, title="Budget", description="Solutions that may be written, the pilot's included."
    )
    pilot: int = Field(4, ge=1, le=16, title="Pilot", description="Drafts that show how hard the problem is.")
    policy: Table = Field("search", title="Table", description="What is done on problems of which difficulty.")
    difficulty: Literal["votes", "judge"] = Field(
        "votes", title="Difficulty by", description="How far the pilot's drafts disagree, or how low their scores are."
    )
    steps: int = Field(6, ge=1, le=40, title="Steps", description="Most steps of a solution in a search.")


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"budget": 4, "pilot": 2, "steps": 2},
    replies={
        "draft": ("17 times 20 plus 4, \\boxed{344}.", "340 + 68 is \\boxed{408}."),
        "step": (
            "Step 1: 17 times 24 is 17 times 20 plus 17 times 4.",
            "Step 1: 24 is 20 + 4, so 17 times 24 is 340 + 4.",
            " 340 + 68 = \\boxed{408}.",
            " 340 + 58 = \\boxed{398}.",
        ),
        "judge": (
            "The 4 must be multiplied, too.\nVerdict: 1",
            "Both products are right.\nVerdict: 9",
            "Right, and easy to go on from.\nVerdict: 9",
            "The 4 must be multiplied, too.\nVerdict: 0",
            "Right.\nVerdict: 10",
            "17 times 4 is 68.\nVerdict: 1",
        ),
    },
    answer="408",
    calls=12,
    depth=6,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"budget {params.budget}", f"pilot {params.pilot}", params.policy]
    return " · ".join([*words, *["by judge"] * (params.difficulty == "judge"), f"{params.steps} steps"])


@strategy(
    title="Compute-Optimal",
    short="Optimal",
    family="search",
    source="arXiv:2408.03314",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"continuing"}),
    models={"judge": "Scores drafts and steps"},
    wider=lambda size: {"budget": 4 + 4 * size},
    deeper=grow("steps"),
)
async def compute_optimal(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft a few, see how hard it is, and do what the table says."""
    work = Work(lane, problem.question, params)
    await work.draft(min(params.pilot, params.budget), name="Pilot")
    if params.budget == 1:
        return work.ballot.winner()
    work.judges = await work.score()
    if work.left <= 0:
        return choose(work.ballot, work.scores, "weighted")
    policy, difficulty = POLICIES[params.policy], _find_difficulty(work)
    place = policy.find_bin(difficulty)
    plan = policy.plans[place]
    lane.note(f"Difficulty {difficulty:.2f}, bin {place + 1} of {len(policy.plans)}: {plan.method}.")
    return await METHODS[plan.method](work, plan)


class Work:
    """What has been written and judged so far, and what may still be written."""

    def __init__(self, lane: LiveLane, question: str, params: Params) -> None:
        """Begin with nothing written."""
        self.lane, self.question, self.params = lane, question, params
        self.ballot = Ballot(lane, expected=params.budget)
        self.scores: dict[str, float] = {}
        """By call, what judges say."""
        self.judges: list[Reply] = []
        """Those of the pilot: what comes after it waits for them."""
        self.left = params.budget
        """Solutions that may still be written."""
        self._judged: set[str] = set()

    async def draft(self, count: int, *, name: str) -> list[Reply]:
        """Write independent drafts; none when all calls fail, if there is an answer already."""
        first = self.params.budget - self.left
        self.left -= count

        async def cast(index: int, draft: Reply) -> None:
            await self.ballot.cast(first + index, draft)

        async with self.lane.round(name):
            prompt = fill(DRAFT, question=self.question)
            try:
                return await self.lane.ask_many(prompt, times=count, role="draft", after=self.judges, each=cast)
            except ModelError:
                if not self.ballot.voters:
                    raise
                self.lane.note("All of these calls failed: what is there is chosen from.")
                return []

    async def score(self) -> list[Reply]:
        """Let the judge score all that have an answer and were not judged before; return the calls that did."""
        drafts = [draft for draft in self.ballot.voters if draft.key not in self._judged]
        if not drafts:
            return []
        async with self.lane.round("Judge"):
            heard = await ask_for_verdicts(
                self.lane, SCORE, question=self.question, drafts=drafts, times=1, most=10, model="judge"
            )
        self._judged.update(draft.key for draft in drafts)
        self.scores.update(heard.scores)
        return heard.judges


def _find_difficulty(work: Work) -> float:
    """Return how hard the problem seems, from 0 to 1; without scores the votes say it."""
    if work.params.difficulty == "judge" and work.scores:
        return 1 - fmean(work.scores.values())
    leader = find_leader(work.ballot.blocs)
    return 1 - (len(leader.drafts) if leader else 0) / len(work.ballot.drafts)


async def _draft_more(work: Work, plan: Plan) -> Answer:
    await work.draft(work.left, name="Drafts")
    await work.score()
    return choose(work.ballot, work.scores, "weighted")


async def _search(work: Work, plan: Plan) -> Answer:
    width = min(WIDTH, work.left)
    search, count = Search(work.question, work.params.steps), work.left // width
    if plan.method == "beams":
        found = search_beams(work.lane, search, work.ballot, kept=count, width=width, waited=work.judges)
    else:
        found = grow_trees(work.lane, search, work.ballot, trees=count, width=width, waited=work.judges)
    work.scores.update(await found)
    return choose(work.ballot, work.scores, "weighted")


async def _revise(work: Work, plan: Plan) -> Answer:
    """Let the pilot's drafts head the chains; choose in each chain, then among what they chose."""
    count, heads = count_chains(work.params.budget, plan.ratio), list(work.ballot.drafts.values())
    if count > len(heads):
        heads += await work.draft(min(count - len(heads), work.left), name="Heads")
    chains = await grow_chains(
        work.lane, work.question, work.ballot, heads[:count], most=work.left, waited=work.judges
    )  # fmt: skip
    await work.score()
    chosen = [await _pick(work, chain) for chain in [*chains, *([head] for head in heads[count:])]]
    best = await _pick(work, [draft for draft in chosen if draft])
    return Answer.from_reply(best, f"from {len(chains)} chains of revisions") if best else work.ballot.winner()


async def _pick(work: Work, drafts: Sequence[Reply]) -> Reply | None:
    """Return the best draft of the answer with the largest sum of scores; None when none has an answer."""
    heaviest = find_heaviest(await form_blocs(drafts, work.lane.equal), work.scores)
    return heaviest and (find_best(heaviest.bloc.drafts, work.scores) or heaviest.bloc.drafts[0])


METHODS: dict[Method, Callable[[Work, Plan], Awaitable[Answer]]] = {
    "best of N": _draft_more,
    "beams": _search,
    "trees": _search,
    "chains": _revise,
}
