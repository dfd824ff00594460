"""How often strategies are right whose own choices are drawn in too many ways to sum: independent Monte Carlo."""

from functools import cache
from math import ceil

import numpy as np
import numpy.typing as npt

from tests.theory.stopping import Stopped

Tree = list[tuple[int | None, bool, float]]
"""Of each answer: the one that it improves, whether it is right, and its score."""


@cache
def bandit_tree(  # all that such a tree may be
    rates: tuple[float, ...], nodes: int, *, keep: float, mend: float, accept: float, fooled: float,
    scores: tuple[float, float], form: str = "gaussian", batch: int = 1, is_ucb: bool = False, trials: int = 10_000,
) -> float:  # fmt: skip
    """Grow trees batch by batch; the answer with the highest score is right so often.

    `rates` are how often a new answer is right, by the model that writes it.
    """
    chance, right = np.random.default_rng(7), 0
    for _ in range(trials):
        tree, writers = list[tuple[int | None, bool, float]](), list[int]()
        while len(tree) < nodes:
            by_writer = [[tree[n][2] for n, other in enumerate(writers) if other == one] for one in range(len(rates))]
            places = [
                (_find_place(tree, form, chance), _find_writer(by_writer, form, chance, is_ucb=is_ucb))
                for _ in range(min(batch, nodes - len(tree)))
            ]
            for under, writer in places:
                rate = rates[writer] if under is None else keep if tree[under][1] else mend
                is_right = bool(chance.random() < rate)
                is_accepted = chance.random() < (accept if is_right else fooled)
                tree.append((under, is_right, scores[0] if is_accepted else scores[1]))
                writers.append(writer)
        right += max(tree, key=lambda answer: answer[2])[1]
    return right / trials


def _find_writer(scores: list[list[float]], form: str, chance: np.random.Generator, *, is_ucb: bool) -> int:
    """Draw what each model may bring, or bound it by what it has brought, and return the best."""
    if len(scores) == 1:
        return 0
    if is_ucb:
        seen = sum(map(len, scores))
        bounds = [np.mean(each) + np.sqrt(2 * np.log(seen) / len(each)) if each else np.inf for each in scores]
        return int(np.argmax(bounds))
    return int(np.argmax([_draw(each, form, chance) for each in scores]))


def _find_place(tree: Tree, form: str, chance: np.random.Generator) -> int | None:
    place: int | None = None
    while children := [number for number, answer in enumerate(tree) if answer[0] == place]:
        own = [tree[child][2] for child in children]
        below = [_scores_under(tree, child) for child in children]
        groups = [[score, *deeper] for score, deeper in zip(own, below, strict=True)]
        if form == "mixed":
            new, *draws = _draw_mixed([[], *groups], chance)
            if new >= max(draws):
                return place
            best = next((at for at in np.argsort(draws)[::-1] if not _says_nothing_new(groups[at])), None)
            if best is None:
                return place
        else:
            if _draw(own, form, chance) >= _draw([score for scores in below for score in scores], form, chance):
                return place
            best = np.argmax([_draw(group, form, chance) for group in groups])
        place = children[int(best)]
    return place


def _says_nothing_new(scores: list[float]) -> bool:
    return len(scores) >= 4 and max(map(scores.count, scores)) >= 0.75 * len(scores)


def _scores_under(tree: Tree, root: int) -> list[float]:
    children = [number for number, answer in enumerate(tree) if answer[0] == root]
    return [score for child in children for score in (tree[child][2], *_scores_under(tree, child))]


def _draw(scores: list[float], form: str, chance: np.random.Generator) -> float:
    """Draw a mean of scores.

    By `gaussian` normal and inverse chi-square, with a prior worth one score of 0 and a variance of 0.1.
    """
    n = len(scores)
    if form == "beta":
        return float(chance.beta(0.5 + sum(scores), 0.5 + n - sum(scores)))
    mean = sum(scores) / (n + 1)
    squares = 0.1 + sum(score**2 for score in scores) - (n + 1) * mean**2
    return float(mean + np.sqrt(squares / (n + 1) / (n + 1)) * chance.standard_t(n + 1))


PARTICLES = 1_000


def _draw_mixed(groups: list[list[float]], chance: np.random.Generator) -> list[float]:
    """Draw the next score of each group, by weighing draws of the prior by how likely they make all scores."""
    middle = chance.normal(0.5, 0.2, PARTICLES)
    between = np.maximum(0.005, abs(chance.normal(0, 0.2, PARTICLES)))
    within = np.maximum(0.02, abs(chance.normal(0, 0.3, PARTICLES)))
    weight = np.zeros(PARTICLES)
    for group in filter(None, groups):
        n, variance = len(group), between**2 + within**2 / len(group)
        weight -= np.log(variance) / 2 + (np.mean(group) - middle) ** 2 / variance / 2
        weight -= (n - 1) * np.log(within) + n * np.var(group) / within**2 / 2
    summed = np.cumsum(np.exp(weight - weight.max()))
    draws = []
    for group in groups:
        at = int(np.searchsorted(summed, chance.random() * summed[-1]))
        precision = between[at] ** -2 + len(group) * within[at] ** -2
        mean = (middle[at] * between[at] ** -2 + sum(group) * within[at] ** -2) / precision
        draws.append(float(chance.normal(chance.normal(mean, precision**-0.5), within[at])))
    return draws


