"""Begun solutions as the nodes of a tree, and where to go on from. Nodes in, nodes out, nothing is changed.

A node holds its whole path, so a tree needs no other state: a search is the list of nodes it would go on from. All is
pure but `show`, which tells the reader.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

from workers.core.answers import extract_answer
from workers.core.lane import LiveLane
from workers.core.telling import NodeState
from workers.core.values import Reply

LONGEST_TITLE = 80
"""In characters."""
Member = TypeVar("Member")


class Node(NamedTuple):
    """A begun solution: its steps, first to last, and what judges said of each of them."""

    name: str = ""
    """Unique in its tree, e.g. `2-3` for the third of level 2; empty for the root."""
    steps: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    """One for each step, once it has been weighed."""
    value: float = 0.0
    """What the search goes by, made of the scores."""
    call: Reply | None = None
    """The call that wrote the last step; None for the root."""
    under: str = ""
    """The parent's name."""
    is_complete: bool = False
    """True when there is nothing to add."""
    judges: tuple[Reply, ...] = ()
    """Who scored the last step alone."""
    group: str = ""
    """The part of the tree that does not compete with the others, e.g. `tree-2`."""

    @property
    def level(self) -> int:
        """Return the number of steps."""
        return len(self.steps)

    @property
    def text(self) -> str:
        """Return all steps, one paragraph each."""
        return "\n\n".join(self.steps)

    @property
    def writers(self) -> tuple[Reply, ...]:
        """Return the call that wrote the last step; none for the root."""
        return () if self.call is None else (self.call,)

    @property
    def draft(self) -> Reply:
        """Return the whole path as if the call of its last step had written it. The root has none."""
        if self.call is None:
            raise ValueError("The root of a tree is no draft.")
        return self.call._replace(text=self.text, thinking="", answer=extract_answer(self.text))


ROOT = Node()


def grow(parent: Node, step: str, call: Reply, *, name: str, is_complete: bool = False) -> Node:
    """Return the node that one more step leads to; an empty step leads to a complete node with the same text."""
    steps = (*parent.steps, step) if step else parent.steps
    return Node(
        name, steps, parent.scores, parent.value, call, parent.name, is_complete or not step, group=parent.group
    )  # fmt: skip


def weigh(node: Node, score: float, reduce: Callable[[Sequence[float]], float]) -> Node:
    """Return the node with a score for its last step, and the value that follows from all of them."""
    scores = (*node.scores[: max(0, node.level - 1)], score)
    return node._replace(scores=scores, value=reduce(scores))


def drop_twins(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes without those whose text an earlier one has."""
    first: dict[str, Node] = {}
    for node in nodes:
        first.setdefault(node.text, node)
    return list(first.values())


def keep_best(nodes: Sequence[Node], count: int) -> list[Node]:
    """Return the `count` nodes of the highest values, best first, of equal ones the earlier first."""
    return sorted(nodes, key=lambda node: -node.value)[:count]


def draw_by_value(nodes: Sequence[Node], chances: Sequence[float]) -> list[Node]:
    """Draw a node for each chance in [0, 1), as likely as its part of all values, best first; one drawn twice is one.

    Values are not negative. When all are 0, the first nodes are taken, as many as there are chances.
    """
    ends = list(accumulate(node.value for node in nodes))
    if not ends or not ends[-1]:
        return list(nodes[: len(chances)])
    last = bisect_left(ends, ends[-1])  # a chance so close to 1 that its product is the sum
    drawn = {min(bisect_right(ends, chance * ends[-1]), last) for chance in chances}
    return keep_best([nodes[place] for place in sorted(drawn)], len(chances))


def fill_up(members: Sequence[Member], count: int) -> list[Member]:
    """Return the members again and again, in turn, until there are `count`.

    >>> fill_up("ab", 5)
    ['a', 'b', 'a', 'b', 'a']
    """
    return [members[place % len(members)] for place in range(count)]


def show(lane: LiveLane, nodes: Sequence[Node], *, state: NodeState) -> None:
    """Show nodes, or the new state of those that have been shown; the root is not."""
    for node in nodes:
        if node.call is not None:
            lane.place(
                node.name, under=[node.under] if node.under else [], calls=(*node.writers, *node.judges),
                title=_title(node), value=node.value if node.scores else None, state=state, group=node.group,
                level=node.level,
            )  # fmt: skip


def _title(node: Node) -> str:
    line = node.steps[-1].split("\n", 1)[0] if node.steps else ""
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1]}…"
