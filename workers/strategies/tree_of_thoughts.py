"""Search a tree of thoughts: think of several next steps, let a judge look ahead from each, go on from the best.

A solution written in one go cannot take back its first step. Here each step is one of several that were thought of, and
before more is spent on it, it is asked whether it can still lead to the answer.

Procedure:
1. From each kept state (steps so far, at first none), think of `thoughts` next steps: by `generate`, in as many calls
   that cannot see each other, or in one call that lists them. States with the same text are one.
2. Evaluate every new state by `evaluate`, `evaluations` times:
   `value`: a judge says of each alone whether it leads to the answer: surely (20), maybe (1), impossible (0.001). The
      sum is its value.
   `vote`: a judge reads all of them, in an order drawn by chance, and names the best. The votes are its value.
3. By `search`:
   `breadth`: keep `kept` states: the best, or as many draws, each as likely as its part of all values. Repeat `depth`
      times. A kept state with a final answer stays as it is.
   `depth`: go on from the best state, and first from its best child. One that any judge calls impossible, or that gets
      no vote, is never gone on from. The first state that holds `depth` steps or a final answer ends it; so does visit
      number `visits`, and then the deepest state counts, of those the best.
4. If the best state holds no final answer, one more call writes the solution from its steps.

Cost: breadth, with t thoughts, k kept, d levels, e evaluations: at most t + t * e + (d - 1) * (k * t + k * t * e) + 1
calls by value, t + e + (d - 1) * (k * t + e) + 1 by vote; depth: at most visits * (t + t * e) + 1. One that lists
thoughts makes 1 call instead of t. Depth: 2 * levels + 1 calls for breadth, 2 * visits + 1 for depth.
Differs from the paper: the steps are of any problem, not of one puzzle. States with the same text are one, where the
code gives the later ones the value 0. A verdict that cannot be read counts as the mean of what could be. The depth
search ends at its first leaf, and all children are evaluated before one is chosen. The prompts are our own.
Reported: GPT-4, Game of 24: 74%, one chain of thought 4%.
Source: Yao et al. 2023, arXiv:2305.10601, and the authors' code.
"""

from collections.abc import Coroutine, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from workers.core.errors import ModelError
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.strategy import grow as grow_by
from workers.core.values import Answer, Problem, Reply
from workers.strategies._foresight import VALUE, VOTE, value_alone, vote_together
from workers.strategies._steps import FINISH, REDUCTIONS, first_step, has_answer, read_entries
from workers.strategies._trees import ROOT, Node, draw_by_value, drop_twins, grow, keep_best, show, weigh

THINK = """\
Problem:
$question

$begun

Write the next step of a solution, and nothing else: one short paragraph with one idea or calculation. Only when \
nothing is left to do, write the final answer inside \\boxed{}.
"""

PROPOSE = """\
Problem:
$question

$begun

Write $count different ways to take the next step of a solution, and nothing else: a numbered list, each entry one \
line with one idea or calculation. Only where nothing is left to do, write the final answer inside \\boxed{}.
"""


class Params(StrategyParams):
    """How wide and deep the tree is, and how its states are judged."""

    search: Literal["breadth", "depth"] = Field(
        "breadth", title="Search", description="Level by level, or with return."
    )
    thoughts: int = Field(3, ge=1, le=16, title="Thoughts", description="Next steps that are thought of for a state.")
    generate: Literal["sample", "propose"] = Field(
        "sample", title="Think by", description="One call for each thought, or one that lists them all."
    )
    evaluate: Literal["value", "vote"] = Field(
        "value", title="Evaluate by", description="Each state alone, or all that are new in one prompt."
    )
    evaluations: int = Field(1, ge=1, le=16, title="Evaluations", description="Times that a state is evaluated.")
    kept: int = Field(2, ge=1, le=16, title="Kept", description="States kept at each level of a breadth search.")
    select: Literal["best", "draw"] = Field(
        "best", title="Keep", description="The best states, or draws that favor them; for a breadth search."
    )
    depth: int = Field(3, ge=1, le=16, title="Depth", description="Most steps before the solution is written.")
    visits: int = Field(8, ge=1, le=100, title="Visits", description="Most states that a depth search goes on from.")


EXAMPLE = Example(
    question="Use 4, 9, 10 and 13, each once, to make 24.",
    params={"thoughts": 2, "kept": 1, "depth": 2},
    replies={
        "step": (
            "4 + 9 = 13, which leaves 10, 13 and 13.",
            "13 - 9 = 4, which leaves 4, 4 and 10.",
            "4 + 4 = 8, which leaves 8 and 10.",
            "10 - 4 = 6, which leaves 4 and 6.\n\nNow 4 times 6 is 24.",
        ),
        "judge": (
            "10, 13 and 13 are too large to come down to 24.\nVerdict: 0",
            "(10 - 4) * 4 is 24.\nVerdict: 2",
            "8 and 10 make 18, 2, 80.\nVerdict: 0",
            "4 * 6 = 24.\nVerdict: 2",
        ),
        "draft": ("13 - 9 = 4 and 10 - 4 = 6, so \\boxed{4 * (10 - (13 - 9))} is 24.",),
    },
    answer="4 * (10 - (13 - 9))",
    calls=9,
    depth=5,
)


