"""What a lane may cost: where it ends, and what makes lanes equal."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from workers.core.estimate import Estimate
from workers.core.strategy import Sizes, Strategy

MOST_CALLS = 256
"""Calls that one lane of a comparison may make."""
MOST_TOKENS = 10_000_000
"""Where the preview stops counting."""
ENOUGH = 0.9
"""Part of the tokens of a goal from which on a lane counts as equal."""

Axis = Literal["total_tokens", "critical_path"]


class Budget(BaseModel):
    """Where a lane ends even if its strategy has not come to its end."""

    tokens: int | None = Field(
        100_000, ge=100, le=100_000_000, title="Tokens per lane",
        description="A lane that has used so many, prompts included, ends with its best answer so far. Empty: no cap.",
    )  # fmt: skip
    seconds: int | None = Field(
        1_800, ge=1, le=86_400, title="Seconds per lane",
        description="A lane ends after so many seconds, with its best answer so far. Empty: no cap.",
    )  # fmt: skip
    seed: int | None = Field(
        None, ge=0, le=2**31 - 1, title="Seed",
        description="The same seed draws the same subsets and sends the same seeds to the model. Empty: a new one.",
    )  # fmt: skip


class Ending(BaseModel):
    """What a lane does whose end cannot be read."""

    settle: Literal["on", "off"] = Field(
        "on", title="Settle",
        description="Where no answer or verdict can be read, ask once more for that alone, in one short call.",
    )  # fmt: skip


class Equality(BaseModel):
    """What all lanes are to spend alike."""

    axis: Literal["free", "total_tokens", "critical_path"] = Field(
        "free", title="Equal", description="What all lanes spend alike; free: each as its settings say."
    )
    tokens: int | None = Field(
        None, ge=100, le=MOST_TOKENS, title="At most", validate_default=True,
        description="Tokens on that axis, prompts included, if every call writes its whole limit.",
    )  # fmt: skip

    @field_validator("tokens")
    @classmethod
    def _check_tokens(cls, tokens: int | None, info: ValidationInfo) -> int | None:
        if tokens is None and info.data.get("axis", "free") != "free":
            raise ValueError("Enter how many tokens, or press Small, Medium or Large.")
        return tokens


class Goal(NamedTuple):
    """How many tokens each lane may cost, on which axis."""

    axis: Axis
    tokens: int

    def spent(self, estimate: Estimate) -> int:
        """Return what an estimate says on this axis."""
        return estimate.total_tokens if self.axis == "total_tokens" else estimate.critical_path_tokens

    def allows(self, estimate: Estimate) -> bool:
        """Say whether a lane costs no more than this."""
        return not estimate.is_cut and self.spent(estimate) <= self.tokens

    def is_met(self, estimate: Estimate) -> bool:
        """Say whether a lane costs as good as all of this, and no more."""
        return self.allows(estimate) and self.spent(estimate) >= ENOUGH * self.tokens

    def sizes_of(self, strategy: Strategy) -> Sizes | None:
        """Return how a strategy grows on this axis."""
        return strategy.deeper if self.axis == "critical_path" else strategy.wider or strategy.deeper
