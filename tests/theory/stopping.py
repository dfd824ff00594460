"""How often and how soon strategies that stop by themselves are right: exact sums over all ways the votes can go."""

from functools import cache
from math import ceil
from typing import NamedTuple

import numpy as np
from scipy.special import gammainc, gammaln

from tests.theory.expected import Counts, Shares, first_of_best, multinomial


class Stopped(NamedTuple):
    """What is expected of a strategy that stops by itself."""

    accuracy: float
    drafts: float


@cache
def best_of_infinity(
    shares: Shares, most: int, batch: int, certainty: float, unseen: float, smoothing: int = 0
) -> Stopped:
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
            seen = tuple(sorted(filter(None, counts), reverse=True))
            if n < most and bayes_factor(seen, unseen, smoothing) < certainty:
                open_[counts] = weight
            else:
                accuracy += weight * first_of_best(counts)
                drafts += weight * min(most, batch * ceil(n / batch))
    return Stopped(accuracy, drafts)


@cache
def bayes_factor(counts: Counts, unseen: float, smoothing: int = 0) -> float:
    """Integrate over the logarithm of the leader's gamma variable, on a grid."""
    leader, *rivals = (count + smoothing for count in counts)
    u = np.linspace(-40, np.log(leader + 12 * leader**0.5 + 40), 2_001)
    x = np.exp(u)
    below = np.prod([gammainc(rival, x) for rival in (*rivals, unseen + smoothing)], axis=0)
    density = np.exp(leader * u - x - gammaln(leader))
    doubt = float(np.trapezoid(density * (1 - below), u))
    return (len(counts) + smoothing) * (1 - doubt) / doubt


def confident(
    shares: Shares, drafts: int, warm_up: int, kept: int, consensus: float, *, accept: float, fooled: float,
    values: tuple[float, float], stretches: int,
) -> Stopped:  # fmt: skip
    """Drafts are sure or unsure; those below a percentile of the first ones do not vote, and enough weight ends it.

    The others are written side by side: those that do not vote are ended after one of their stretches.
    """
    kinds = len(shares)
    chances = tuple(
        share * (rate if is_sure else 1 - rate)
        for is_sure in (True, False)
        for share, rate in zip(shares, (accept, *[fooled] * (kinds - 1)), strict=True)
    )
    accuracy = written = 0.0
    for counts, weight in multinomial(chances, warm_up):
        sure = sum(counts[:kinds])
        levels = [values[0]] * sure + [values[1]] * (warm_up - sure)
        line = np.percentile(levels, 100 - kept) - 1e-9
        is_kept = tuple(value >= line for value in values for _ in range(kinds))
        voters = tuple(count if each else 0 for count, each in zip(counts, is_kept, strict=True))
        accuracy += weight * _go_on(voters, chances, is_kept, drafts - warm_up, consensus, values)
        length = sum(chance if each else chance / stretches for chance, each in zip(chances, is_kept, strict=True))
        is_clear = _is_clear(_weigh(voters, values), consensus)
        written += weight * (warm_up + (0 if is_clear else (drafts - warm_up) * length))
    return Stopped(accuracy, written)


def _weigh(voters: Counts, values: tuple[float, float]) -> list[float]:
    """Return the weight of each answer; `voters` are the sure ones by answer, then the unsure."""
    kinds = len(voters) // 2
    return [values[0] * voters[place] + values[1] * voters[place + kinds] for place in range(kinds)]


def _is_clear(weights: list[float], consensus: float) -> bool:
    return any(weights) and max(weights) >= (consensus - 1e-9) * sum(weights)


@cache
def _go_on(
    voters: Counts, chances: Shares, is_kept: tuple[bool, ...], left: int, consensus: float, values: tuple[float, float]
) -> float:
    """Return how often the right answer wins from here on."""
    kinds, weights = len(voters) // 2, _weigh(voters, values)
    if not left or _is_clear(weights, consensus):
        sizes = [voters[place] + voters[place + kinds] for place in range(kinds)]
        return first_of_best([(round(weight, 9), size) for weight, size in zip(weights, sizes, strict=True)])
    total = 0.0
    for place, chance in enumerate(chances):
        after = tuple(count + (other == place and is_kept[place]) for other, count in enumerate(voters))
        total += chance * _go_on(after, chances, is_kept, left - 1, consensus, values)
    return total
