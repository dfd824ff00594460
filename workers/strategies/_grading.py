"""What log-probabilities tell: of a text, and of a verdict. A judge that wavers says 0.6 where it would write 1."""

from itertools import accumulate
from math import exp

from workers.core.values import Measure, Reply, TokenOdds

VERDICT_END = Measure(top=5, keep_last=12)
"""Keeps the end of a judge's text, few alternatives of few tokens, for all of it is stored; a verdict that stands
before that is taken as it is written."""
OWN_WORDS = Measure(top=1)
"""The log-probabilities of a text's own tokens; llama.cpp gives nothing at all for no alternatives."""
_CUE = "verdict"


def read_digit(token: TokenOdds) -> float | None:
    """Return the probability of a 1 against a 0 in the token's place; None if neither is among the likeliest.

    One that is not there is as likely as the least of those that are.

    >>> token = TokenOdds(" 1", -0.4, ((" 1", -0.4), ("0", -1.8)))
    >>> round(read_digit(token), 2)
    0.8
    """
    likely = [(word.strip(), logprob) for word, logprob in token.top]
    one, zero = (max((logprob for word, logprob in likely if word == digit), default=None) for digit in "10")
    if one is None and zero is None:
        return None
    least = min(logprob for _, logprob in likely)
    ones, zeros = exp(least if one is None else one), exp(least if zero is None else zero)
    return ones / (ones + zeros)


def grade(judge: Reply, verdict: float) -> float:
    """Return the probability of a 1 where a judge's last verdict stands, which reads 0 or 1; else the verdict itself.

    The judge was asked with the measure `VERDICT_END`.
    """
    tokens = judge.odds.last if judge.odds else ()
    starts = accumulate((len(token.token) for token in tokens), initial=0)
    cue = "".join(token.token for token in tokens).lower().rfind(_CUE)
    digits = [
        token
        for token, start in zip(tokens, starts, strict=False)
        if 0 <= cue < start and token.token.strip() in ("0", "1")
    ]
    is_there = bool(digits) and float(digits[0].token) == verdict
    probability = read_digit(digits[0]) if is_there else None
    return verdict if probability is None else probability
