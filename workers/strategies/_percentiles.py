"""Percentiles as the papers' code takes them."""

from collections.abc import Sequence
from math import floor


def find_percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of the values lie below, between two of them on a straight line.

    `values` are not empty, in any order; `percent` goes from 0, the least, to 100, the greatest. NumPy's default.

    >>> [find_percentile(range(5, 21), percent) for percent in (10, 90)]
    [6.5, 18.5]
    """
    ranked = sorted(values)
    place = (len(ranked) - 1) * percent / 100
    below = floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (place - below)
