"""Solutions that grow step by step: several are begun, and at each level a judge says which go on.

In beams all compete; in trees each keeps its own best. What has come to its end votes, scored by what was said of it.
"""

from collections.abc import Coroutine, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from workers.core.answers import drop_thinking
from workers.core.errors import ModelError
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.values import Answer, Reply
from workers.strategies._judging import ask_for_verdicts
from workers.strategies._steps import BEGUN, FIRST, REDUCTIONS, STEPWISE, STOPS, Reduction, has_answer, head_next
from workers.strategies._trees import ROOT, Node, drop_twins, fill_up, grow, keep_best, show, weigh
from workers.strategies._votes import Ballot


class Search(NamedTuple):
    """What does not change while solutions grow."""

    question: str
    steps: int
    """Most steps of a solution; the last is written to its end."""
    ahead: int = 0
    """Steps that are written beyond each new one, for the judge alone."""
    judges: int = 1
    """Times that each new step is judged."""
    reduce: Reduction = "last"
    """How the scores of a solution's steps become one."""

    def ends(self, node: Node) -> bool:
        """Say whether the next step of a begun solution is the last."""
        return node.level + 1 >= self.steps


class Start(NamedTuple):
    """A begun solution that is to be one step longer."""

    node: Node
    waited: Sequence[Reply] = ()
    """The judges who let it go on."""


async def search_beams(  # noqa: PLR0913  # keywords only
    lane: LiveLane, search: Search, ballot: Ballot, *, kept: int, width: int, waited: Sequence[Reply] = ()
) -> dict[str, float]:
    """Grow kept * width beams, of which the best `kept` go on from each level, until as many are complete.

    These are cast into the ballot; returns their scores by call. Twins count as one where it is chosen who goes on.
    `waited` are the calls that had to end before this began.
    """
    count, scores = kept * width, dict[str, float]()
    starts = [Start(ROOT, waited)]
    for level in range(1, search.steps + 1):
        async with lane.round(f"Step {level}"):
            nodes = await _extend_if_possible(lane, search, fill_up(starts, count), level, ballot)
            complete = [node for node in nodes if node.is_complete][: count - len(scores)]
            going = keep_best(drop_twins([node for node in nodes if not node.is_complete]), kept)
            _sort_out(lane, [node for node in nodes if node not in complete], going)
            scores |= await _cast(lane, ballot, complete)
            _offer(lane, ballot, going)
        if not going or len(scores) == count:
            break
        judges = [judge for node in nodes for judge in node.judges]
        starts = [Start(node, judges) for node in going]
    return scores


async def grow_trees(  # noqa: PLR0913  # keywords only
    lane: LiveLane, search: Search, ballot: Ballot, *, trees: int, width: int, waited: Sequence[Reply] = ()
) -> dict[str, float]:
    """Grow trees that do not compete, each by the best of `width` next steps, until that one completes its solution.

    All children of each tree's last step are cast into the ballot; returns their scores by call.
    """
    scores = dict[str, float]()
    starts = [Start(ROOT._replace(group=f"tree-{number}"), waited) for number in range(1, trees + 1)]
    for level in range(1, search.steps + 1):
        async with lane.round(f"Step {level}"):
            begun = [start for start in starts for _ in range(width)]
            nodes = await _extend_if_possible(lane, search, begun, level, ballot)
            starts = []
            for group in dict.fromkeys(node.group for node in nodes):
                children = [node for node in nodes if node.group == group]
                best = keep_best(children, 1)[0]
                if best.is_complete:
                    scores |= await _cast(lane, ballot, children)
                else:
                    _sort_out(lane, children, [best])
                    starts.append(Start(best, [judge for node in children for judge in node.judges]))
            _offer(lane, ballot, [start.node for start in starts])
        if not starts:
            break
    return scores


async def _extend_if_possible(
    lane: LiveLane, search: Search, starts: Sequence[Start], level: int, ballot: Ballot
) -> list[Node]:
    """Return no node when all calls fail but there is an answer: that still counts."""
    try:
        return await _extend(lane, search, starts, level)
    except ModelError:
        if not ballot.voters:
            raise
        lane.note(f"All calls of step {level} failed: what is complete is chosen from.")
        return []


