"""How often strategies that grow, breed and route solutions are right; exact, see `expected.py`."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import exp, prod

from tests.theory.expected import Shares, binomial, first_of_best, multinomial, vote

State = tuple[bool, ...]
"""Which of the kept states still lead to the right answer, best first."""


def tree(
    step: float, thoughts: int, kept: int, depth: int, *, accept: float, fooled: float, keep: float, mend: float
) -> float:
    """A breadth-first search by values; a state with a faulty step is lost, and only mending saves its answer."""
    spread: dict[State, float] = {(True,): 1.0}
    for _ in range(depth):
        later: dict[State, float] = {}
        for states, weight in spread.items():
            for after, chance in _grow(states, step, thoughts, kept, accept, fooled):
                later[after] = later.get(after, 0) + weight * chance
        spread = later
    return sum(weight * (keep if states[0] else mend) for states, weight in spread.items())


def _grow(
    states: State, step: float, thoughts: int, kept: int, accept: float, fooled: float
) -> Iterator[tuple[State, float]]:
    """Yield the states kept of all children: those that a judge accepts first, of these the earlier."""
    for marks in product(product((True, False), repeat=2), repeat=thoughts * len(states)):
        chance, children = 1.0, []
        for place, (is_sound, is_accepted) in enumerate(marks):
            sound = step if states[place // thoughts] else 0.0  # what was lost before is not found again
            rate = accept if is_sound else fooled
            chance *= (sound if is_sound else 1 - sound) * (rate if is_accepted else 1 - rate)
            children.append((not is_accepted, place, is_sound))
        if chance:
            yield tuple(is_sound for _, _, is_sound in sorted(children)[:kept]), chance


def bred(
    p: float, *, keep: float, mend: float, accept: float, fooled: float, spread: float, scores: tuple[float, float]
) -> float:
    """One island, one conversation of two turns, twice; the second begins with one of the first two solutions."""
    high, low = scores
    total = 0.0
    for right in product((True, False), repeat=4):
        for yes in product((True, False), repeat=4):
            judged = prod(
                rate if mark else 1 - rate for true, mark in zip(right, yes, strict=True)
                for rate in (accept if true else fooled,)
            )  # fmt: skip
            weights = [exp((high if mark else low) / spread) for mark in yes[:2]]
            third = sum(
                weight / sum(weights) * _becomes(parent, right[2], keep, mend)
                for parent, weight in zip(right[:2], weights, strict=True)
            )
            first = p if right[0] else 1 - p
            chance = first * _becomes(right[0], right[1], keep, mend) * third * _becomes(right[2], right[3], keep, mend)
            best = yes.index(True) if any(yes) else 0
            total += chance * judged * right[best]
    return total


def _becomes(before: bool, after: bool, keep: float, mend: float) -> float:
    true = keep if before else mend
    return true if after else 1 - true


def cascaded(shares: Shares, large: float, samples: int, least: int) -> float:
    """The answer of `least` of the small model's drafts counts, otherwise the large model is right with `large`."""
    return sum(
        weight * (first_of_best(counts) if max(counts) >= least else large)
        for counts, weight in multinomial(shares, samples)
    )


def asked_itself(p: float, large: float, samples: int, least: int, *, accept: float, fooled: float) -> float:
    """A draft counts when so many of the answers to "is it right?" are yes."""
    sure, fool = (sum(binomial(samples, rate)[least:]) for rate in (accept, fooled))
    return p * sure + (p * (1 - sure) + (1 - p) * (1 - fool)) * large


def mixed(styles: Sequence[Shares], pilot: int, votes: int) -> float:
    """The style that would win a larger vote for the answer of most pilot drafts writes the rest, and votes."""
    total, answers = 0.0, range(len(styles[0]))
    for drafts in product(answers, repeat=pilot * len(styles)):
        written = [drafts[start : start + pilot] for start in range(0, len(drafts), pilot)]
        weight = prod(shares[answer] for shares, part in zip(styles, written, strict=True) for answer in part)
        leader = max(dict.fromkeys(drafts), key=drafts.count)  # of tied ones the earliest
        seen = sorted(set(drafts), key=lambda answer: answer != leader)
        chances = []
        for part in written:
            smooth = tuple((part.count(answer) + 0.5) / (pilot + 0.5 * len(seen)) for answer in seen)
            chances.append(round(vote(smooth, votes), 9))
        best = chances.index(max(chances))
        total += weight * _finish(written[best], styles[best], votes - pilot)
    return total


def _finish(begun: Sequence[int], shares: Shares, more: int) -> float:
    """A vote whose first drafts are known: of tied answers the earliest of these wins."""
    total = 0.0
    for counts, weight in multinomial(shares, more):
        sums = [count + begun.count(answer) for answer, count in enumerate(counts)]
        tied = [answer for answer, number in enumerate(sums) if number == max(sums)]
        early = [answer for answer in begun if answer in tied]
        total += weight * (early[0] == 0 if early else (0 in tied) / len(tied))
    return total
