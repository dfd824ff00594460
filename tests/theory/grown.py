"""How often strategies are right that grow solutions in their less usual forms: independent Monte Carlo."""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import NamedTuple

import numpy as np


class Thought(NamedTuple):
    """A begun solution, how far it is, whether it still leads to the right answer, and what was said of it."""

    level: int
    is_sound: bool
    values: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        return self.values[-1] if self.values else 0.0


@cache
def depth_first(
    step: float, thoughts: int, depth: int, visits: int, *, accept: float, fooled: float, keep: float, mend: float,
    trials: int = 20_000,
) -> float:  # fmt: skip
    """Go into the first child that a judge does not call hopeless, and back where there is none."""
    chance, total = np.random.default_rng(7), 0.0
    for _ in range(trials):
        root = Thought(0, True)
        stack, found, leaf = [root], [root], None
        for _ in range(visits):
            state = stack.pop()
            children = [_extend(state, step, accept, fooled, chance) for _ in range(thoughts)]
            alive = [child for child in children if child.value]
            leaf = next((child for child in alive if child.level == depth), None)
            stack += reversed(alive)
            found += alive
            if leaf or not stack:
                break
        best = leaf or max(found, key=lambda thought: (thought.level, thought.value))
        total += keep if best.is_sound else mend
    return total / trials


def _extend(state: Thought, step: float, accept: float, fooled: float, chance: np.random.Generator) -> Thought:
    is_sound = state.is_sound and chance.random() < step
    is_accepted = chance.random() < (accept if is_sound else fooled)
    return Thought(state.level + 1, is_sound, (*state.values, float(is_accepted)))


@cache
def voted(
    step: float, thoughts: int, depth: int, votes: int, *, prefer: float, keep: float, mend: float, trials: int = 20_000
) -> float:
    """At every level the thought goes on that most judges name, of tied ones the first."""
    chance, total = np.random.default_rng(7), 0.0
    for _ in range(trials):
        is_sound = True
        for _ in range(depth):
            sound = [is_sound and chance.random() < step for _ in range(thoughts)]
            named = [0] * thoughts
            for _ in range(votes):
                wanted = sound[0] if len(set(sound)) == 1 else chance.random() < prefer
                named[chance.choice([place for place, mark in enumerate(sound) if mark == wanted])] += 1
            is_sound = sound[named.index(max(named))]
        total += keep if is_sound else mend
    return total / trials


@cache
def grown(  # all that such a search may be
    shares: tuple[float, ...], step: float, steps: int, *, trees: int, kept: int, width: int, accept: float,
    fooled: float, scores: tuple[float, float], judges: int = 1, ahead: int = 0, reduce: str = "last",
    selector: str = "weighted", trials: int = 10_000,
) -> float:  # fmt: skip
    """Trees, each of which goes on from its `kept` best steps; the children of the last ones are complete."""
    chance, right = np.random.default_rng(7), 0
    wrong = np.array(shares[1:]) / sum(shares[1:])
    for _ in range(trials):
        complete = list[tuple[int, float]]()
        for _ in range(trees):
            going = [Thought(0, True)]
            for level in range(1, steps + 1):
                children = list[Thought]()
                for place in range(kept * width):
                    parent = going[place % len(going)]
                    is_sound = parent.is_sound and chance.random() < step
                    looks = is_sound and all(chance.random() < step for _ in range(min(ahead, steps - level)))
                    rate = accept if looks else fooled
                    score = sum(scores[int(chance.random() >= rate)] for _ in range(judges)) / judges
                    children.append(Thought(level, is_sound, (*parent.values, score)))
                going = sorted(children, key=lambda child: -reduced(child.values, reduce))[:kept]
            for child in children:
                answer = 0 if child.is_sound else 1 + int(chance.choice(len(wrong), p=wrong))
                complete.append((answer, reduced(child.values, reduce)))
        right += _choose(complete, selector) == 0
    return right / trials


def reduced(values: Sequence[float], reduce: str) -> float:
    if reduce in ("last", "min"):
        return values[-1] if reduce == "last" else min(values)
    if reduce == "mean_logit":
        odds = prod(value / (1 - value) for value in values) ** (1 / len(values))
        return round(odds / (1 + odds), 9)
    return round(prod(values) if reduce == "product" else sum(values) / len(values), 9)


def _choose(complete: Sequence[tuple[int, float]], selector: str) -> int:
    """Return the answer of the best, that of the largest sum, or that of most."""
    if selector == "naive":
        return max(complete, key=lambda each: each[1])[0]
    sums: dict[int, tuple[float, int]] = {}
    for answer, value in complete:
        total, count = sums.get(answer, (0.0, 0))
        sums[answer] = (round(total + (value if selector == "weighted" else 1), 9), count + 1)
    return max(sums, key=lambda answer: sums[answer])


@cache
def confident_offline(
    shares: tuple[float, ...], drafts: int, kept: int, score: str, *, accept: float, fooled: float,
    values: tuple[float, float], noise: float, stretches: int, stretch: int, trials: int = 10_000,
) -> float:  # fmt: skip
    """Drafts in stretches of words; the surest of them vote, each with its confidence."""
    chance, right = np.random.default_rng(7), 0
    for _ in range(trials):
        answers = chance.choice(len(shares), p=shares, size=drafts)
        is_sure = chance.random(drafts) < np.where(answers == 0, accept, fooled)
        levels = np.where(is_sure, *values)[:, None] + noise * chance.standard_normal((drafts, stretches))
        words = np.repeat(levels, stretch, axis=1)
        sums = np.cumsum(np.pad(words, ((0, 0), (1, 0))), axis=1)
        windows = (sums[:, stretch:] - sums[:, :-stretch]) / stretch
        lowest = np.sort(windows, axis=1)[:, : max(1, windows.shape[1] // 10)]
        rated = {
            "mean": words.mean(axis=1), "tail": levels[:, -1], "lowest_window": lowest[:, 0],
            "bottom_windows": lowest.mean(axis=1),
        }[score]  # fmt: skip
        voters = rated >= np.percentile(rated, 100 - kept) - 1e-9
        right += int(np.bincount(answers[voters], rated[voters], len(shares)).argmax()) == 0
    return right / trials


@cache
def revised(
    shares: tuple[float, ...], *, keep: float, mend: float, leaning: float, accept: float, fooled: float,
    scores: tuple[float, float], trials: int = 10_000,
) -> float:  # fmt: skip
    """Two drafts and two revisions: of the first, if both agree, otherwise one of each; the best of each chain meet."""
    chance, right = np.random.default_rng(7), 0
    wrong = np.array(shares[1:]) / sum(shares[1:])
    for _ in range(trials):
        one, other = (int(answer) for answer in chance.choice(len(shares), p=shares, size=2))
        chains = [[one], [other]]
        for chain in (chains[0], chains[0 if one == other else 1]):
            weights = np.array([leaning if answer == 0 else 1.0 for answer in chain])
            read = int(chance.choice(chain, p=weights / weights.sum()))
            if chance.random() < (keep if read == 0 else 1 - mend):
                chain.append(read)
            else:
                chain.append(0 if read else 1 + int(chance.choice(len(wrong), p=wrong)))
        judged = [
            [(answer, scores[int(chance.random() >= (fooled if answer else accept))]) for answer in chain]
            for chain in chains
        ]
        right += _choose([_best_of_heaviest(chain) for chain in judged], "weighted") == 0
    return right / trials


def _best_of_heaviest(judged: Sequence[tuple[int, float]]) -> tuple[int, float]:
    answer = _choose(judged, "weighted")
    return answer, max(score for other, score in judged if other == answer)
