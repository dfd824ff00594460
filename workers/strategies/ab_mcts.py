"""Grow a tree of answers, wider where new ones do well, deeper where improving the ones that are there does.

Sampling alone never improves an answer, and refining alone never leaves a bad one. Here each call is spent on what the
scores so far promise most: a new answer to the problem, a new improvement of one, or going on from an improvement.

Procedure:
1. Choose where to grow: start at the problem; while there are answers below, stay for a new one or go into one of them.
   Each option has a distribution of the score that it would bring; one value is drawn from each, the largest wins. By
   `form`:
   `gaussian`, `beta`: staying has learned from the answers directly below, going on from everything under those, a
      branch from all scores in it. A value for staying, one for going on; if that is larger, one for each branch.
   `mixed`: one model of all scores, in which a branch is a group with a mean of its own and a new answer a group not
      seen yet; a value for each. A branch of 4 scores or more, three quarters of them the same, is left alone.
2. With several `models`, choose who writes: by `choose`, the largest value drawn from what the scores of each teach,
   or the largest mean plus what may still be in it.
3. Write: an answer to the problem, or a better one than the one below which it grows, with what its judges said.
4. Let `judges` score it from 0 to 10; the mean is its score. Without a final answer it has 0, and is not judged.
5. Repeat until there are `nodes` answers, `batch` at a time from the same scores; those of the first batch answer the
   bare problem. Return the answer with the highest score, of tied ones the earliest; without any score they vote.

Cost: nodes + nodes * judges calls, 1 for one node. Depth: 2 * nodes / batch, rounded up; 1 for one node.
Differs from the paper: it scores by running tests, here a judge does, the model itself unless the recipe names another:
with a judge that errs the search finds what it likes. A score that cannot be read teaches nothing. The mixed model is
integrated, not sampled by Markov chains; equal scores leave a noise of 0.02. No form fits each model apart.
Source: Inoue et al. 2025, arXiv:2503.04412. Reported: CodeContest, DeepSeek-V3, 128 calls: 44.8%, plain sampling 43.2%.
"""

from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from workers.core.errors import ModelError
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies._bandits import (
    Belief,
    Beta,
    Branch,
    Gaussian,
    Scored,
    choose_by_arms,
    choose_by_groups,
    choose_model,
    draw_scores,
    find_place,
    find_upper_bounds,
    learn_all,
)
from workers.strategies._judging import SCORE, ask_for_verdicts, quote
from workers.strategies._prompts import DRAFT, IMPROVE, REFINE, show_solution
from workers.strategies._votes import find_best, find_leader, form_blocs

JUDGMENT_TOKENS = 512  # most that the next solution reads of them
PRIORS: dict[str, Belief] = {"gaussian": Gaussian(), "beta": Beta()}
WRITERS = ("", "second", "third")  # the parts that write; the first is the recipe's own model


class Params(StrategyParams):
    """How large the tree grows, and what decides where."""

    nodes: int = Field(12, ge=1, le=256, title="Answers", description="Answers in the tree, the first ones included.")
    batch: int = Field(3, ge=1, le=16, title="Batch", description="Answers written at once; more grow wider.")
    form: Literal["gaussian", "beta", "mixed"] = Field(
        "gaussian", title="Form", description="What is believed of scores: AB-MCTS-A with two priors, or AB-MCTS-M."
    )
    judges: int = Field(1, ge=1, le=8, title="Judges", description="Times that each answer is scored; the mean counts.")
    models: int = Field(1, ge=1, le=3, title="Models", description="Models that may write; the scores decide which.")
    choose: Literal["thompson", "ucb"] = Field(
        "thompson", title="Choose models by", description="A value drawn for each model, or an upper bound."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"nodes": 4, "batch": 2, "form": "mixed"},
    replies={
        "draft": ("17 times 20 is 340, plus 4, \\boxed{344}.", "340 + 68 is \\boxed{398}."),
        "refine": ("340 + 68 is \\boxed{408}.", "68 more than 340 is \\boxed{408}."),
        "judge": ("It adds 4.\nVerdict: 2", "The sum is wrong.\nVerdict: 7", "Verdict: 9", "Verdict: 9"),
    },
    answer="408",
    calls=8,
    depth=4,
)


class Node(NamedTuple):
    """One answer in the tree."""

    under: int | None
    """The place of the answer that it improves; None for the bare problem."""
    writer: int
    level: int
    draft: Reply
    score: float | None = None
    judges: tuple[Reply, ...] = ()


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.nodes} answers", f"by {params.batch}", params.form]
    words += [f"{params.judges} judges"] * (params.judges > 1)
    words += [f"{params.models} models by {params.choose}"] * (params.models > 1)
    return " · ".join(words)


