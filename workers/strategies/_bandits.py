"""Where a tree of scored answers should grow next: wider, by a new answer, or deeper, into one that is there.

Every option has a distribution of the score it would bring, learned from the scores so far; one value is drawn from
each, and the largest wins (Thompson's rule). Pure: scores and chances in, a choice out.
The same for models: which of several should write the next answer.
Source: Inoue et al. 2025, arXiv:2503.04412.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import log, sqrt
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

Chances = Callable[[], float]
"""Gives the next number of a uniform distribution over [0, 1)."""


class Scored(NamedTuple):
    """An answer in the tree, by its place among all answers in order of creation."""

    under: int | None
    """The place of the answer that it improves; None for an answer to the bare problem."""
    score: float | None
    """From 0 to 1; None teaches nothing."""


class Branch(NamedTuple):
    """One of the ways deeper: an answer, and all that came of it."""

    own: tuple[float, ...]
    """Its score; empty when it is unknown."""
    below: tuple[float, ...]
    """The scores of everything under it."""


class Beta(NamedTuple):
    """The distribution of the chance of a success, of which a score between 0 and 1 is a part."""

    successes: float = 0.5
    failures: float = 0.5

    def learn(self, score: float) -> "Beta":
        """Return what is believed after one more score."""
        return Beta(self.successes + score, self.failures + 1 - score)

    def draw(self, chance: float) -> float:
        """Return the value below which the distribution has this share."""
        return float(betaincinv(self.successes, self.failures, chance))


class Gaussian(NamedTuple):
    """The distribution of the mean of scores whose variance is unknown too: normal and inverse chi-square."""

    mean: float = 0.0
    weight: float = 1.0
    """Scores that the mean counts as."""
    freedom: float = 1.0
    """Scores that the variance counts as."""
    variance: float = 0.1

    def learn(self, score: float) -> "Gaussian":
        """Return what is believed after one more score."""
        weight, freedom = self.weight + 1, self.freedom + 1
        surprise = self.weight / weight * (score - self.mean) ** 2
        return Gaussian(
            (self.weight * self.mean + score) / weight, weight, freedom,
            (self.freedom * self.variance + surprise) / freedom,
        )  # fmt: skip

    def draw(self, chance: float) -> float:
        """Return the value below which the distribution of the mean, Student's, has this share."""
        return self.mean + sqrt(self.variance / self.weight) * float(stdtrit(self.freedom, chance))


Belief = Beta | Gaussian


def learn_all(prior: Belief, scores: Sequence[float]) -> Belief:
    """Return what is believed after some scores; their order does not matter.

    >>> tuple(round(number, 4) for number in learn_all(Gaussian(), [0, 0, 1]))
    (0.25, 4.0, 4.0, 0.2125)
    """
    for score in scores:
        prior = prior.learn(score)
    return prior


def find_place(nodes: Sequence[Scored], choose: Callable[[Sequence[Branch]], int | None]) -> int | None:
    """Return the answer that should be improved next, by its place; None for a new answer to the bare problem.

    `choose` is shown the branches of an answer that has some, and returns the one to go into, or None to stay. An
    answer that was improved before can be improved again.
    """
    place = None
    while children := [number for number, node in enumerate(nodes) if node.under == place]:
        chosen = choose([_see_branch(nodes, child) for child in children])
        if chosen is None:
            return place
        place = children[chosen]
    return place


def _see_branch(nodes: Sequence[Scored], root: int) -> Branch:
    inside, below = {root}, list[float]()
    for number, node in enumerate(nodes):  # whatever is under an answer was created after it
        if node.under in inside:
            inside.add(number)
            below += [] if node.score is None else [node.score]
    score = nodes[root].score
    return Branch(() if score is None else (score,), tuple(below))


def choose_by_arms(branches: Sequence[Branch], prior: Belief, draw: Callable[[Belief], float]) -> int | None:
    """Return the branch to go into, or None for a new one, as AB-MCTS-A does.

    First new against old: a new answer has brought the branches' own scores, going on what came below. If going on
    draws more, each branch draws for itself.
    """
    new = draw(learn_all(prior, [score for branch in branches for score in branch.own]))
    old = draw(learn_all(prior, [score for branch in branches for score in branch.below]))
    if new >= old:
        return None
    draws = [draw(learn_all(prior, branch.own + branch.below)) for branch in branches]
    return max(range(len(draws)), key=draws.__getitem__)


