"""Play a strategy many times on the simulated reasoner, and say how often it was right."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import sqrt
from statistics import fmean, pstdev
from typing import Any, NamedTuple

from tests.theory.reasoner import Reasoner
from tests.theory.skill import ANSWERS, Skill
from webapp.board.statistics import Interval, wilson_interval
from workers.core.asking import LaneSettings
from workers.core.lane import LiveLane
from workers.core.values import Problem, Sampling
from workers.strategies import catalog

QUESTION = "How many?"
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it are spread evenly over [0, 1), however many they are."""
LONGEST = 16_384
"""Tokens of a draft."""
MODELS = {"large": "large", "second": "large"}
"""The parts whose model is another one."""


class Kind(NamedTuple):
    """Problems on which errors are alike: all drafts of one problem have the same probabilities."""

    weight: float
    shares: tuple[float, ...]
    """The right answer's, then the wrong ones'; what is missing from 1 gives no answer."""


class World(NamedTuple):
    """Where problems come from. Drafts are independent given the problem, so their errors are correlated."""

    name: str
    kinds: tuple[Kind, ...]
    skill: Skill = Skill()

    def average(self, value: Callable[[tuple[float, ...]], float]) -> float:
        """Return the mean over the kinds of problems."""
        return sum(kind.weight * value(kind.shares) for kind in self.kinds)

    def pick(self, number: int) -> Kind:
        """Return the kind of a trial's problem: few trials have each in its proportion, too."""
        reached = accumulate(kind.weight for kind in self.kinds)
        place = number * GOLDEN % 1
        return next(kind for kind, end in zip(self.kinds, reached, strict=True) if place < end + 1e-9)


class Mean(NamedTuple):
    """A mean over lanes."""

    value: float
    error: float
    """Its standard error."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        return cls(fmean(values), pstdev(values) / sqrt(len(values)))


class Measured(NamedTuple):
    """What came out of all trials."""

    right: int
    trials: int
    written: Mean
    """Tokens of a lane, in those of one draft that is written to its end."""
    large: Mean
    """Drafts that the large model writes in a lane."""

    @property
    def accuracy(self) -> float:
        return self.right / self.trials

    def interval(self, z: float) -> Interval:
        return wilson_interval(self.right, self.trials, z)


def measure(slug: str, params: Mapping[str, Any], world: World, trials: int) -> Measured:
    """Play so many lanes, each on a problem of its own; the same every time."""
    return asyncio.run(_measure(slug, params, world, trials))


async def _measure(slug: str, params: Mapping[str, Any], world: World, trials: int) -> Measured:
    strategy, right, written, large = catalog()[slug], 0, list[float](), list[int]()
    settled = strategy.params.model_validate(params)
    for number in range(trials):
        trial = f"{slug} {strategy.describe(settled)}/{number}"
        model = Reasoner(world.pick(number).shares, world.skill, trial)
        lane = LiveLane(
            LaneSettings(lane=1, model_name="", sampling=Sampling(max_tokens=LONGEST), seed=number, models=MODELS),
            model=model,
            emit=lambda event, prompt: None,
            clock=lambda: 0,
            random=random.Random(f"{trial}/lane"),
        )
        answer = await strategy.solve(Problem(question=QUESTION), lane, settled)
        right += answer.answer == ANSWERS[0]
        written.append(model.completion_tokens / (model.whole_drafts / model.drafts) if model.drafts else 0)
        large.append(model.large)
    return Measured(right, trials, Mean.of(written), Mean.of(large))
