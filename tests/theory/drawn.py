"""How often strategies are right whose own choices are drawn in too many ways to sum: independent Monte Carlo."""

import random
from collections.abc import Sequence
from functools import cache
from statistics import fmean

import numpy as np

Tree = list[tuple[int | None, bool, float]]
"""Of each answer: the one that it improves, whether it is right, and its score."""


@cache
def bandit_tree(
    p: float, nodes: int, *, keep: float, mend: float, accept: float, fooled: float, scores: tuple[float, float],
    trials: int = 10_000,
) -> float:  # fmt: skip
    """Grow trees one answer at a time; the answer with the highest score is right so often."""
    chance = np.random.default_rng(7)
    right = 0
    for _ in range(trials):
        tree: Tree = []
        for _ in range(nodes):
            under = _find_place(tree, chance)
            rate = p if under is None else keep if tree[under][1] else mend
            is_right = bool(chance.random() < rate)
            is_accepted = chance.random() < (accept if is_right else fooled)
            tree.append((under, is_right, scores[0] if is_accepted else scores[1]))
        right += max(tree, key=lambda answer: answer[2])[1]
    return right / trials


def _find_place(tree: Tree, chance: np.random.Generator) -> int | None:
    place: int | None = None
    while children := [number for number, answer in enumerate(tree) if answer[0] == place]:
        own = [tree[child][2] for child in children]
        below = [_scores_under(tree, child) for child in children]
        if _draw(own, chance) >= _draw([score for scores in below for score in scores], chance):
            return place
        draws = [_draw([score, *deeper], chance) for score, deeper in zip(own, below, strict=True)]
        place = children[int(np.argmax(draws))]
    return place


def _scores_under(tree: Tree, root: int) -> list[float]:
    children = [number for number, answer in enumerate(tree) if answer[0] == root]
    return [score for child in children for score in (tree[child][2], *_scores_under(tree, child))]


def _draw(scores: list[float], chance: np.random.Generator) -> float:
    """Draw a mean of scores: normal and inverse chi-square, with a prior worth one score of 0 and a variance of 0.1."""
    n = len(scores)
    mean = sum(scores) / (n + 1)
    squares = 0.1 + sum(score**2 for score in scores) - (n + 1) * mean**2
    return float(mean + np.sqrt(squares / (n + 1) / (n + 1)) * chance.standard_t(n + 1))


@cache
def pruned(
    shares: tuple[float, ...], traces: int, *, compared: int, finished: int, alike: float, trials: int = 10_000
) -> float:
    """Cluster beginnings by a judge that errs, and let some of the largest cluster vote."""
    chance = random.Random(7)
    right = 0
    for _ in range(trials):
        answers = chance.choices(range(len(shares)), weights=shares, k=traces)
        clusters: list[list[int]] = []
        for trace in range(traces):
            likeness = [_liken(answers, trace, _some(cluster, compared, chance), alike, chance) for cluster in clusters]
            if likeness and max(likeness) > 0.5 + 1e-9:
                clusters[likeness.index(max(likeness))].append(trace)
            else:
                clusters.append([trace])
        largest = max(clusters, key=len)
        chosen = [answers[trace] for trace in _some(largest, finished, chance)]
        right += max(dict.fromkeys(chosen), key=chosen.count) == 0
    return right / trials


def _some(traces: Sequence[int], size: int, chance: random.Random) -> list[int]:
    return sorted(chance.sample(traces, min(size, len(traces))))


def _liken(answers: Sequence[int], trace: int, members: Sequence[int], alike: float, chance: random.Random) -> float:
    """Return the mean of what judges say: 0.9 or 0.1 that both end in the same answer."""
    said = [(answers[member] == answers[trace]) == (chance.random() < alike) for member in members]
    return round(fmean(0.9 if same else 0.1 for same in said), 9)