class Rated(NamedTuple):
    """New states with their values."""

    nodes: list[Node]
    hopeless: set[str]
    """Names of those that a depth search does not go on from."""
    judges: list[Reply]


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.thoughts} thoughts", *["listed"] * (params.generate == "propose")]
    words += [f"{params.evaluations} {params.evaluate}s" if params.evaluations > 1 else params.evaluate]
    if params.search == "depth":
        return " · ".join([*words, f"depth first to {params.depth}", f"{params.visits} visits"])
    return " · ".join([*words, f"{params.select} {params.kept}", f"depth {params.depth}"])


@strategy(
    title="Tree of Thoughts",
    short="ToT",
    family="search",
    source="arXiv:2305.10601",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    models={"judge": "Evaluates states"},
    wider=grow_by("thoughts"),
    deeper=grow_by("depth"),
)
async def tree_of_thoughts(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Search for the best state, then write the solution from it."""
    search = _search_breadth if params.search == "breadth" else _search_depth
    leaf, waited = await search(lane, problem.question, params)
    show(lane, [leaf], state="final")
    if leaf.is_complete:
        return Answer.from_reply(leaf.draft, f"thought {leaf.name}")
    async with lane.round("Finish"):
        prompt = fill(FINISH, question=problem.question, begun=_tell(leaf))
        final = await lane.ask(prompt, role="draft", after=(*leaf.writers, *waited))
    return Answer.from_reply(final, f"from thought {leaf.name}" if leaf.steps else "no thought could be read")


async def _search_breadth(lane: LiveLane, question: str, params: Params) -> tuple[Node, list[Reply]]:
    kept, waited = [ROOT], list[Reply]()
    for level in range(1, params.depth + 1):
        async with lane.round(f"Level {level}"):
            growing = [node for node in kept if not node.is_complete]
            try:
                children = await _think(lane, question, growing, params, waited, level)
            except ModelError:
                if len(growing) == len(kept):
                    raise
                children = []
            rated = await _rate(lane, question, children, params)
            pool = [*(node for node in kept if node.is_complete), *rated.nodes]
            if params.select == "draw":
                kept = draw_by_value(pool, [lane.random.random() for _ in range(params.kept)]) or kept
            else:
                kept = keep_best(pool, params.kept) or kept
            show(lane, [node for node in pool if node not in kept], state="pruned")
            show(lane, kept, state="kept")
            _offer(lane, kept[0])
        waited = rated.judges
        if not rated.nodes or all(node.is_complete for node in kept):
            break
    return kept[0], waited


async def _search_depth(lane: LiveLane, question: str, params: Params) -> tuple[Node, list[Reply]]:
    stack, found, waited = [ROOT], [ROOT], list[Reply]()
    for visit in range(1, params.visits + 1):
        state = stack.pop()
        async with lane.round(f"Visit {visit}"):
            rated = await _rate(lane, question, await _think(lane, question, [state], params, waited, visit), params)
            alive = [n for n in keep_best(rated.nodes, params.thoughts) if n.name not in rated.hopeless]
            show(lane, [node for node in rated.nodes if node.name in rated.hopeless], state="pruned")
            show(lane, alive, state="open")
            show(lane, [state], state="kept")
            leaf = next((node for node in alive if node.is_complete or node.level == params.depth), None)
            stack, found = [*stack, *reversed(alive)], [*found, *alive]
            best = leaf or max(found, key=lambda node: (node.level, node.value))
            _offer(lane, best)
        waited = rated.judges or waited
        if leaf or not stack:
            break
    return best, waited


async def _think(  # noqa: PLR0913  # what is searched, from where, and what came before
    lane: LiveLane, question: str, states: Sequence[Node], params: Params, waited: Sequence[Reply], number: int
) -> list[Node]:
    """Return the children of all states, named after `number`; what cannot be read is none."""
    calls = []
    for state in states:
        begun, after = _tell(state), (*state.writers, *waited)
        if params.generate == "sample":
            prompt = fill(THINK, question=question, begun=begun)
            calls += [_follow(state, lane.ask(prompt, role="step", after=after)) for _ in range(params.thoughts)]
        else:
            prompt = fill(PROPOSE, question=question, begun=begun, count=params.thoughts)
            calls.append(_follow(state, lane.ask(prompt, role="propose", after=after)))
    children = list[Node]()
    for state, call in await lane.gather(calls):
        is_list = params.generate == "propose"
        steps = read_entries(call.solution, params.thoughts) if is_list else [first_step(call.solution)]
        for step in filter(None, steps):
            name = f"{number}-{len(children) + 1}"
            children.append(grow(state, step, call, name=name, is_complete=has_answer(step)))
    return drop_twins(children)


async def _rate(lane: LiveLane, question: str, nodes: Sequence[Node], params: Params) -> Rated:
    if not nodes:
        lane.note("No next step could be read.")
        return Rated([], set(), [])
    if params.evaluate == "value":
        outlook = await value_alone(lane, VALUE, question, nodes, params.evaluations)
    else:
        outlook = await vote_together(lane, VOTE, question, nodes, params.evaluations)
    rated = [weigh(node, value, REDUCTIONS["last"]) for node, value in zip(nodes, outlook.values, strict=True)]
    return Rated(rated, outlook.hopeless, outlook.judges)


async def _follow(state: Node, call: Coroutine[Any, Any, Reply]) -> tuple[Node, Reply]:
    return state, await call


def _tell(state: Node) -> str:
    return f"Steps so far:\n\n{state.text}" if state.steps else "No step has been written yet."


def _offer(lane: LiveLane, best: Node) -> None:
    if best.steps:
        lane.offer(Answer.from_reply(best.draft, f"as far as thought {best.name}"))
