"""How often strategies are right on a reasoner of known skill: closed forms and exact enumerations.

Nothing here knows the code of the strategies or of the reasoner. Answer 0 is the right one; `shares` are the
probabilities of the answers. Drafts are exchangeable, so "of tied answers the earlier" is each of them as likely.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise, product
from math import comb, factorial, prod

Shares = tuple[float, ...]
Counts = tuple[int, ...]


@cache
def multinomial(shares: Shares, n: int) -> tuple[tuple[Counts, float], ...]:
    """Return how often each answer comes in n draws, with its probability."""
    return tuple((counts, _weight(shares, counts)) for counts in compositions(n, len(shares)))


def compositions(n: int, parts: int) -> Iterator[Counts]:
    if parts == 1:
        yield (n,)
        return
    for first in range(n + 1):
        for rest in compositions(n - first, parts - 1):
            yield (first, *rest)


def _weight(shares: Shares, counts: Counts) -> float:
    ways = factorial(sum(counts))
    for count in counts:
        ways //= factorial(count)
    return ways * prod(share**count for share, count in zip(shares, counts, strict=True))


def binomial(n: int, p: float) -> list[float]:
    return [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


def first_of_best(values: Sequence[object]) -> float:
    """Return the probability that answer 0 is chosen when the highest value wins and tied ones are as likely."""
    best = max(value for value in values if value is not None)  # type: ignore[type-var]
    return (values[0] == best) / sum(value == best for value in values)


# --- votes ------------------------------------------------------------------------------------------------------------


def vote(shares: Shares, n: int) -> float:
    """A majority vote of n drafts; what is missing from 1 in the shares gives no answer and does not vote."""
    silent = round(1 - sum(shares), 9)
    return sum(
        weight * first_of_best(counts[: len(shares)])
        for counts, weight in multinomial((*shares, silent) if silent else shares, n)
        if any(counts[: len(shares)])
    )


def accepted(counts: Counts, judges: int, accept: float, fooled: float) -> Iterator[tuple[Counts, float]]:
    """Yield how many of the judges of each answer's drafts accept it, with the probability."""
    chances = [binomial(count * judges, fooled if answer else accept) for answer, count in enumerate(counts)]
    for totals in product(*(range(len(chance)) for chance in chances)):
        yield totals, prod(chance[total] for chance, total in zip(chances, totals, strict=True))


def weighted_vote(
    shares: Shares, n: int, judges: int, *, accept: float, fooled: float, values: tuple[float, float]
) -> float:
    """The largest sum of scores wins, ties go to more drafts; `values` are the scores for accepting and rejecting."""
    high, low = values
    total = 0.0
    for counts, weight in multinomial(shares, n):
        for votes, chance in accepted(counts, judges, accept, fooled):
            sums = [
                (high * yes + low * (count * judges - yes), count) if count else None
                for count, yes in zip(counts, votes, strict=True)
            ]
            total += weight * chance * first_of_best(sums)
    return total


def best_scored(p: float, right: dict[object, float], wrong: dict[object, float], n: int) -> float:
    """The draft with the highest score wins; `right` and `wrong` are how scores of such drafts are distributed."""
    total, below = 0.0, 0.0
    for score in sorted(right.keys() | wrong.keys()):  # type: ignore[type-var]
        true, false = p * right.get(score, 0), (1 - p) * wrong.get(score, 0)
        at_most = below + true + false
        total += (at_most**n - below**n) * true / (true + false) if true else 0
        below = at_most
    return total


# --- rewriting --------------------------------------------------------------------------------------------------------


def chain(p: float, rounds: int, keep: float, mend: float) -> float:
    """Rewriting one solution again and again: a Markov chain of two states."""
    for _ in range(rounds - 1):
        p = p * keep + (1 - p) * mend
    return p


def criticized_chain(p: float, rounds: int, keep: float, mend: float, *, accept: float, fooled: float) -> float:
    """The same, but what a critic finds no error in stays."""
    return chain(p, rounds, accept + (1 - accept) * keep, (1 - fooled) * mend)


def followed(right: int, of: int, leaning: float) -> float:
    """The probability that who reads solutions follows a right one."""
    return leaning * right / (leaning * right + of - right)


