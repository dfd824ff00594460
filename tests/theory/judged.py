"""How often strategies that judge and compare drafts are right; exact, see `expected.py`."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, permutations, product
from math import log, prod, sqrt

from tests.theory.expected import Counts, Shares, accepted, best_scored, binomial, first_of_best, multinomial


def cautious(
    shares: Shares,
    n: int,
    verdicts: int,
    *,
    accept: float,
    fooled: float,
    caution: float,
    penalty: str,
    all_agree: bool,
) -> float:
    """The highest lower bound of the mean verdict wins, ties go to more drafts."""
    together = verdicts if all_agree else 1  # verdicts on a draft that count as one
    rates = (accept**together, fooled**together)
    total = 0.0
    for counts, weight in multinomial(shares, n):
        for yes, chance in accepted(counts, verdicts // together, *rates):
            bounds: list[tuple[float, int] | None] = []
            for count, votes in zip(counts, yes, strict=True):
                k = count * verdicts
                if not k:
                    bounds.append(None)
                    continue
                lowered = log(n * verdicts) / (k + 1) if penalty == "log" else sqrt(log(n * verdicts) / k)
                bounds.append((round(votes * together / k - caution * lowered, 9), count))
            total += weight * chance * first_of_best(bounds)
    return total


def evaluated(shares: Shares, n: int, evaluations: int, *, accept: float, fooled: float) -> float:
    """One draft for each answer, all scored by each judge; the largest sum wins, ties go to more drafts."""
    total = 0.0
    for counts, weight in multinomial(shares, n):
        single = tuple(min(count, 1) for count in counts)
        if sum(single) == 1:  # all agree
            total += weight * single[0]
            continue
        for yes, chance in accepted(single, evaluations, accept, fooled):
            sums = [(votes, count) if count else None for votes, count in zip(yes, counts, strict=True)]
            total += weight * chance * first_of_best(sums)
    return total


def scrutinized(
    shares: Shares,
    n: int,
    verdicts: int,
    comparisons: int,
    *,
    accept: float,
    fooled: float,
    prefer: float,
    margin: float,
) -> float:
    """Drafts within the margin of the best, the best of each answer, are compared in pairs."""
    total = 0.0
    for counts, weight in multinomial(shares, n):
        for best, chance in _best_verdicts(counts, verdicts, accept, fooled):
            bound = max(best) / verdicts - max(margin, 1 / verdicts)
            rivals = [answer for answer, votes in enumerate(best) if votes >= 0 and votes / verdicts >= bound - 1e-9]
            ranks = [(-votes, -count) for votes, count in zip(best, counts, strict=True)]
            total += weight * chance * _league_of_rivals(rivals, ranks, comparisons, prefer)
    return total


def _best_verdicts(counts: Counts, verdicts: int, accept: float, fooled: float) -> Iterator[tuple[Counts, float]]:
    """Yield the most verdicts for any draft of each answer, -1 without drafts, with the probability."""
    spreads: list[dict[int, float]] = []
    for answer, count in enumerate(counts):
        single, spread, below = binomial(verdicts, fooled if answer else accept), {}, 0.0
        for votes, chance in enumerate(single):
            spread[votes] = (below + chance) ** count - below**count
            below += chance
        spreads.append(spread if count else {-1: 1.0})
    for best in product(*spreads):
        yield best, prod(spread[votes] for spread, votes in zip(spreads, best, strict=True))


def _league_of_rivals(
    rivals: Sequence[int], ranks: Sequence[tuple[int, int]], comparisons: int, prefer: float
) -> float:
    """Each pair meets, most wins are first, ties go to the better rank, and of equal ranks to any."""
    if 0 not in rivals:
        return 0.0
    pairs, total = list(combinations(rivals, 2)), 0.0
    for results in product((1, 0, -1), repeat=len(pairs)):
        chance, wins = 1.0, dict.fromkeys(rivals, Fraction(0))
        for (one, other), result in zip(pairs, results, strict=True):
            chance *= _match(one, other, comparisons, prefer)[result]
            wins[one] += Fraction(1 + result, 2)
            wins[other] += Fraction(1 - result, 2)
        values = [(wins[rival], tuple(-mark for mark in ranks[rival])) for rival in sorted(rivals)]
        total += chance * first_of_best(values)
    return total


@cache
def _match(one: int, other: int, comparisons: int, prefer: float) -> dict[int, float]:
    """Return how likely the first of two answers gets more judges, as many, fewer."""
    chance = 0.5 if (one == 0) == (other == 0) else prefer if one == 0 else 1 - prefer
    spread = binomial(comparisons, chance)
    half = comparisons / 2
    return {
        1: sum(part for votes, part in enumerate(spread) if votes > half),
        0: sum(part for votes, part in enumerate(spread) if votes == half),
        -1: sum(part for votes, part in enumerate(spread) if votes < half),
    }


def whole_and_steps(p: float, n: int, steps: int, *, accept: float, fooled: float) -> float:
    """Half a verdict on the whole, half the mean verdict of the steps, one of which is faulty in a wrong draft."""
    right, wrong = dict[object, float](), dict[object, float]()
    for spread, whole, sound, fault in ((right, accept, steps, 0), (wrong, fooled, steps - 1, 1)):
        chances = (binomial(1, whole), binomial(sound, accept), binomial(fault, fooled))
        for verdict, good, missed in product(*(range(len(chance)) for chance in chances)):
            score = Fraction(verdict + Fraction(good + missed, steps), 2)
            chance = chances[0][verdict] * chances[1][good] * chances[2][missed]
            spread[score] = spread.get(score, 0) + chance
    return best_scored(p, right, wrong, n)


# --- tournaments ------------------------------------------------------------------------------------------------------


def over_drafts(shares: Shares, n: int, winner: Callable[[tuple[int, ...], Counts], float], *, distinct: bool) -> float:
    """Average over who plays: one for each answer, or all."""
    total = 0.0
    for counts, weight in multinomial(shares, n):
        players = tuple(
            answer for answer, count in enumerate(counts) for _ in range(min(count, 1) if distinct else count)
        )
        total += weight * winner(players, counts)
    return total


def knockout(comparisons: int, prefer: float) -> Callable[[tuple[int, ...], Counts], float]:
    """Pairs by chance, the majority goes on, ties go to the answer of more drafts, then to any."""

    @cache
    def winner(left: tuple[int, ...], sizes: Counts) -> float:
        if len(set(left)) == 1:
            return float(left[0] == 0)
        orders, total = list(permutations(left)), 0.0
        for order in orders:
            pairs = list(zip(order[::2], order[1::2], strict=False))
            for winners in product((0, 1), repeat=len(pairs)):
                chance = prod(_goes_on(pair, won, sizes) for pair, won in zip(pairs, winners, strict=True))
                after = [pair[won] for pair, won in zip(pairs, winners, strict=True)] + list(order[2 * len(pairs) :])
                total += chance * winner(tuple(sorted(after)), sizes)
        return total / len(orders)

    def _goes_on(pair: tuple[int, int], won: int, sizes: Counts) -> float:
        match = _match(*pair, comparisons, prefer)
        one, other = sizes[pair[0]], sizes[pair[1]]
        tie = 0.5 if one == other else float((one > other) == (won == 0))
        return match[-1 if won else 1] + match[0] * tie

    return winner


def league(opponents: int, prefer: float) -> Callable[[tuple[int, ...], Counts], float]:
    """Each meets some opponents drawn by chance, one judge each; the highest mean wins, ties go to more drafts."""

    @cache
    def winner(left: tuple[int, ...], sizes: Counts) -> float:
        if len(set(left)) == 1:
            return float(left[0] == 0)
        hosts = [host for host in left for _ in range(opponents)]
        games = [[(guest, won) for guest in left if guest != host for won in (1, 0)] for host in hosts]
        total = 0.0
        for played in product(*games):
            chance, points = 1.0, {answer: list[int]() for answer in left}
            for host, (guest, won) in zip(hosts, played, strict=True):
                chance *= _match(host, guest, 1, prefer)[1 if won else -1] / (len(left) - 1)
                points[host].append(won)
                points[guest].append(1 - won)
            values = [(Fraction(sum(points[a]), len(points[a])), sizes[a]) for a in sorted(left)]
            total += chance * first_of_best(values) if left[0] == 0 else 0
        return total

    return winner


def teams(accept: float, fooled: float) -> Callable[[tuple[int, ...], Counts], float]:
    """Drafts meet those of other answers; both are labeled right or wrong, and only what is labeled right goes on."""

    @cache
    def winner(left: tuple[int, ...], sizes: Counts) -> float:
        if len(set(left)) == 1:
            return float(left[0] == 0)
        orders = list(permutations(left))
        return sum(_play(left, order, sizes) for order in orders) / len(orders)

    def _play(left: tuple[int, ...], order: tuple[int, ...], sizes: Counts) -> float:
        pairs, waiting = _pair(order)
        total = 0.0
        for labels in product(product((True, False), repeat=2), repeat=len(pairs)):
            chance = prod(
                _label(answer, label) for pair, both in zip(pairs, labels, strict=True)
                for answer, label in zip(pair, both, strict=True)
            )  # fmt: skip
            on = [
                next(answer for answer, label in zip(pair, both, strict=True) if label)
                for pair, both in zip(pairs, labels, strict=True) if any(both)
            ] + waiting  # fmt: skip
            total += chance * (winner(tuple(sorted(on)), sizes) if on else _majority(left))
        return total

    def _label(answer: int, label: bool) -> float:
        rate = fooled if answer else accept
        return rate if label else 1 - rate

    def _majority(left: tuple[int, ...]) -> float:
        return first_of_best([left.count(answer) for answer in range(max(left) + 1)])

    return winner


def _pair(order: Sequence[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Pair each player with the first before it that gives another answer and has no partner."""
    pairs, waiting = list[tuple[int, int]](), list[int]()
    for player in order:
        partner = next((other for other in waiting if other != player), None)
        if partner is None:
            waiting.append(player)
        else:
            waiting.remove(partner)
            pairs.append((partner, player))
    return pairs, waiting


def groups(judges: int, prefer: float) -> Callable[[tuple[int, ...], Counts], float]:
    """All players in one group; the one goes on that most judges choose, of tied ones any."""

    @cache
    def winner(left: tuple[int, ...], sizes: Counts) -> float:
        if len(left) == 1 or 0 not in left:
            return float(left[0] == 0)
        wrong = len(left) - 1
        choices = (prefer, *[(1 - prefer) / wrong] * wrong)
        return sum(weight * first_of_best(votes) for votes, weight in multinomial(choices, judges))

    return winner
