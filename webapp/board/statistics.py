"""The statistics of a leaderboard: pure functions over numbers, chance injected.

A problem is the unit of everything: lanes that repeat a problem are averaged first, because they are not independent.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import lcm, sqrt
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

Item = TypeVar("Item")
Steps = npt.NDArray[np.int64]

Z_95 = 1.959963984540054
Z_POWER_80 = 0.8416212335729143
SEPARABLE = 0.05
"""Two recipes differ when the adjusted p-value is below this."""


class Interval(NamedTuple):
    """A range of rates, or of differences of rates."""

    low: float
    high: float


class Tally(NamedTuple):
    """What one recipe did on one problem."""

    right: int
    lanes: int
    """Lanes with a ruling; at least 1."""

    @property
    def rate(self) -> float:
        """Return the share of right lanes."""
        return self.right / self.lanes


def wilson_interval(right: float, total: float, z: float = Z_95) -> Interval:
    """Bound a success rate from `right` successes in `total` trials.

    Both may be fractions (effective sizes). The bounds lie in [0, 1] and are clamped there against rounding.
    Raises ValueError if total is 0: an empty suite has no rate.
    Source: Wilson 1927; see Brown, Cai & DasGupta 2001 for why not the normal interval.

    >>> low, high = wilson_interval(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    if total <= 0:
        raise ValueError(f"A rate needs at least one trial, got {total}.")
    rate = right / total
    middle = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    # with none right the lower bound is exactly 0, and with all right the upper one is 1; rounding misses that
    return Interval(
        0.0 if right <= 0 else max(0.0, min(rate, middle - half)),
        1.0 if right >= total else min(1.0, max(rate, middle + half)),
    )


def accuracy(tallies: Sequence[Tally]) -> float:
    """Return the mean over problems of each problem's share of right lanes.

    >>> accuracy([Tally(1, 1), Tally(1, 4)])
    0.625
    """
    return sum(tally.rate for tally in tallies) / len(tallies)


def effective_size(tallies: Sequence[Tally]) -> float:
    """Return how many independent problems the lanes are worth: between the problems and the lanes.

    Problems are clusters: the variance of the accuracy is the variance between the problems' rates over their
    number, and the effective size is p(1 - p) over it. One lane each gives exactly the number of problems; repeats
    that always agree add nothing.
    Source: Kish 1965 (design effect); Korn & Graubard 1998.

    >>> effective_size([Tally(1, 1), Tally(0, 1), Tally(1, 1)])
    3.0
    >>> effective_size([Tally(4, 4), Tally(0, 4)])
    2.0
    >>> effective_size([Tally(2, 4), Tally(2, 4)])
    8.0
    """
    problems, lanes = len(tallies), sum(tally.lanes for tally in tallies)
    mean = accuracy(tallies)
    between = sum((tally.rate - mean) ** 2 for tally in tallies) / problems
    if lanes == problems or mean in {0.0, 1.0}:
        return float(problems)
    if between == 0:
        return float(lanes)
    return min(float(lanes), max(float(problems), problems * mean * (1 - mean) / between))


def accuracy_interval(tallies: Sequence[Tally]) -> Interval:
    """Bound the accuracy by Wilson's interval at the effective size.

    Source: Franco, Little, Louis & Slud 2019, on proportions from clustered samples.

    >>> accuracy_interval([Tally(1, 1)] * 8 + [Tally(0, 1)] * 2) == wilson_interval(8, 10)
    True
    """
    size = effective_size(tallies)
    return wilson_interval(accuracy(tallies) * size, size)


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value that two recipes are equally often alone in being right.

    Source: McNemar 1947, in its exact (binomial) form.

    >>> exact_mcnemar(0, 0)
    1.0
    >>> round(exact_mcnemar(1, 9), 4)
    0.0215
    """
    discordant = only_first + only_second
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5)))


def sign_flip_test(differences: Sequence[int] | Steps) -> float:
    """Return the two-sided exact p-value that paired differences are as often negative as positive.

    With differences of -1, 0 and 1 (or any one size) this is exact McNemar; with repeats it is its generalisation.
    Source: Fisher 1935.

    >>> round(sign_flip_test([3, 2, 1]), 12)
    0.25
    >>> sign_flip_test([1] * 9 + [-1]) == exact_mcnemar(9, 1)
    True
    """
    steps = np.asarray(differences, dtype=np.int64)
    sizes, counts = np.unique(np.abs(steps[steps != 0]), return_counts=True)
    if len(sizes) <= 1:
        return exact_mcnemar(int((steps > 0).sum()), int((steps < 0).sum()))
    unit = int(np.gcd.reduce(sizes))
    return _flip(tuple((sizes // unit).tolist()), tuple(counts.tolist()), abs(int(steps.sum())) // unit)


@lru_cache(maxsize=10_000)
def _flip(sizes: tuple[int, ...], counts: tuple[int, ...], observed: int) -> float:
    """Return the chance of a sum at least as far from 0 as `observed`, over all signs of `counts` of each size.

    Coefficient k of the product of ((1 + x^size) / 2)^count is the chance that the negative ones add up to k; the
    discrete Fourier transform multiplies it out at once. Errors are absolute, about 1e-15.
    """
    width = sum(size * count for size, count in zip(sizes, counts, strict=True))
    turns = np.exp(-2j * np.pi * np.arange(width // 2 + 1 + width % 2) / (width + 1))
    product = np.ones_like(turns)
    for size, count in zip(sizes, counts, strict=True):
        product *= ((1 + turns**size) / 2) ** count
    chances = np.fft.irfft(product, width + 1)
    tail = chances[: (width - observed) // 2 + 1].sum()
    return float(min(1.0, max(0.0, 2 * tail))) if observed else 1.0


_FINEST = 5040
"""Rates with a larger common denominator are rounded to this one: tests stay cheap, the error is below 0.0002."""


def in_steps(recipes: Sequence[Sequence[Tally]]) -> Steps:
    """Return every recipe's rates as whole numbers of a common step: (recipes, problems).

    >>> in_steps([[Tally(1, 2), Tally(2, 3)], [Tally(1, 4), Tally(2, 3)]]).tolist()
    [[6, 8], [3, 8]]
    """
    steps = 1
    for lanes in {tally.lanes for tallies in recipes for tally in tallies}:
        steps = min(_FINEST, lcm(steps, lanes))
    return np.array([[round(tally.rate * steps) for tally in tallies] for tallies in recipes], dtype=np.int64)


def adjust_by_holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number, in the order given.

    Source: Holm 1979.

    >>> [round(p, 3) for p in adjust_by_holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def paired_bootstrap(
    first: Sequence[Tally], second: Sequence[Tally], *, random: np.random.Generator, times: int = 2_000
) -> Interval:
    """Bound the difference of two accuracies on the same problems: 95 %, percentile method.

    Resampling problems is resampling their differences, and equal differences are one value with a count: so a
    multinomial draw gives the same distribution at a fraction of the cost.
    Source: Efron & Tibshirani 1993, chapter 13.
    """
    gains = [one.rate - other.rate for one, other in zip(first, second, strict=True)]
    values, counts = np.unique(gains, return_counts=True)
    draws = random.multinomial(len(gains), counts / len(gains), size=times) @ values / len(gains)
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(low), float(high))


def tied_groups(ordered: Sequence[Item], p_value: Callable[[Item, Item], float]) -> list[list[Item]]:
    """Split items, best first, into groups that tests do not separate from the group's first item.

    >>> tied_groups([9, 8, 5, 4], lambda one, other: 1.0 if one - other < 3 else 0.01)
    [[9, 8], [5, 4]]
    """
    groups, rest = [], list(ordered)
    while rest:
        head, *others = rest
        is_tied = [p_value(head, item) >= SEPARABLE for item in others]
        groups.append([head, *(item for item, tied in zip(others, is_tied, strict=True) if tied)])
        rest = [item for item, tied in zip(others, is_tied, strict=True) if not tied]
    return groups


def detectable_difference(problems: int, disagreement: float) -> float:
    """Return the difference of accuracies that a paired test at 5 % finds four times in five.

    `disagreement` is the share of problems on which two recipes differ. Source: Connor 1987, first-order form.

    >>> round(detectable_difference(240, 0.15), 2)
    0.07
    """
    return min(1.0, (Z_95 + Z_POWER_80) * sqrt(disagreement / problems))
