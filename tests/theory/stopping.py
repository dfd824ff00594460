"""How often and how soon strategies that stop by themselves are right: exact sums over all ways the votes can go."""

from functools import cache
from math import ceil
from typing import NamedTuple

import numpy as np
from scipy.special import gammainc, gammaln

from tests.theory.expected import Counts, Shares, first_of_best


class Stopped(NamedTuple):
    """What is expected of a strategy that stops by itself."""

    accuracy: float
    drafts: float


@cache
def best_of_infinity(shares: Shares, most: int, batch: int, certainty: float, unseen: float) -> Stopped:
    """Draw until the leading answer is certain; a batch is paid whole."""
    open_: dict[Counts, float] = {(0,) * len(shares): 1.0}
    accuracy = drafts = 0.0
    for n in range(1, most + 1):
        later: dict[Counts, float] = {}
        for counts, weight in open_.items():
            for answer, share in enumerate(shares):
                after = tuple(count + (place == answer) for place, count in enumerate(counts))
                later[after] = later.get(after, 0) + weight * share
        open_ = {}
        for counts, weight in later.items():
            if n < most and bayes_factor(tuple(sorted(filter(None, counts), reverse=True)), unseen) < certainty:
                open_[counts] = weight
            else:
                accuracy += weight * first_of_best(counts)
                drafts += weight * min(most, batch * ceil(n / batch))
    return Stopped(accuracy, drafts)


@cache
def bayes_factor(counts: Counts, unseen: float) -> float:
    """Integrate over the logarithm of the leader's gamma variable, on a grid."""
    leader, *rivals = counts
    u = np.linspace(-40, np.log(leader + 12 * leader**0.5 + 40), 8_001)
    x = np.exp(u)
    below = np.prod([gammainc(rival, x) for rival in (*rivals, unseen)], axis=0)
    density = np.exp(leader * u - x - gammaln(leader))
    doubt = float(np.trapezoid(density * (1 - below), u))
    return len(counts) * (1 - doubt) / doubt