def choose_by_groups(branches: Sequence[Branch], chances: Chances) -> int | None:
    """Return the branch to go into, or None for a new one, as AB-MCTS-M does: a new answer is a group not seen yet.

    A branch whose scores are nearly all the same is not gone into again: it has nothing new to say.
    """
    groups = [branch.own + branch.below for branch in branches]
    new, *old = draw_scores([(), *groups], chances)
    ranked = sorted(range(len(old)), key=old.__getitem__, reverse=True)
    if new >= old[ranked[0]]:
        return None
    return next((place for place in ranked if not _is_flat(groups[place])), None)


def _is_flat(scores: Sequence[float]) -> bool:
    """Say whether at least 4 scores are there, and three quarters of them the same, to the hundredth."""
    return len(scores) >= 4 and max(Counter(round(100 * score) for score in scores).values()) >= 0.75 * len(scores)


_BETWEEN = np.geomspace(0.005, 1.2, 40)[:, None]
"""Deviations of groups from their common mean that are considered."""
_WITHIN = np.geomspace(0.02, 1.5, 56)[None, :]
"""Deviations of scores from their group's mean; the least keeps equal scores from being certain."""


def draw_scores(groups: Sequence[Sequence[float]], chances: Chances) -> list[float]:
    """Draw the next score of every group; one that is empty is a group not seen yet.

    The mixed model of AB-MCTS-M: a score is its group's mean and noise, a group's mean the common one and noise; the
    common mean is normal (0.5, 0.2), the two noises half normal (0.2 between groups, 0.3 within). Given the noises all
    is normal and integrated exactly; over the noises it is a sum over a grid.
    """
    seen = [group for group in groups if group]
    log_weight = -((_BETWEEN / 0.2) ** 2 + (_WITHIN / 0.3) ** 2) / 2 + np.log(_BETWEEN * _WITHIN)  # prior, log scale
    precision, pull = np.full_like(log_weight, 0.2**-2), np.full_like(log_weight, 0.5 * 0.2**-2)
    for group in seen:
        mean, spread = fmean(group), sum((score - fmean(group)) ** 2 for score in group)
        variance = _BETWEEN**2 + _WITHIN**2 / len(group)  # of the group's mean, around the common one
        log_weight -= (len(group) - 1) * np.log(_WITHIN) + spread / _WITHIN**2 / 2
        log_weight -= np.log(variance) / 2 + mean**2 / variance / 2
        precision, pull = precision + 1 / variance, pull + mean / variance
    log_weight += pull**2 / precision / 2 - np.log(precision) / 2
    summed = np.cumsum(np.exp(log_weight - log_weight.max()))
    draws = []
    for group in groups:
        row, column = divmod(int(np.searchsorted(summed, chances() * summed[-1], side="right")), _WITHIN.size)
        between, within = float(_BETWEEN[row, 0]), float(_WITHIN[0, column])
        trust = between**2 / (between**2 + within**2 / len(group)) if group else 0.0  # in the group's own mean
        common = float(pull[row, column] / precision[row, column])
        center = trust * fmean(group or [0]) + (1 - trust) * common
        variance_left = (1 - trust) ** 2 / float(precision[row, column]) + (1 - trust) * between**2 + within**2
        draws.append(center + sqrt(variance_left) * float(ndtri(chances())))
    return draws


def choose_model(
    scores: Sequence[Sequence[float]], rate: Callable[[Sequence[Sequence[float]]], Sequence[float]]
) -> int:
    """Return the model that is rated best by its scores all over the tree; one model alone is not rated."""
    rates = rate(scores) if len(scores) > 1 else [0.0]
    return max(range(len(rates)), key=rates.__getitem__)


def find_upper_bounds(scores: Sequence[Sequence[float]]) -> list[float]:
    """Return for each model the mean of its scores and how much better it may still be; infinite without any.

    Source: UCB1, Auer et al. 2002.
    """
    total = sum(map(len, scores))
    return [fmean(each) + sqrt(2 * log(total) / len(each)) if each else float("inf") for each in scores]
