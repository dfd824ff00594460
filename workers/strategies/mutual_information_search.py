"""Search for steps that the question makes likely, not ones that are likely anyway.

A step such as `Let us think` is likely after anything. What tells that a step belongs to this question is how much more
likely it is with the question than without it: their pointwise mutual information (PMI), two log-probabilities and no
judge. Of the solutions that are found, the answer counts that many of them give and that the question makes likely.

Procedure:
1. From each kept path (steps so far; at first none) write `steps` next steps. An unsure step is followed by up to two
   more, a sure one by up to two less: its mean entropy is compared with the 33rd and 67th percentile of all so far,
   `gain` says how sharply; not before ten steps were written. Steps with the same text are one.
2. The evaluator weighs every new path, with the question and with nothing before it. The difference of the two
   log-probabilities is the path's PMI; PMI divided by the number of steps is its value.
3. A path whose last step holds a final answer is finished. Of the others, the `beam` of the highest values are kept.
4. Repeat until no path is left, at most `depth` times; then the kept paths are finished by one call each.
5. Of the `voters` finished paths of the highest values, each has its value times the share of voters with its answer;
   the path with the most gives the answer. Values below 0 are shifted first, or agreement would count against a path.

Cost: 3 calls for each step: at most steps for the first level and (steps + 2) * beam for every other; and beam calls to
finish. Depth: 2 * depth calls, and 1 to finish.
Differs from the paper: a path is weighed as a whole, with the words `Step 2:` in it, so that both terms cover the same
tokens; the generator's own log-probabilities would be free, but also cover where it was stopped. The entropy is a lower
bound, from twenty alternatives. How sharply it acts (`gain`) is not published.
Reported: Qwen2.5-7B: StrategyQA 75.8%, a vote of 32 68.7%; ARC-C 92.6% and 81.0%. On CommonsenseQA rStar wins, 85.7%
to 84.8%.
Source: Li et al. 2025, arXiv:2510.03632.
"""

from collections.abc import Coroutine, Sequence
from math import floor, fsum
from statistics import fmean
from typing import Any

import numpy as np
from pydantic import Field

from workers.core.asking import Wishes
from workers.core.errors import ModelError
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Measure, Problem, Reply
from workers.strategies._steps import STEPWISE, has_answer
from workers.strategies._trees import ROOT, Node, drop_twins, grow, keep_best, show, weigh
from workers.strategies._votes import form_blocs

FEW = 10
"""Steps below which entropies say nothing."""
MOST_MORE = 2
SMALLEST = 1e-6
"""What the least value becomes when values are shifted above 0."""


class Params(StrategyParams):
    """How wide and how deep the search goes, and who votes."""

    steps: int = Field(3, ge=1, le=5, title="Steps", description="Next steps that are written for each path.")
    beam: int = Field(4, ge=1, le=32, title="Beam", description="Paths that are kept at each level.")
    depth: int = Field(5, ge=1, le=16, title="Depth", description="Most steps of a path.")
    voters: int = Field(8, ge=1, le=64, title="Voters", description="Finished paths that vote, those of highest value.")
    step_tokens: int = Field(256, ge=16, le=2048, title="Longest step", description="Tokens of one step.")
    gain: float = Field(
        1, ge=0, le=4, title="Gain", description="How sharply entropy changes the number of steps; 0 not at all."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"steps": 2, "beam": 1, "depth": 2},
    replies={
        "step": (
            " 17 times 20 is 340.",
            " Let us think about it.",
            " Add 4: the answer is \\boxed{344}.",
            " Add 17 times 4, which is 68: the answer is \\boxed{408}.",
        ),
        "score": ("", "", "", ""),
        "prior": ("", "", "", ""),
    },
    answer="408",
    calls=12,
    depth=4,
    logprobs={"score": (-0.5, -0.4, -0.6, -0.5), "prior": (-0.9, -0.5, -0.8, -0.9)},
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    return f"{params.steps} steps · beam {params.beam} · depth {params.depth} · {params.voters} voters"


