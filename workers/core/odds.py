"""Log-probabilities of tokens, reduced while they come to the few numbers that strategies decide by."""

import math
import re
from collections import deque
from collections.abc import Sequence
from statistics import fmean, quantiles

from workers.core.values import Measure, Odds, TokenOdds

IMPOSSIBLE = -1_000.0
"""Servers write minus infinity as a large negative number; an alternative below this is none."""


class Meter:
    """Takes in tokens as they come; keeps three numbers of each.

    Source of the confidences: Fu et al. 2025, arXiv:2508.15260.
    """

    def __init__(self, measure: Measure) -> None:
        """Begin with no token."""
        self.lowest_window: float | None = None
        """Lowest mean confidence of a full window until now; None before the first is full."""
        self._measure = measure
        self._logprobs: list[float] = []
        self._sums = [0.0]
        self._entropies: list[tuple[float, float]] = []
        self._kept: list[TokenOdds] = []
        self._last = deque[TokenOdds](maxlen=measure.keep_last)

    def take(self, tokens: Sequence[TokenOdds]) -> None:
        """Take in the next tokens."""
        for token in tokens:
            if len(self._kept) < self._measure.keep:
                self._kept.append(token)
            self._last.append(token)
            alternatives = sorted((logprob for _, logprob in token.top if logprob > IMPOSSIBLE), reverse=True)
            alternatives = alternatives[: self._measure.top] or [token.logprob]
            self._logprobs.append(token.logprob)
            self._entropies.append(_find_entropies(alternatives, self._measure.temperature))
            self._sums.append(self._sums[-1] - fmean(alternatives))
            if (confidence := self._find_window(len(self._logprobs))) is not None:
                lowest = self.lowest_window
                self.lowest_window = confidence if lowest is None else min(confidence, lowest)

    def sum_up(self) -> Odds:
        """Return the numbers for everything taken in."""
        size = len(self._logprobs)
        if not size:
            return Odds()
        full = [window for end in range(1, size + 1) if (window := self._find_window(end)) is not None]
        windows = sorted(full) or [self._sums[-1] / size]
        tail = min(size, self._measure.tail)
        return Odds(
            tokens=size,
            sum_logprob=math.fsum(self._logprobs),
            lowest_logprob=min(self._logprobs),
            decile_logprob=quantiles(self._logprobs, n=10, method="inclusive")[0] if size > 1 else self._logprobs[0],
            mean_entropy=fmean(entropy for entropy, _ in self._entropies),
            entropy_floor=fmean(floor for _, floor in self._entropies),
            confidence=self._sums[-1] / size,
            tail_confidence=(self._sums[-1] - self._sums[size - tail]) / tail,
            lowest_window=windows[0],
            bottom_windows=fmean(windows[: max(1, len(windows) // 10)]),
            kept=tuple(self._kept),
            last=tuple(self._last),
        )

    def _find_window(self, end: int) -> float | None:
        """Return the mean confidence of the window that ends with token `end`, counted from 1, if it is full."""
        start = end - self._measure.window
        return (self._sums[end] - self._sums[start]) / self._measure.window if start >= 0 else None


def _find_entropies(logprobs: Sequence[float], temperature: float) -> tuple[float, float]:
    """Return the entropy of the alternatives at a temperature, and the lower bound at temperature 1; in nats.

    >>> [round(bound, 4) for bound in _find_entropies([math.log(p) for p in (0.6, 0.2, 0.1)], 1.0)]
    [0.8487, 1.0889]
    """
    weights = [math.exp((logprob - logprobs[0]) / temperature) for logprob in logprobs]
    whole = math.fsum(weights)
    entropy = -math.fsum(weight / whole * math.log(weight / whole) for weight in weights if weight > 0)
    masses = [math.exp(logprob) for logprob in logprobs]
    masses.append(max(0.0, 1 - math.fsum(masses)))
    return max(0.0, entropy), max(0.0, -math.fsum(mass * math.log(mass) for mass in masses if mass > 0))


def invent_odds(text: str, logprob: float = -0.1) -> tuple[TokenOdds, ...]:
    """Return odds for a model that has none: of each word, and of one alternative with the rest of the mass."""
    rest = math.log(-math.expm1(min(logprob, -1e-9)))
    return tuple(
        TokenOdds(word, logprob, tuple(sorted(((word, logprob), ("\ufffd", rest)), key=lambda pair: -pair[1])))
        for word in re.findall(r"\s*\S+", text)
    )
