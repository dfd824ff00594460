"""Whether a token that a small model drafted may stand, or the large one's takes its place. Pure: odds in, odds out.

Each rule makes a target of what the two models find likely, and drafted tokens are accepted and replaced so that what
comes out follows that target: speculative sampling. `alpha` is the lenience: the larger, the more is left to the small
model. Sureness is compared before temperature, the text is drawn after it.
Source: Narasimhan et al. 2024, arXiv:2405.19261, and the authors' code.
"""

from collections.abc import Callable, Mapping
from math import exp, fsum
from typing import Literal, NamedTuple

from workers.core.values import TokenOdds

Spread = Mapping[str, float]
"""Token to probability."""
Rule = Literal["v3", "v2", "v1", "chow", "diff", "opt", "lossy"]
NOISE = 1e-12
"""Two probabilities that are equal but for rounding."""


class Odds(NamedTuple):
    """What one model finds likely at one place."""

    raw: Spread
    """Before temperature; sums up to 1 or less, since servers tell the likeliest tokens only."""
    drawn: Spread
    """After temperature; sums up to 1."""

    @property
    def peak(self) -> float:
        """Return the probability of the likeliest token, before temperature."""
        return max(self.raw.values())


class Ruling(NamedTuple):
    """What becomes of the token that the small model drafts at one place."""

    accepted: Spread
    """Token to the probability that it stands."""
    instead: Spread
    """What is drawn when it does not; empty when there is nothing better, and then it stands."""


def read_odds(token: TokenOdds, temperature: float) -> Odds:
    """Return a server's odds as probabilities: the token itself is among them, however unlikely."""
    raw: dict[str, float] = {}
    for text, logprob in token.top:
        raw[text] = raw.get(text, 0) + exp(logprob)  # two tokens may look the same
    raw.setdefault(token.token, exp(token.logprob))
    return Odds(raw, temper(raw, temperature))


def read_draft(token: TokenOdds, temperature: float) -> Odds:
    """Return the odds where a token was drafted: at temperature 0 all is on that token, tied with others or not."""
    odds = read_odds(token, temperature)
    return odds if temperature else odds._replace(drawn={other: float(other == token.token) for other in odds.raw})


def temper(raw: Spread, temperature: float) -> dict[str, float]:
    """Return the probabilities at a temperature; at 0, all is on the likeliest token, of tied ones the first.

    >>> temper({"a": 0.2, "b": 0.4}, 0), temper({"a": 0.2, "b": 0.4}, 0.5)
    ({'a': 0.0, 'b': 1.0}, {'a': 0.2, 'b': 0.8})
    """
    peak = max(raw.values())
    if temperature == 0:
        first = next(token for token, share in raw.items() if share == peak)
        return {token: float(token == first) for token in raw}
    return _norm({token: (share / peak) ** (1 / temperature) for token, share in raw.items()})


def rule_on(rule: Rule, alpha: float, small: Odds, large: Odds) -> Ruling:
    """Return what becomes of the small model's token, whichever it is."""
    q, p = small.drawn, large.drawn
    if rule == "lossy":
        lenient = 1 - alpha
        accepted = {v: min(1.0, p.get(v, 0) / (lenient * q[v])) if lenient * q[v] > 0 else 1.0 for v in q}
        return Ruling(accepted, _subtract(p, q))
    target = find_target(rule, alpha, small, large)
    accepted = {v: min(1.0, target.get(v, 0) / q[v]) if q[v] else float(target.get(v, 0) > 0) for v in q}
    return Ruling(accepted, _subtract(target, q))


def find_target(rule: Rule, alpha: float, small: Odds, large: Odds) -> dict[str, float]:
    """Return the probabilities that the text is to follow at this place: a mixture of the two models'."""
    q, p = small.drawn, large.drawn
    if rule in WHOLE:
        return dict(q if WHOLE[rule](alpha, small, large) else p)
    is_good = {token for token in q if SINGLE[rule](token, alpha, small, large)}
    rest = 1 - fsum(q[token] for token in is_good)
    return {v: (q[v] if v in is_good else 0.0) + rest * p.get(v, 0) for v in [*q, *(v for v in p if v not in q)]}


def find_distance(q: Spread, p: Spread) -> float:
    """Return the total variation between two distributions, from 0 to 1."""
    return fsum(max(0.0, share - p.get(token, 0)) for token, share in q.items())


WHOLE: dict[Rule, Callable[[float, Odds, Odds], bool]] = {
    "chow": lambda alpha, q, p: q.peak >= 1 - alpha - NOISE,
    "diff": lambda alpha, q, p: q.peak >= p.peak - alpha - NOISE,
    "opt": lambda alpha, q, p: q.peak >= p.peak - alpha * find_distance(q.drawn, p.drawn) - NOISE,
}
"""Rules that leave a place to the small model, or not."""
SINGLE: dict[Rule, Callable[[str, float, Odds, Odds], bool]] = {
    "v1": lambda token, alpha, q, p: q.raw[token] >= p.peak - alpha - NOISE,
    "v2": lambda token, alpha, q, p: p.raw.get(token, 0) >= p.peak - alpha - NOISE,
    "v3": lambda token, alpha, q, p: p.raw.get(token, 0) >= (1 - alpha) * p.peak - NOISE,
}
"""Rules that leave single tokens to the small model."""


def _subtract(one: Spread, other: Spread) -> dict[str, float]:
    return _norm({token: max(0.0, share - other.get(token, 0)) for token, share in one.items()})


def _norm(spread: Spread) -> dict[str, float]:
    whole = fsum(spread.values())
    return {token: share / whole for token, share in spread.items()} if whole > NOISE else {}