@strategy(
    title="Mutual Information Search",
    short="MITS",
    family="search",
    source="arXiv:2510.03632",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"logprobs", "prompt_logprobs", "continuing"}),
    models={"evaluator": "Says how likely a path is, with the question and without."},
    wider=lambda size: {"beam": size},
    deeper=lambda size: {"depth": size},
)
async def mutual_information_search(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Grow the likeliest paths step by step, then vote."""
    prompt = fill(STEPWISE, question=problem.question)
    beam, ends, finished, entropies, waited = [ROOT], [ROOT], list[Node](), list[float](), list[Reply]()
    for level in range(1, params.depth + 1):
        async with lane.round(f"Step {level}"):
            found = await _unless_over(lane, finished, _write_steps(lane, prompt, beam, entropies, params, waited))
            nodes, weighed = found or ([], [])
            waited = weighed or waited
        complete, rest = ([node for node in nodes if node.is_complete is one] for one in (True, False))
        finished, beam = finished + complete, keep_best(rest, params.beam)
        show(lane, [node for node in rest if node not in beam], state="pruned")
        show(lane, beam, state="kept")
        show(lane, complete, state="final")
        ends = beam or ends
        for best in keep_best(finished or beam, 1):
            lane.offer(Answer.from_reply(best.draft, f"best path after {level} steps"))
        if not beam:
            break
    if beam or not finished:
        async with lane.round("Answers"):
            finished += await _unless_over(lane, finished, _finish(lane, prompt, beam or ends, params, waited)) or []
    return await _vote(lane, finished, params)


async def _unless_over(lane: LiveLane, finished: Sequence[Node], work: Coroutine[Any, Any, Any]) -> Any:
    """Return what the work gives; None when all its calls fail and there are finished paths."""
    try:
        return await work
    except ModelError:
        if not finished:
            raise
        lane.note("All of these calls failed: the paths that are finished vote.")


async def _write_steps(  # noqa: PLR0913  # the state of the search
    lane: LiveLane, prompt: str, beam: Sequence[Node], entropies: list[float], params: Params, waited: Sequence[Reply]
) -> tuple[list[Node], list[Reply]]:
    """Write the next steps of all paths at once, and weigh them; empty ones and twins are left out."""
    calls = list[Coroutine[Any, Any, Node | None]]()
    for parent in beam:
        marker = f"Step {parent.level + 1}:"
        begun = f"{parent.text}\n\n{marker}" if parent.steps else marker
        for _ in range(count_steps(parent, entropies, params)):
            call = lane.ask(
                prompt, role="step", begun=begun, stop=("\nStep",), max_tokens=params.step_tokens, measure=Measure(),
                after=waited,
            )  # fmt: skip
            calls.append(_grow(parent, marker, call, name=f"{parent.level + 1}-{len(calls) + 1}"))
    nodes = drop_twins([node for node in await lane.gather(calls) if node])
    entropies += [call.measured.entropy_floor for node in nodes for call in node.writers]
    return await _weigh(lane, prompt, nodes)


async def _grow(parent: Node, marker: str, call: Coroutine[Any, Any, Reply], *, name: str) -> Node | None:
    reply = await call
    text = reply.continued.strip()
    return grow(parent, f"{marker} {text}", reply, name=name, is_complete=has_answer(text)) if text else None


def count_steps(parent: Node, entropies: Sequence[float], params: Params) -> int:
    """Return how many next steps a path gets, by the entropy of its last one among all so far."""
    more = 0.0
    if parent.call and len(entropies) >= FEW:
        low, high = map(float, np.percentile(entropies, (33, 67)))
        more = adjust(parent.call.measured.entropy_floor, low, high, gain=params.gain)
    return min(params.steps + MOST_MORE, max(1, floor(params.steps + more + 0.5)))


def adjust(entropy: float, low: float, high: float, *, gain: float) -> float:
    """Return how many more steps a path gets for an entropy above `high`, or less for one below `low`; at most 2.

    >>> [round(adjust(entropy, 0.4, 0.8, gain=1), 9) for entropy in (0.1, 0.3, 0.5, 0.9, 1.4)]
    [-1.5, -0.5, 0.0, 0.5, 2]
    """
    if high <= low:
        return 0.0
    beyond = max(0.0, entropy - high) - max(0.0, low - entropy)
    return max(-MOST_MORE, min(MOST_MORE, MOST_MORE * gain * beyond / (high - low)))


async def _weigh(lane: LiveLane, prompt: str, nodes: Sequence[Node]) -> tuple[list[Node], list[Reply]]:
    """Weigh all paths at once, with the question and without; return those that could be, and the calls."""
    works = []
    for node in nodes:
        wishes = Wishes(scored=node.text, model="evaluator", after=node.writers)
        asked = [lane.ask(prompt, role="score", **wishes), lane.ask("", role="prior", **wishes)]
        works.append(_subtract(node, asked, lane))
    weighed = await lane.gather(works)
    return [node for node, calls in weighed if node], [call for _, calls in weighed for call in calls]


async def _subtract(
    node: Node, calls: Sequence[Coroutine[Any, Any, Reply]], lane: LiveLane
) -> tuple[Node | None, list[Reply]]:
    """Return the path with its PMI; without one of its weights it has none."""
    replies = await lane.gather(calls)
    if len(replies) < len(calls):
        return None, replies
    score, prior = (reply.measured.sum_logprob for reply in replies)
    return weigh(node, score - prior - fsum(node.scores), fmean), replies


async def _finish(
    lane: LiveLane, prompt: str, nodes: Sequence[Node], params: Params, waited: Sequence[Reply]
) -> list[Node]:
    """Let the model say the answer of each path."""
    closing = "Therefore, the final answer is"
    calls = []
    for number, node in enumerate(nodes, start=1):
        begun = f"{node.text}\n\n{closing}".lstrip()
        call = lane.ask(prompt, role="draft", begun=begun, max_tokens=params.step_tokens, after=waited)
        calls.append(_close(node, closing, call, name=f"answer-{number}"))
    finished = await lane.gather(calls)
    show(lane, finished, state="final")
    return finished


async def _close(node: Node, closing: str, call: Coroutine[Any, Any, Reply], *, name: str) -> Node:
    reply = await call
    return grow(node, f"{closing}{reply.continued}", reply, name=name, is_complete=True)


async def _vote(lane: LiveLane, finished: Sequence[Node], params: Params) -> Answer:
    """Return the path that counts most; of tied ones the one with the higher value."""
    voters = keep_best([node for node in finished if node.draft.answer is not None], params.voters)
    if not voters:
        return Answer.from_reply(keep_best(finished, 1)[0].draft, "no path gives an answer")
    blocs = await form_blocs([node.draft for node in voters], lane.equal)
    sizes = {draft.key: len(bloc.drafts) for bloc in blocs for draft in bloc.drafts}
    values, counts = [node.value for node in voters], [sizes[node.draft.key] for node in voters]
    if min(values) < 0:
        lane.note("Some paths are likelier without the question; all values are shifted above 0 before they vote.")
    weights = weigh_votes(values, counts)
    best = weights.index(max(weights))
    note = f"{counts[best]} of {len(voters)} paths, PMI {values[best]:.2f} a step"
    return Answer.from_reply(voters[best].draft, note)


def weigh_votes(values: Sequence[float], counts: Sequence[int]) -> list[float]:
    """Return each value times the share of voters with the same answer; values are shifted if any is negative.

    >>> [round(weight, 9) for weight in weigh_votes([3.0, 2.8, 2.5, 1.0], [1, 2, 2, 1])]
    [0.75, 1.4, 1.25, 0.25]
    """
    shift = min(0.0, min(values) - SMALLEST if min(values) < 0 else 0.0)
    return [(value - shift) * count / len(values) for value, count in zip(values, counts, strict=True)]