async def _extend(lane: LiveLane, search: Search, starts: Sequence[Start], level: int) -> list[Node]:
    """Write one more step for each, all at once, and let judges score it; a step that fails is left out."""
    calls = [_write(lane, search, start, name=f"{level}-{place}") for place, start in enumerate(starts, 1)]
    nodes = await lane.gather(calls)
    show(lane, nodes, state="open")
    read = [node.draft for node in await _look_ahead(lane, search, nodes)]
    heard = await ask_for_verdicts(
        lane, BEGUN, question=search.question, drafts=read, times=search.judges, most=10, model="judge"
    )  # fmt: skip
    scores, reduce = heard.scores, REDUCTIONS[search.reduce]
    unknown = fmean(scores.values()) if scores else 0.5
    return [
        weigh(node, scores.get(draft.key, unknown), reduce)._replace(judges=tuple(heard.said.get(draft.key, ())))
        for node, draft in zip(nodes, read, strict=True)
    ]


async def _look_ahead(lane: LiveLane, search: Search, nodes: Sequence[Node]) -> list[Node]:
    """Return what the nodes may become, each step the likeliest; one whose step fails stays as it is."""
    rolled = {node.name: node for node in nodes}
    for _ in range(search.ahead):
        going = [Start(node) for node in rolled.values() if not node.is_complete]
        calls = [_attempt(_write(lane, search, start, name=start.node.name, role="look")) for start in going]
        rolled |= {node.name: node for node in await lane.gather(calls) if node}
    return list(rolled.values())


def _write(lane: LiveLane, search: Search, start: Start, *, name: str, role: str = "step") -> Coroutine[Any, Any, Node]:
    """Ask for the next step of a begun solution; what is returned waits for it."""
    node = start.node
    heading = head_next(node.text) if node.steps else ""
    call = lane.ask(
        fill(STEPWISE, question=search.question), role=role, after=(*node.writers, *start.waited),
        begun=f"{node.text}\n\n{heading}" if heading else "", stop=() if search.ends(node) else STOPS,
        temperature=0 if role == "look" else None,
    )  # fmt: skip
    return _take(lane, search, node, call, heading=heading, name=name)


async def _take(  # noqa: PLR0913  # a step, and what it goes on from
    lane: LiveLane, search: Search, node: Node, call: Coroutine[Any, Any, Reply], *, heading: str, name: str
) -> Node:
    reply = await call
    if not heading and not reply.solution:
        heading = FIRST  # it began with the blank line that ends a step, or with a thought
        reply = await lane.ask(
            fill(STEPWISE, question=search.question), role="step", begun=FIRST, branch=f"again-{name}",
            stop=() if search.ends(node) else STOPS, after=reply,
        )  # fmt: skip
    text = drop_thinking(reply.continued).strip() if heading else reply.solution
    is_complete = search.ends(node) or reply.is_truncated or has_answer(text)
    return grow(node, f"{heading} {text}".strip() if text else "", reply, name=name, is_complete=is_complete)


def _sort_out(lane: LiveLane, nodes: Sequence[Node], kept: Sequence[Node]) -> None:
    """Show which nodes go on."""
    names = {node.name for node in kept}
    show(lane, [node for node in nodes if node.name not in names], state="pruned")
    show(lane, kept, state="kept")


async def _attempt(writing: Coroutine[Any, Any, Node]) -> Node | None:
    try:
        return await writing
    except ModelError:
        return None


async def _cast(lane: LiveLane, ballot: Ballot, nodes: Sequence[Node]) -> dict[str, float]:
    """Let complete solutions vote; return their scores by call."""
    show(lane, nodes, state="final")
    for node in nodes:
        await ballot.add(node.draft)
    return {node.draft.key: node.value for node in nodes}


def _offer(lane: LiveLane, ballot: Ballot, going: Sequence[Node]) -> None:
    """Offer the best that is begun, until something complete has an answer."""
    if going and not ballot.voters:
        lane.offer(Answer.from_reply(keep_best(going, 1)[0].draft, "as far as it is written"))
