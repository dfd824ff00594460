"""When a vote is certain enough to stop drawing. Pure: votes in, a number out, no chance involved."""

from collections.abc import Sequence
from math import exp, expm1, inf, lgamma, log, sqrt

from scipy.integrate import quad
from scipy.special import gammainc

MOST = 1e9
"""Largest Bayes factor told: beyond it, doubt is nothing but rounding."""


def find_doubt(counts: Sequence[int], *, unseen: float, smoothing: int = 0) -> float:
    """Return the probability that the leading answer would not lead if one went on drawing for ever.

    `counts` are the votes of each answer seen, in any order; `unseen` is the weight of all answers not seen yet. The
    shares of the answers follow Dirichlet(counts + smoothing, unseen + smoothing), which are independent gamma
    variables but for their sum; so this is one integral over the leader's.
    Source: Komiyama et al. 2025, arXiv:2509.21091, who draw it by Monte Carlo; their code has a smoothing of 1.

    >>> round(1 - find_doubt([3, 1], unseen=0.3), 3)
    0.858
    """
    leader, *others = [count + smoothing for count in sorted(counts, reverse=True)]
    rivals = [*others, unseen + smoothing]

    def density(x: float) -> float:
        """Return how likely the leader's variable is x and some rival's is larger; larger than all is 1 - product."""
        shares = [float(gammainc(rival, x)) for rival in rivals]
        all_below = sum(log(share) if share else -inf for share in shares)
        return exp((leader - 1) * log(x) - x - lgamma(leader)) * -expm1(all_below)

    width = sqrt(leader)
    doubt, _ = quad(density, 0, leader + 12 * width + 40, points=[leader, leader + 3 * width], epsabs=1e-14, limit=200)
    return min(1.0, max(0.0, float(doubt)))


def find_bayes_factor(counts: Sequence[int], *, unseen: float, smoothing: int = 0) -> float:
    """Return the odds that the leader would lead for ever, against those before any draw; at most `MOST`.

    Before, each of the s answers seen is as likely to lead: odds of about 1 to s. With smoothing, the answers not seen
    count as one more.
    Source: Komiyama et al. 2025, arXiv:2509.21091.

    >>> [round(find_bayes_factor([n], unseen=0.3), 2) for n in (1, 2, 3)]
    [4.33, 14.17, 37.0]
    """
    doubt = find_doubt(counts, unseen=unseen, smoothing=smoothing)
    answers = len(counts) + smoothing
    return MOST if doubt * MOST < answers else min(MOST, answers * (1 - doubt) / doubt)
