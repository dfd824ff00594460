"""How often strategies that grow, breed and route solutions are right; exact, see `expected.py`."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import exp, prod

from tests.theory.expected import Shares, binomial, first_of_best, followed, multinomial, vote

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


def grown_trees(
    shares: Shares, step: float, trees: int, width: int, steps: int, *, accept: float, fooled: float,
    values: tuple[int, int],
) -> float:  # fmt: skip
    """Trees that each go on from their best step; all children of the last steps vote, weighted by their scores.

    `shares` are those of the answers; a solution with a faulty step ends in one of the wrong ones. One tree is a beam.
    """
    sound = 1.0
    for _ in range(steps - 1):
        marks = _grow((True,), step, width, 1, accept, fooled)
        sound *= sum(chance for states, chance in marks if states[0])
    wrong = [share / sum(shares[1:]) for share in shares[1:]]
    total = 0.0
    for alive in product((True, False), repeat=trees):
        weight = prod(sound if is_sound else 1 - sound for is_sound in alive)
        ends = [(rate := step if is_sound else 0.0, *((1 - rate) * part for part in wrong)) for is_sound in alive]
        total += weight * _vote_by_score([end for end in ends for _ in range(width)], accept, fooled, values)
    return total


def _vote_by_score(drafts: Sequence[Shares], accept: float, fooled: float, values: tuple[int, int]) -> float:
    """Drafts with different shares, in order: the largest sum of scores, then the most drafts, then the earliest."""
    total = 0.0
    choices = [
        [(answer, value, share * chance) for answer, share in enumerate(shares)
         for value, chance in zip(values, _rates(accept if answer == 0 else fooled), strict=True) if share]
        for shares in drafts
    ]  # fmt: skip
    for cast in product(*choices):
        first: dict[int, int] = {}
        sums: dict[int, tuple[int, int]] = {}
        for place, (answer, value, _) in enumerate(cast):
            first.setdefault(answer, -place)
            score, count = sums.get(answer, (0, 0))
            sums[answer] = (score + value, count + 1)
        winner = max(sums, key=lambda answer: (sums[answer], first[answer]))
        total += prod(chance for _, _, chance in cast) * (winner == 0)
    return total


def _rates(rate: float) -> tuple[float, float]:
    return rate, 1 - rate


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


def forked(p: float, children: int, leaning: float) -> float:
    """Children solve the same problem; the parent follows one of them, a right one more readily."""
    return sum(chance * followed(right, children, leaning) for right, chance in enumerate(binomial(children, p)))


def optimal(
    shares: Shares, step: float, steps: int, more: int, *, accept: float, fooled: float, values: tuple[int, int]
) -> float:
    """Two drafts show how hard it is: if they agree, as many more drafts, else one beam; all of them vote."""
    total = 0.0
    sound = 1.0
    for _ in range(steps - 1):
        sound *= sum(chance for states, chance in _grow((True,), step, more, 1, accept, fooled) if states[0])
    wrong = [share / sum(shares[1:]) for share in shares[1:]]
    for pilot in product(range(len(shares)), repeat=2):
        weight = prod(shares[answer] for answer in pilot)
        begun = [tuple(float(place == answer) for place in range(len(shares))) for answer in pilot]
        if len(set(pilot)) == 1:
            ways = [(1.0, shares)]
        else:
            ends = ((chance, step * is_sound) for chance, is_sound in ((sound, 1), (1 - sound, 0)))
            ways = [(chance, (rate, *((1 - rate) * part for part in wrong))) for chance, rate in ends]
        for chance, others in ways:
            total += weight * chance * _vote_by_score([*begun, *[others] * more], accept, fooled, values)
    return total


def proposed(step: float, proposals: int, steps: int, prefer: float) -> float:
    """At every step a judge picks one of several actions, a right one with `prefer` where it has the choice."""
    mixed_up = 1 - step**proposals - (1 - step) ** proposals
    picked: float = step**proposals + prefer * mixed_up
    return picked**steps


def lenient(small: Shares, large: Shares, alpha: float) -> float:
    """Lossy speculative decoding of one token: at 0 it is the large model's, with `alpha` more of the small one's."""
    stands = [min(q, p / (1 - alpha)) for q, p in zip(small, large, strict=True)]
    instead = [max(0.0, p - q) for q, p in zip(small, large, strict=True)]
    return stands[0] + (1 - sum(stands)) * instead[0] / sum(instead)


def good_enough(small: Shares, large: Shares, alpha: float) -> float:
    """A token of the small model stands if the large one finds it likely enough; otherwise it is the large one's."""
    good = [p >= (1 - alpha) * max(large) for p in large]
    rest = 1 - sum(q for q, is_good in zip(small, good, strict=True) if is_good)
    return small[0] * good[0] + rest * large[0]
