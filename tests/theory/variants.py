"""How often strategies are right whose options change what they do; exact, see `expected.py`."""

from collections.abc import Callable, Sequence
from itertools import product
from math import exp, log, prod

import numpy as np

from tests.theory.expected import Counts, Shares, best_scored, binomial, first_of_best, member, multinomial, vote


def patient(p: float, rounds: int, patience: int, keep: float, mend: float) -> float:
    """Rewriting one solution until its answer has stayed so often: a rewrite changes it from right to wrong or back."""
    going, right = {(True, 0): p, (False, 0): 1 - p}, 0.0
    for _ in range(rounds - 1):
        later: dict[tuple[bool, int], float] = {}
        for (is_right, same), weight in going.items():
            stays = keep if is_right else 1 - mend
            for state, chance in (((is_right, same + 1), stays), ((not is_right, 0), 1 - stays)):
                if state[1] == patience:
                    right += weight * chance * is_right
                else:
                    later[state] = later.get(state, 0) + weight * chance
        going = later
    return right + sum(weight for (is_right, _), weight in going.items() if is_right)


def merged_unless(
    shares: Shares, n: int, enough: float, merges: int, keep: float, mend: float, leaning: float
) -> float:
    """The vote of drafts where enough agree, otherwise that of solutions which each merge all of them."""
    return sum(
        weight * (
            first_of_best(counts) if max(counts) >= enough * n - 1e-9
            else vote(member(shares, counts, n, keep, mend, leaning), merges)
        )
        for counts, weight in multinomial(shares, n)
    )  # fmt: skip


def from_two_islands(shares: Shares, size: int, read: int, keep: float, mend: float, leaning: float) -> float:
    """Four populations, each member a rewrite of some: of its own island first, of all in the last two."""

    def rewrite(spread: dict[Counts, float], members: int) -> dict[Counts, float]:
        later: dict[Counts, float] = {}
        for counts, weight in spread.items():
            for after, chance in multinomial(member(shares, counts, read, keep, mend, leaning), members):
                later[after] = later.get(after, 0) + weight * chance
        return later

    island = rewrite(dict(multinomial(shares, size)), size)
    both: dict[Counts, float] = {}
    for (one, weight), (other, chance) in product(island.items(), repeat=2):
        counts = tuple(a + b for a, b in zip(one, other, strict=True))
        both[counts] = both.get(counts, 0) + weight * chance
    last = rewrite(rewrite(both, 2 * size), 2 * size)
    return sum(weight * first_of_best(counts) for counts, weight in last.items())


def reviewed(shares: Shares, n: int, evaluations: int, kept: int, *, accept: float, fooled: float) -> float:
    """Judges score one draft for each answer; reviewers accept what is right of every draft, and the best count."""
    total = 0.0
    for counts, weight in multinomial(shares, n):
        there = [answer for answer, count in enumerate(counts) if count]
        if len(there) == 1:
            total += weight * (there[0] == 0)
            continue
        heard: list[tuple[tuple[bool, ...], bool, float]] = []
        for marks in product((True, False), repeat=len(there)):
            rates = [fooled if answer else accept for answer in there]
            chance = prod(rate if mark else 1 - rate for rate, mark in zip(rates, marks, strict=True))
            praise = accept if list(marks) == [answer == 0 for answer in there] else fooled
            heard += [(marks, True, chance * praise), (marks, False, chance * (1 - praise))]
        for said in product(heard, repeat=evaluations):
            best = sorted(said, key=lambda each: not each[1])[:kept]
            sums = dict(
                zip(there, (sum(marks) for marks in zip(*(marks for marks, *_ in best), strict=True)), strict=True)
            )
            values = [(sums[answer], counts[answer]) if answer in sums else None for answer in range(len(counts))]
            total += weight * prod(chance for *_, chance in said) * first_of_best(values)
    return total


def _mean_logit(values: Sequence[float]) -> float:
    kept = [min(max(value, 0.0001), 0.9999) for value in values]
    return 1 / (1 + exp(-sum(log(value / (1 - value)) for value in kept) / len(kept)))


STEPS: dict[str, Callable[[Sequence[float]], float]] = {
    "last": lambda values: values[-1],
    "min": min,
    "product": prod,
    "mean": lambda values: sum(values) / len(values),
    "mean_logit": _mean_logit,
}


def whole_and_steps(
    p: float, n: int, steps: int, reduce: str, *, accept: float, fooled: float, outcome: float = 0.5, sure: float = 1
) -> float:
    """A verdict on the whole, and what the verdicts of steps become, one of which, any, is faulty if wrong.

    A verdict is worth `sure` or what is missing from 1.
    """
    spreads = (dict[object, float](), dict[object, float]())
    for spread, whole, faults in ((spreads[0], accept, (None,)), (spreads[1], fooled, range(steps))):
        for fault, verdict, marks in product(faults, (True, False), product((True, False), repeat=steps)):
            rates = [whole, *(fooled if step == fault else accept for step in range(steps))]
            said = (verdict, *marks)
            chance = prod(rate if mark else 1 - rate for rate, mark in zip(rates, said, strict=True)) / len(faults)
            value, *values = (sure if mark else 1 - sure for mark in said)
            score = round(outcome * value + (1 - outcome) * STEPS[reduce](values), 9)
            spread[score] = spread.get(score, 0) + chance
    return best_scored(p, *spreads, n)


def picked(step: float, proposals: int, steps: int, prefer: float, judges: int) -> float:
    """At every step the action is carried out that most judges pick, of tied ones any."""
    sound = 0.0
    for right, chance in enumerate(binomial(proposals, step)):
        wrong = proposals - right
        rate = float(right > 0) if not right or not wrong else prefer
        picks = [rate / right] * right + [(1 - rate) / wrong] * wrong if right and wrong else []
        sound += chance * (_elect(picks, right, judges) if picks else rate)
    return sound**steps


def _elect(picks: list[float], right: int, judges: int) -> float:
    """Return how often one of the first `right` gets most votes."""
    total = 0.0
    for votes, weight in multinomial(tuple(picks), judges):
        best = [place for place, count in enumerate(votes) if count == max(votes)]
        total += weight * sum(place < right for place in best) / len(best)
    return total


def turns_at(entropies: dict[float, float], *, is_smoothed: bool) -> float:
    """Return the first inner temperature at which the logarithm of the entropy bends upwards."""
    logs = np.log(list(entropies.values()))
    if is_smoothed:
        logs[1:-1] = np.convolve(logs, [1 / 3] * 3, "valid")
    bends = np.gradient(np.gradient(logs))
    inner = range(1, len(logs) - 1)
    return list(entropies)[next((place for place in inner if bends[place] > 1e-9), len(logs) - 2)]


def left_whole(small: Shares, large: Shares, is_small: bool) -> float:
    """A token is drawn by one of two models."""
    return small[0] if is_small else large[0]


def left_single(small: Shares, large: Shares, good: list[bool]) -> float:
    """A token of the small model stands if it is good; otherwise it is the large one's."""
    rest = 1 - sum(share for share, stands in zip(small, good, strict=True) if stands)
    return small[0] * good[0] + rest * large[0]
