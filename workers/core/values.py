"""The small frozen values that strategies, graders and backends pass to each other."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from workers.core.answers import drop_thinking
from workers.core.errors import StrategyError

FinishReason = Literal["stop", "length", "pruned"]
"""Ended by itself or at a stop string; cut off by the token limit; ended by the strategy, which needs no more of it."""
Effort = Literal["low", "medium", "high"]
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


class TokenOdds(NamedTuple):
    """One token, and what else could have stood in its place. Logarithms are natural, before temperature."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens with their log-probabilities, at most as many as were asked for, likeliest first."""


class Measure(Value):
    """What a call's log-probabilities are to be reduced to."""

    top: int = Field(20, ge=0, le=20, description="Alternatives for each token.")
    window: int = Field(2048, ge=1, description="Tokens of a sliding window.")
    tail: int = Field(2048, ge=1, description="Tokens of the tail.")
    keep: int = Field(0, ge=0, le=64, description="How many of the first tokens are kept as they are.")
    keep_last: int = Field(0, ge=0, le=64, description="How many of the last tokens are kept as they are.")
    temperature: float = Field(1.0, gt=0, description="At which the entropy is computed; servers give raw odds.")


class Odds(Value):
    """The log-probabilities of one text. Confidence is DeepConf's: higher is more peaked, and it is no probability."""

    tokens: int = 0
    sum_logprob: float = 0.0
    """Of the tokens that were written (or given), in nats."""
    lowest_logprob: float = 0.0
    decile_logprob: float = 0.0
    """A tenth of the tokens are less likely."""
    mean_entropy: float = 0.0
    """Nats for each token, over the alternatives that came back, as if there were no others."""
    entropy_floor: float = 0.0
    """Nats for each token, the mass that is missing counted as one more alternative: a lower bound."""
    confidence: float = 0.0
    """Mean over tokens of the negative mean log-probability of the alternatives."""
    tail_confidence: float = 0.0
    lowest_window: float = 0.0
    """Lowest mean confidence of any window; a text shorter than one is one window."""
    bottom_windows: float = 0.0
    """Mean of the lowest tenth of the windows, at least of one."""
    kept: tuple[TokenOdds, ...] = ()
    """The first tokens, as many as were to be kept."""
    last: tuple[TokenOdds, ...] = ()
    """The last tokens, as many as were to be kept."""

    @property
    def mean_logprob(self) -> float:
        """Return the mean over tokens; 0 for an empty text."""
        return self.sum_logprob / self.tokens if self.tokens else 0.0


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
    """The final answer found in the text, what was begun included, or None."""
    stopped_by: str = ""
    """The stop string that ended the text; empty when it ended by itself, or when the server does not say."""
    odds: Odds | None = None
    """The log-probabilities of the text, for calls that asked for them."""

    @property
    def measured(self) -> Odds:
        """Return the log-probabilities of a call that asked for them; the lane has seen that they came."""
        if self.odds is None:
            raise StrategyError(f"Call '{self.key}' did not ask for log-probabilities.")
        return self.odds

    @property
    def similarities(self) -> list[float]:
        """Return how near each of the texts to be compared is, in their order: cosines, 1 for the same direction."""
        return read_similarities(self.text)

    @property
    def solution(self) -> str:
        """Return the text that may travel on to other prompts: no thinking.

        Servers without a reasoning parser leave the thinking in the text; it ends at the last `</think>`.
        """
        return drop_thinking(self.text).strip()

    @property
    def continued(self) -> str:
        """Return what goes on from a begun answer, on whichever channel it came.

        A server with a reasoning parser that is shown no end of a thought takes all of it for thinking.
        """
        return self.text or self.thinking

    @property
    def has_thought(self) -> bool:
        """Say whether the model thought before it answered."""
        return bool(self.thinking) or self.solution != self.text.strip()

    @property
    def is_truncated(self) -> bool:
        """Say whether the token limit cut this reply off."""
        return self.finish_reason == "length"

    @property
    def is_pruned(self) -> bool:
        """Say whether the strategy ended this reply before its end."""
        return self.finish_reason == "pruned"


def write_similarities(similarities: Sequence[float]) -> str:
    """Return the text of a call that compared texts.

    >>> write_similarities([0.5, -1.0]), read_similarities("0.5000 -1.0000")
    ('0.5000 -1.0000', [0.5, -1.0])
    """
    return " ".join(f"{similarity:.4f}" for similarity in similarities)


def read_similarities(text: str) -> list[float]:
    """Return what `write_similarities` wrote. Raises StrategyError for the text of another call."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        raise StrategyError("A call that did not compare texts has no similarities.") from None


class Writing(NamedTuple):
    """A text while it is being written, for `until`."""

    read: Callable[[], str]
    """Puts the answer channel together: long texts come in many pieces, and few who look need the words."""
    tokens: int
    """Completion tokens until now."""
    lowest_window: float | None
    """Lowest mean confidence of a full window until now; None before one is full, and when nothing is measured."""

    @property
    def text(self) -> str:
        """Return the answer channel until now."""
        return self.read()


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
