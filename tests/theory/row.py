"""What a row of the table is: a strategy, its setting, the world it is played in, and what theory expects of it."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from tests.theory import expected
from tests.theory.expected import Shares
from tests.theory.measuring import Kind, World
from tests.theory.skill import ACCEPTED, REJECTED, Skill
from workers.strategies import catalog

MIXED = World(
    "mixed",
    (Kind(0.5, (0.6, 0.25, 0.15)), Kind(0.5, (0.3, 0.45, 0.25))),
)
LIKELY = World(
    "likely",
    (Kind(0.5, (0.9, 0.06, 0.04)), Kind(0.5, (0.55, 0.25, 0.2))),
)
CONTEST = World(
    "contest",
    (
        Kind(0.6, (0.995, 0.003, 0.002)), Kind(0.25, (0.9, 0.06, 0.04)), Kind(0.12, (0.65, 0.2, 0.15)),
        Kind(0.03, (0.1, 0.6, 0.3)),
    ),
    Skill(alike=0.8, noise=1.0),
)  # fmt: skip
SILENT = World("silent", (Kind(1, (0.4, 0.3, 0.1)),))
STEPWISE = World("stepwise", (Kind(1, (0.6, 0.25, 0.15)),))

SKILL = Skill()
KEEP, MEND, ACCEPT, FOOLED, PREFER, LEANING, STEP, *_ = SKILL
SCORES = (ACCEPTED / 10, REJECTED / 10)
JUDGE = {"accept": ACCEPT, "fooled": FOOLED}
REWRITE = {"keep": KEEP, "mend": MEND, "leaning": LEANING}


class Saving(NamedTuple):
    """What is claimed of a strategy that spares a part of the work."""

    rival: str
    """What it is compared with, in words,"""
    accuracy: Callable[[Shares], float]
    """how often that is right,"""
    drafts: float
    """and how many drafts that writes."""
    claim: float
    """The strategy is as often right, and spares at least this part of them,"""
    expect: Callable[[Shares], float]
    """as it is expected to write so many on average."""
    less: float = 0.01
    """It may be right so much less often, by theory."""
    of: Literal["drafts", "large model"] = "drafts"
    """Tokens of all drafts, or drafts of the large model alone."""

    @property
    def unit(self) -> str:
        return "tokens" if self.of == "drafts" else "drafts"


class Row(NamedTuple):
    """One line of the table."""

    strategy: str
    params: Mapping[str, Any]
    expect: Callable[[Shares], float]
    world: World = MIXED
    saving: Saving | None = None
    part: float = 1
    """Of the trials that the table gives each row."""

    @property
    def title(self) -> str:
        return catalog()[self.strategy].title

    @property
    def setting(self) -> str:
        """Return the parameters in the strategy's own words, and the world."""
        strategy = catalog()[self.strategy]
        return f"{strategy.describe(strategy.params.model_validate(self.params))}; {self.world.name}"

    @property
    def theory(self) -> float:
        return self.world.average(self.expect)

    @property
    def saved(self) -> float:
        """The part of its rival's work that it spares, by theory."""
        return 1 - self.world.average(self.saving.expect) / self.saving.drafts if self.saving else 0


def vote_of(drafts: int, claim: float, expect: Callable[[Shares], float]) -> Saving:
    """Compare with a vote of so many drafts."""
    return Saving(f"a vote of {drafts}", lambda shares: expected.vote(shares, drafts), drafts, claim, expect)
