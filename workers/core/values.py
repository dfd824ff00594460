"""The small frozen values that strategies, graders and backends pass to each other."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from workers.core.answers import drop_thinking

FinishReason = Literal["stop", "length"]
Ruling = Literal["right", "wrong", "unreadable", "timeout", "ungraded"]


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Value):
    """What a strategy may know of a problem: never the reference answer."""

    question: str


class Sampling(Value):
    """How the model draws its tokens; the seed of each call is derived by the lane."""

    temperature: float = Field(0.8, ge=0, le=2, description="Spread of the drafts; 0 always takes the likeliest token.")
    top_p: float = Field(0.95, gt=0, le=1, description="Draw only from the likeliest tokens that add up to this.")
    max_tokens: int = Field(512, ge=1, le=131_072, description="Longest text of one call, in tokens.")


class Usage(Value):
    """Tokens of one call, as the model server counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    """All tokens written, reasoning included."""
    reasoning_tokens: int = 0
    """The part of `completion_tokens` that was thinking."""
    cached_tokens: int = 0
    """The part of `prompt_tokens` that the server had in its prefix cache."""

    @property
    def total_tokens(self) -> int:
        """Return prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


class Reply(NamedTuple):
    """What `lane.ask` returns: one finished call."""

    key: str
    """The call's key in its lane, for `after=`."""
    text: str
    """The answer channel, whole."""
    thinking: str
    finish_reason: FinishReason
    usage: Usage
    answer: str | None
    """The final answer found in the text, or None."""

    @property
    def solution(self) -> str:
        """Return the text that may travel on to other prompts: no thinking.

        Servers without a reasoning parser leave the thinking in the text; it ends at the last `</think>`.
        """
        return drop_thinking(self.text).strip()

    @property
    def has_thought(self) -> bool:
        """Say whether the model thought before it answered."""
        return bool(self.thinking) or self.solution != self.text.strip()

    @property
    def is_truncated(self) -> bool:
        """Say whether the token limit cut this reply off."""
        return self.finish_reason == "length"


class Answer(Value):
    """What a strategy returns: a final answer, and the text it stands in."""

    text: str
    """The whole final text; graders read the answer out of it."""
    answer: str | None = None
    """The extracted answer, e.g. `42`; None when the text holds none."""
    note: str = ""
    """Where it comes from, in a few words, e.g. `7 of 11 votes`."""

    @classmethod
    def from_reply(cls, reply: Reply, note: str = "") -> "Answer":
        """Return a draft as the answer."""
        return cls(text=reply.solution, answer=reply.answer, note=note)


class Verdict(Value):
    """A grader's ruling on one answer."""

    ruling: Ruling
    explanation: str = ""
    """One sentence for a person: why."""
    expected: str = ""
    """The reference answer, as the grader read it."""
