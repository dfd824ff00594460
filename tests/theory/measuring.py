"""Play a strategy many times on the simulated reasoner, and say how often it was right."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.theory.reasoner import ANSWERS, Reasoner, Skill
from webapp.board.statistics import Interval, wilson_interval
from workers.core.asking import LaneSettings
from workers.core.lane import LiveLane
from workers.core.values import Problem, Sampling
from workers.strategies import catalog

QUESTION = "How many?"
MODELS = {"large": "large"}
"""The only part whose model is another one."""


class Kind(NamedTuple):
    """Problems on which errors are alike: all drafts of one problem have the same probabilities."""

    weight: float
    shares: tuple[float, ...]
    """The right answer's, then the wrong ones'; what is missing from 1 gives no answer."""


class World(NamedTuple):
    """Where problems come from. Drafts are independent given the problem, so their errors are correlated."""

    name: str
    kinds: tuple[Kind, ...]

    def average(self, value: Callable[[tuple[float, ...]], float]) -> float:
        """Return the mean over the kinds of problems."""
        return sum(kind.weight * value(kind.shares) for kind in self.kinds)


class Measured(NamedTuple):
    """What came out of all trials."""

    right: int
    trials: int
    drafts: int
    tokens: int
    """Written."""
    whole_drafts: int
    """Tokens of all drafts, had those that were ended early been written too."""

    @property
    def accuracy(self) -> float:
        return self.right / self.trials

    def interval(self, z: float) -> Interval:
        return wilson_interval(self.right, self.trials, z)


def measure(slug: str, params: Mapping[str, Any], world: World, skill: Skill, trials: int) -> Measured:
    """Play so many lanes, each on a problem of its own; the same every time."""
    return asyncio.run(_measure(slug, params, world, skill, trials))


async def _measure(slug: str, params: Mapping[str, Any], world: World, skill: Skill, trials: int) -> Measured:
    strategy, right, drafts, tokens, whole = catalog()[slug], 0, 0, 0, 0
    settled = strategy.params.model_validate(params)
    for number in range(trials):
        trial = f"{slug} {strategy.describe(settled)}/{number}"
        kind = random.Random(f"{trial}/kind").choices(world.kinds, weights=[kind.weight for kind in world.kinds])[0]
        model = Reasoner(kind.shares, skill, trial)
        lane = LiveLane(
            LaneSettings(lane=1, model_name="", sampling=Sampling(), seed=number, models=MODELS),
            model=model,
            emit=lambda event, prompt: None,
            clock=lambda: 0,
            random=random.Random(f"{trial}/lane"),
        )
        answer = await strategy.solve(Problem(question=QUESTION), lane, settled)
        right += answer.answer == ANSWERS[0]
        drafts += model.drafts
        tokens += model.completion_tokens
        whole += model.whole_drafts
    return Measured(right, trials, drafts, tokens, whole)
