"""Facts as a graph, and the paths in it that begin at something a question names. Pure.

A fact is a line `subject | relation | object`; `->` may stand for the bars.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

_BAR = re.compile(r"\s*(?:\||->|→|\t)\s*")
_WORD = re.compile(r"\w+")
MOST_PATHS = 20_000
"""Paths that are compared; a question that names thousands of things would lead to millions."""


class Fact(NamedTuple):
    """A relation between two things."""

    subject: str
    relation: str
    object: str

    def __str__(self) -> str:
        """Return the line that a prompt shows."""
        return f"{self.subject} -> {self.relation} -> {self.object}"


class Facts(NamedTuple):
    """What a text of facts says."""

    facts: list[Fact]
    unread: int
    """Lines that are none."""


def read_facts(text: str) -> Facts:
    r"""Return the facts of a text, one a line, each once; empty lines are nothing.

    >>> read_facts("Heat | directed by | Mann\nHeat -> directed by -> Mann\n\nHm.")
    Facts(facts=[Fact(subject='Heat', relation='directed by', object='Mann')], unread=1)
    """
    parts = [_BAR.split(line.strip()) for line in text.splitlines() if line.strip()]
    read = [Fact(*part) for part in parts if len(part) == 3 and all(part)]
    return Facts(list(dict.fromkeys(read)), len(parts) - len(read))


def find_paths(facts: Sequence[Fact], question: str, *, hops: int, most: int) -> list[tuple[Fact, ...]]:
    """Return at most so many paths of at most `hops` facts, each from something that the question names.

    From each such thing there is one path to everything that can be reached, a shortest one; relations are walked in
    both directions. Paths whose relations share the most words with the question come first, then the shorter ones,
    then those of earlier facts. A path that is a part of one before is left out. Only the first `MOST_PATHS` paths are
    looked at, by the facts that they begin with.
    """
    neighbors: dict[str, list[tuple[Fact, str]]] = {}
    for fact in facts:
        for one, other in ((fact.subject, fact.object), (fact.object, fact.subject)):
            neighbors.setdefault(one.casefold(), []).append((fact, other.casefold()))
    words = _WORD.findall(question.casefold())
    text, known = f" {' '.join(words)} ", set(words)
    walks = (_walk(neighbors, name, hops) for name in neighbors if _is_named(name, text))
    paths = islice(chain.from_iterable(walks), MOST_PATHS)
    chosen = list[tuple[Fact, ...]]()
    for path in sorted(paths, key=lambda path: (-_count_shared(path, known), len(path))):
        if len(chosen) < most and not any(set(path) <= set(other) for other in chosen):
            chosen.append(path)
    return chosen


def _walk(neighbors: Mapping[str, Sequence[tuple[Fact, str]]], start: str, hops: int) -> list[tuple[Fact, ...]]:
    """Return a shortest path to everything that can be reached, breadth first."""
    paths: dict[str, tuple[Fact, ...]] = {start: ()}
    waiting = deque(paths)
    while waiting:
        place = waiting.popleft()
        for fact, other in neighbors[place] if len(paths[place]) < hops else ():
            if other not in paths:
                paths[other] = (*paths[place], fact)
                waiting.append(other)
    return list(paths.values())[1:]


def _is_named(name: str, text: str) -> bool:
    """Say whether the words of a name stand one after the other in a text of words with spaces around each."""
    parts = _WORD.findall(name)
    return bool(parts) and f" {' '.join(parts)} " in text


def _count_shared(path: Sequence[Fact], words: set[str]) -> int:
    return len(words & {word for fact in path for word in _WORD.findall(fact.relation.casefold())})
