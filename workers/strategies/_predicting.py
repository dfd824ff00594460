"""What a vote of many drafts will say, foreseen from a few. Pure: shares in, a probability out, no chance involved."""

from collections.abc import Sequence
from math import factorial

import numpy as np

ALPHA = 0.5
"""Votes that each answer is given beforehand: the answer that leads a few drafts by luck leads less."""


def smooth(counts: Sequence[int]) -> list[float]:
    """Return the share of each answer among the votes, each with `ALPHA` votes more; they add up to 1.

    >>> smooth([3, 0])
    [0.875, 0.125]
    """
    total = sum(counts) + ALPHA * len(counts)
    return [(count + ALPHA) / total for count in counts]


def predict_majority(shares: Sequence[float], votes: int) -> float:
    """Return the probability that the first answer wins a vote, by most votes, ties by lot.

    `shares` are the probabilities of each answer in one draft, the first answer's first; they add up to 1. Exact:
    sums over the first answer's votes k and the number of answers that tie with it, the others having at most k.
    Source: for the question, Liu et al. 2025, arXiv:2505.10981; the sum is our own.

    >>> [round(predict_majority([0.4, 0.6], votes), 3) for votes in (1, 5, 15)]
    [0.4, 0.317, 0.213]
    """
    first, *others = shares
    return sum(
        factorial(votes) / factorial(own) * first**own * _share_out(others, votes - own, own)
        for own in range(1, votes + 1)
    )


def _share_out(shares: Sequence[float], votes: int, most: int) -> float:
    """Return the weight of all ways to share `votes` out, at most `most` for each, with t of those counting 1/(t+1).

    A way's weight is the product of share ** n / n! over all answers.
    """
    ties = votes // most
    weights = np.zeros((ties + 1, votes + 1))  # (answers that have `most`, votes given out)
    weights[0, 0] = 1
    for share in shares:
        each = np.array([share**n / factorial(n) for n in range(most + 1)])
        added = np.array([np.convolve(row, each[:most])[: votes + 1] for row in weights])
        if ties:
            added[1:, most:] += weights[:-1, : votes + 1 - most] * each[most]
        weights = added
    return float(sum(weights[tied, votes] / (tied + 1) for tied in range(ties + 1)))