def rewritten(right: int, of: int, keep: float, mend: float, leaning: float) -> float:
    """The probability that a rewrite of several solutions is right."""
    share = followed(right, of, leaning)
    return share * keep + (1 - share) * mend


def drawn(right: int, of: int, size: int) -> Iterator[tuple[int, float]]:
    """Yield how many of `size` solutions drawn by chance are right, with the probability."""
    for hits in range(max(0, size - (of - right)), min(right, size) + 1):
        yield hits, comb(right, hits) * comb(of - right, size - hits) / comb(of, size)


def selected(right: int, of: int, size: int, accept: float, fooled: float) -> Iterator[tuple[int, float]]:
    """Yield how many of the `size` solutions that a judge names first are right, with the probability."""
    for true, chance in enumerate(binomial(right, accept)):
        for false, other in enumerate(binomial(of - right, fooled)):
            if true + false >= size:
                named = drawn(true, true + false, size)
            else:
                rest = drawn(right - true, of - true - false, size - true - false)
                named = ((true + hits, part) for hits, part in rest)
            for hits, part in named:
                yield hits, chance * other * part


def aggregated_vote(
    shares: Shares, n: int, read: int, rounds: int, keep: float, mend: float, leaning: float, *, is_vote: bool
) -> float:
    """Populations of n, each member a rewrite of `read` members drawn from the one before; a vote, or any member."""
    spread = dict(multinomial(shares, n))
    for _ in range(rounds - 1):
        later: dict[Counts, float] = {}
        for counts, weight in spread.items():
            for after, chance in multinomial(member(shares, counts, read, keep, mend, leaning), n):
                later[after] = later.get(after, 0) + weight * chance
        spread = later
    return sum(weight * (first_of_best(counts) if is_vote else counts[0] / n) for counts, weight in spread.items())


@cache
def member(shares: Shares, counts: Counts, read: int, keep: float, mend: float, leaning: float) -> Shares:
    """The probabilities of the answers of one rewrite that reads some of a population."""
    picked = [0.0] * len(counts)
    size, ways = min(read, sum(counts)), comb(sum(counts), min(read, sum(counts)))
    for hand in compositions(size, len(counts)):
        weight = prod(comb(count, taken) for count, taken in zip(counts, hand, strict=True)) / ways
        mass = leaning * hand[0] + sum(hand[1:])
        for answer, taken in enumerate(hand):
            picked[answer] += weight * taken * (1 if answer else leaning) / mass
    broken = picked[0] * (1 - keep)
    wrong = sum(shares[1:])
    return (
        picked[0] * keep + sum(picked[1:]) * mend,
        *(part * (1 - mend) + broken * share / wrong for part, share in zip(picked[1:], shares[1:], strict=True)),
    )


def distilled(
    p: float, widths: Sequence[int], distiller: str, keep: float, mend: float, leaning: float, *,
    top_k: int = 2, accept: float = 0, fooled: float = 0,
) -> float:  # fmt: skip
    """Parallel drafts, distilled for the next round, down to one: only how many are right matters."""
    spread = binomial(widths[0], p)
    for of, width in pairwise(widths):
        later = [0.0] * (width + 1)
        for right, weight in enumerate(spread):
            for chance, true in _read(right, of, distiller, keep, mend, leaning, top_k, accept, fooled):
                for hits, part in enumerate(binomial(width, true)):
                    later[hits] += weight * chance * part
        spread = later
    return spread[1]


def _read(
    right: int, of: int, distiller: str, keep: float, mend: float, leaning: float, top_k: int, accept: float,
    fooled: float,
) -> list[tuple[float, float]]:  # fmt: skip
    """Return what the next drafts share, as probability and the chance of each of them to be right given that."""
    size = min(top_k, of)
    share = followed(right, of, leaning)
    picks = [
        (part, rewritten(hits, size, keep, mend, leaning)) for hits, part in selected(right, of, size, accept, fooled)
    ]
    draws = [(part, rewritten(hits, size, keep, mend, leaning)) for hits, part in drawn(right, of, size)]
    return {
        "global_summary": [(share, keep), (1 - share, mend)],
        "identity": [(1.0, rewritten(right, of, keep, mend, leaning))],
        "shared_topk": picks,
        "per_sample_topk": [(1.0, sum(part * true for part, true in picks))],
        "random_k": [(1.0, sum(part * true for part, true in draws))],
    }[distiller]