Whole = npt.NDArray[np.int_]


@cache
def pruned(
    shares: tuple[float, ...], traces: int, compared: int, finished: int, *, alike: float, begun: int, whole: int,
    fallback: int = 5, most: int = 32, is_largest: bool = True,
) -> Stopped:  # fmt: skip
    """Cluster beginnings by a judge that errs, and let some of the largest cluster vote, or the first of each."""
    chance, trials = np.random.default_rng(7), max(600, 40_000 // traces)
    answers = chance.choice(len(shares), p=shares, size=(trials, traces))
    place, judges = _cluster(answers, len(shares), compared, alike, most, chance)
    sizes = np.array([np.bincount(row, minlength=most) for row in place])
    is_alone = sizes.max(axis=1) == 1
    may = (place == sizes.argmax(axis=1)[:, None]) | is_alone[:, None]
    order = np.where(may, chance.random((trials, traces)), 2).argsort(axis=1).argsort(axis=1)
    votes = may & (order < np.where(is_alone, fallback, finished)[:, None])
    if not is_largest:
        votes = np.array([[row.index(at) == trace for trace, at in enumerate(row)] for row in place.tolist()])
    right = np.mean([_elect(row[vote]) == 0 for row, vote in zip(answers, votes, strict=True)])
    tokens = traces * begun + votes.sum(axis=1) * (whole - begun) + judges
    return Stopped(float(right), float(tokens.mean()) / whole)


def _cluster(
    answers: Whole, kinds: int, compared: int, alike: float, most: int, chance: np.random.Generator
) -> tuple[Whole, Whole]:
    """Return the cluster of each trace, and how many judgments each lane takes; all lanes side by side."""
    trials, traces = answers.shape
    lane, place, judges = np.arange(trials), np.zeros_like(answers), np.zeros(trials, int)
    sizes = np.zeros((trials, most, kinds), int)  # of each cluster, by answer
    for trace in range(traces):
        opened = (sizes.sum(axis=2) > 0).sum(axis=1)
        seen = sizes[:, : opened.max() + 1]
        shown = np.minimum(seen.sum(axis=2), compared)
        like = seen[lane, :, answers[:, trace]]
        same = chance.hypergeometric(like, seen.sum(axis=2) - like, shown)
        said = chance.binomial(same, alike) + chance.binomial(shown - same, 1 - alike)
        likeness = np.where(shown > 0, np.round(0.1 + 0.8 * said / np.maximum(shown, 1), 9), 0)
        joins = (likeness.max(axis=1) > 0.5) | (opened == most)
        place[:, trace] = np.where(joins, likeness.argmax(axis=1), opened)
        sizes[lane, place[:, trace], answers[:, trace]] += 1
        judges += shown.sum(axis=1)
    return place, judges


def _elect(answers: Whole) -> int:
    """Return the answer that comes most often, of tied ones the one that comes first."""
    cast: list[int] = answers.tolist()
    return max(dict.fromkeys(cast), key=cast.count)


@cache
def confident(
    shares: tuple[float, ...], drafts: int, warm_up: int, batch: int, kept: int, consensus: float, *, accept: float,
    fooled: float, values: tuple[float, float], noise: float, stretches: int, trials: int = 1_500,
) -> Stopped:  # fmt: skip
    """Drafts in stretches of words, ended where one is less sure than the least of most drafts of the warm-up."""
    chance, right, written = np.random.default_rng(7), 0, 0.0
    for _ in range(trials):
        answers = chance.choice(len(shares), p=shares, size=drafts)
        is_sure = chance.random(drafts) < np.where(answers == 0, accept, fooled)
        levels = np.where(is_sure, *values)[:, None] + noise * chance.standard_normal((drafts, stretches))
        lowest = levels.min(axis=1)
        line = np.percentile(lowest[:warm_up], 100 - kept) - 1e-9
        is_low, votes = levels < line, lowest >= line
        length = np.where(votes, stretches, is_low.argmax(axis=1) + 1)
        length[:warm_up] = stretches
        sums = np.cumsum(np.eye(len(shares))[answers] * (lowest * votes)[:, None], axis=0)
        is_clear = sums.max(axis=1) >= (consensus - 1e-9) * sums.sum(axis=1)
        counted = warm_up + int(is_clear[warm_up - 1 :].argmax()) if is_clear[warm_up - 1 :].any() else drafts
        paid = min(drafts, warm_up + ceil((counted - warm_up) / batch) * batch)
        written += length[:paid].sum() / stretches
        sizes = np.bincount(answers[:counted], votes[:counted], len(shares))
        right += max(range(len(shares)), key=lambda answer: (round(sums[counted - 1, answer], 9), sizes[answer])) == 0
    return Stopped(right / trials, written / trials)