@strategy(
    title="AB-MCTS",
    short="AB-MCTS",
    family="search",
    source="arXiv:2503.04412",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    models={
        "second": "Writes answers when there are two models",
        "third": "Writes answers when there are three models",
        "judge": "Scores answers",
    },
    wider=lambda size: {"nodes": 4 * size, "batch": 4},
    deeper=lambda size: {"nodes": 2 * size, "batch": 2},
)
async def ab_mcts(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Choose, write and judge, batch after batch."""
    tree = Tree(lane, problem.question, params)
    for start in range(0, params.nodes, params.batch):
        async with lane.round(f"Batch {start // params.batch + 1}"):
            await tree.grow(min(params.batch, params.nodes - start))
        lane.offer(await tree.find_answer())
    tree.place(await tree.find_best(), state="final")
    return await tree.find_answer()


class Tree:
    """All answers so far, in order of creation."""

    def __init__(self, lane: LiveLane, question: str, params: Params) -> None:
        """Start with the bare problem."""
        self._lane = lane
        self._question = question
        self._params = params
        self._nodes, self._asked = list[Node](), Counter[int]()
        self._waited = list[Reply]()
        """The calls of the latest batch: its scores decide where the next one grows."""

    async def grow(self, size: int) -> None:
        """Add answers, all chosen from the scores so far."""
        scored = [Scored(node.under, node.score) for node in self._nodes]
        by_writer = [self._find_scores(writer) for writer in range(self._params.models)]
        chosen = [
            (find_place(scored, self._choose_branch), choose_model(by_writer, self._rate_writers)) for _ in range(size)
        ]
        self._asked.update(writer for _, writer in chosen)
        prompts = [await self._write_prompt(place) for place, _ in chosen]
        calls = [self._ask(prompt, *each) for prompt, each in zip(prompts, chosen, strict=True)]
        try:
            grown = await self._lane.gather(calls)
        except ModelError:  # all of them; what is there already still counts
            if not self._nodes:
                raise
            return
        if self._params.nodes > 1:
            grown = await self._score(grown)
        self._waited = [call for node in grown for call in (node.draft, *node.judges)]
        self._nodes += grown
        for node in grown:
            self.place(node)

    async def find_best(self) -> Node:
        """Return the node that a judge scored highest, of tied ones the first; without any score, the answers vote."""
        scores = {node.draft.key: node.score for node in self._nodes if node.score is not None and node.judges}
        drafts = [node.draft for node in self._nodes]
        leader = find_leader(await form_blocs(drafts, self._lane.equal))
        best = find_best(drafts, scores) or (leader.drafts[0] if leader else drafts[0])
        return self._nodes[drafts.index(best)]

    async def find_answer(self) -> Answer:
        """Return the best answer so far."""
        best = await self.find_best()
        note = f"score {best.score:.2f}, best of {len(self._nodes)}" if best.score is not None else ""
        return Answer.from_reply(best.draft, note)

    def place(self, node: Node, state: Literal["open", "final"] = "open") -> None:
        """Show a node."""
        self._lane.place(
            node.draft.key, under=[] if node.under is None else [self._nodes[node.under].draft.key], value=node.score,
            calls=(node.draft, *node.judges), title=node.draft.answer or "no answer", state=state, level=node.level,
        )  # fmt: skip

    def _find_scores(self, writer: int) -> list[float]:
        """Return what a model's calls were worth: 0 if they failed, and where none of its answers could be scored."""
        answers = [node.score for node in self._nodes if node.writer == writer]
        scores = [score for score in answers if score is not None] or [0.0] * len(answers)
        return scores + [0.0] * (self._asked[writer] - len(answers))

    def _choose_branch(self, branches: Sequence[Branch]) -> int | None:
        if self._params.form == "mixed":
            return choose_by_groups(branches, self._lane.random.random)
        return choose_by_arms(branches, PRIORS[self._params.form], self._draw)

    def _rate_writers(self, scores: Sequence[Sequence[float]]) -> list[float]:
        if self._params.choose == "ucb":
            return find_upper_bounds(scores)
        if self._params.form == "mixed":
            return draw_scores(scores, self._lane.random.random)
        return [self._draw(learn_all(PRIORS[self._params.form], each)) for each in scores]

    def _draw(self, belief: Belief) -> float:
        return belief.draw(self._lane.random.random())

    async def _write_prompt(self, place: int | None) -> str:
        if place is None:
            return fill(DRAFT, question=self._question)
        node = self._nodes[place]
        if not node.judges:
            return fill(REFINE, question=self._question, solution=show_solution(node.draft))
        said = [await self._lane.shorten(each.solution, JUDGMENT_TOKENS // len(node.judges)) for each in node.judges]
        judgments = quote(self._lane, said, "judgment")
        return fill(IMPROVE, question=self._question, solution=show_solution(node.draft), judgments=judgments)

    def _ask(self, prompt: str, place: int | None, writer: int) -> Coroutine[Any, Any, Node]:
        parent = self._nodes[place] if place is not None else None
        read = [parent.draft, *parent.judges] if parent else []
        waited = [call for call in self._waited if call not in read]
        role = "refine" if parent else "draft"
        call = self._lane.ask(prompt, role=role, model=WRITERS[writer], after=[*read, *waited])
        return _keep(call, place, writer, parent.level + 1 if parent else 0)

    async def _score(self, grown: Sequence[Node]) -> list[Node]:
        drafts = [node.draft for node in grown if node.draft.answer is not None]
        heard = await ask_for_verdicts(
            self._lane, SCORE, question=self._question, drafts=drafts, times=self._params.judges, most=10, model="judge"
        )
        scores = dict.fromkeys((node.draft.key for node in grown if node.draft.answer is None), 0.0) | heard.scores
        said = [tuple(heard.said.get(node.draft.key, ())) for node in grown]
        return [n._replace(score=scores.get(n.draft.key), judges=s) for n, s in zip(grown, said, strict=True)]


async def _keep(call: Coroutine[Any, Any, Reply], under: int | None, writer: int, level: int) -> Node:
    return Node(under, writer, level, await call)
