"""Everything that happens in a lane, defined once.

A *fact* is stored for ever, once per lane and `identity`; a delta is not stored, it is rebuilt from the text
of the finished call. The browser's types are generated from these classes (`make types`).
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from workers.core.telling import CallEvent as CallEvent
from workers.core.telling import CandidateScored as CandidateScored
from workers.core.telling import EventBase as EventBase
from workers.core.telling import NodePlaced as NodePlaced
from workers.core.telling import NoteTaken as NoteTaken
from workers.core.telling import StatisticTaken as StatisticTaken
from workers.core.telling import Tally as Tally
from workers.core.telling import ToolUsed as ToolUsed
from workers.core.telling import VotesCounted as VotesCounted
from workers.core.telling import WorkspaceWritten as WorkspaceWritten
from workers.core.values import FinishReason, Odds, Ruling, Usage

Channel = Literal["answer", "thinking"]


class LaneStarted(EventBase):
    """A worker began the lane."""

    kind: Literal["lane_started"] = "lane_started"


class LaneResumed(EventBase):
    """Another worker took the lane over: texts of calls that were open start again."""

    kind: Literal["lane_resumed"] = "lane_resumed"
    fence: int
    """How often the lane was claimed."""

    @property
    def identity(self) -> str:
        """Name the take-over by its fence."""
        return f"LaneResumed:{self.fence}"


class RoundOpened(EventBase):
    """A named phase began."""

    kind: Literal["round_opened"] = "round_opened"
    index: int
    """1 for the lane's first round."""
    name: str

    @property
    def identity(self) -> str:
        """Name the round by its index."""
        return f"RoundOpened:{self.index}"


class RoundClosed(EventBase):
    """Everything in the round has ended."""

    kind: Literal["round_closed"] = "round_closed"
    index: int

    @property
    def identity(self) -> str:
        """Name the round by its index."""
        return f"RoundClosed:{self.index}"


class CallStarted(CallEvent):
    """A request to the model is about to be sent."""

    kind: Literal["call_started"] = "call_started"
    round: int
    """Index of the round it belongs to; 0 outside any round."""
    role: str
    prompt: str
    """SHA-256 of the prompt; the text is stored once."""
    seed: int
    max_tokens: int
    after: tuple[str, ...]
    """Keys of the calls that this one waited for: their text went into the prompt, or decided that it is asked."""
    thread: str = ""
    """The concurrent part of the lane that asks, e.g. `child-2`; empty for the lane's own line."""
    model: str = ""
    """The model's name where it is not the recipe's."""


class TextDelta(CallEvent):
    """Some more text of a call that is still being written."""

    is_fact: ClassVar[bool] = False

    kind: Literal["text_delta"] = "text_delta"
    channel: Channel
    start: int
    """Where the text begins in its channel, in UTF-16 units (what browsers count)."""
    text: str
    tokens: int
    """Completion tokens of the call so far."""


class CallRestarted(CallEvent):
    """The request broke and is sent again; the text until then is void."""

    kind: Literal["call_restarted"] = "call_restarted"
    retry: int
    """1 for the first repeat."""
    error: str
    abandoned_tokens: int
    """Completion tokens that were thrown away."""
    abandoned_prompt_tokens: int = 0
    """Prompt tokens that were read for nothing."""
    is_estimate: bool = False
    """True when the worker that counted is dead: the tokens are those of the text that viewers were sent."""

    @property
    def identity(self) -> str:
        """Name the call and the repeat."""
        return f"CallRestarted:{self.call}:{self.retry}"


class CallFinished(CallEvent):
    """A call said that it is complete."""

    kind: Literal["call_finished"] = "call_finished"
    text: str
    thinking: str
    answer: str | None
    """The final answer found in the text, for calls that offer a solution."""
    finish_reason: FinishReason
    usage: Usage
    first_token_at: int | None
    """Milliseconds since the run began, or None when nothing was written."""
    marks: tuple[tuple[int, int], ...]
    """(milliseconds since the call began, characters of thinking and text so far), rising in both."""
    retries: int
    """How often the request was sent again before it went through."""
    stopped_by: str = ""
    """The stop string that ended the text, if the server said so."""
    odds: Odds | None = None
    """The text's log-probabilities, reduced, for calls that asked for them."""


class CallFailed(CallEvent):
    """A call broke; what it wrote until then is kept."""

    kind: Literal["call_failed"] = "call_failed"
    error: str
    text: str
    thinking: str
    usage: Usage


class CallCancelled(CallEvent):
    """A call was stopped on purpose; what it wrote until then is kept."""

    kind: Literal["call_cancelled"] = "call_cancelled"
    text: str
    thinking: str
    usage: Usage


class AnswerGiven(EventBase):
    """The lane's answer."""

    kind: Literal["answer_given"] = "answer_given"
    text: str
    answer: str | None
    note: str
    is_partial: bool
    """True when the lane did not come to its end, and this is the best answer until then."""


class VerdictReached(EventBase):
    """The grader's ruling on the lane's answer."""

    kind: Literal["verdict_reached"] = "verdict_reached"
    ruling: Ruling
    explanation: str
    expected: str
    grader: str


class DraftGraded(CallEvent):
    """The grader's ruling on one draft, reached after the lane has ended."""

    kind: Literal["draft_graded"] = "draft_graded"
    ruling: Ruling


class Ledger(BaseModel):
    """What a lane cost, computed from its calls alone (see ledger.py)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    total_tokens: int = 0
    critical_path_tokens: int = 0
    """Tokens (prompt and completion) on the longest chain of calls that waited for each other."""
    critical_path: tuple[str, ...] = ()
    """The calls of that chain, first to last."""
    calls: int = 0
    depth: int = 0
    """Calls in the longest chain, counted in calls."""
    peak_context: int = 0
    """Largest prompt plus completion of any one call, in tokens."""
    wasted_tokens: int = 0
    """Tokens of calls that failed or were cancelled, and of solutions that were cut off or have no readable answer."""
    failed_calls: int = 0
    retries: int = 0


class LaneEnd(EventBase):
    """The lane's last event."""

    ledger: Ledger
    seconds: float
    """From the lane's start to its end."""

    @property
    def identity(self) -> str:
        """Share one name among all endings: a lane ends once."""
        return "LaneEnd"


class LaneFinished(LaneEnd):
    """The strategy came to its end, or to the end of its budget with an answer."""

    kind: Literal["lane_finished"] = "lane_finished"
    stopped_by: Literal["", "budget", "deadline"]
    """Why it ended early, or empty."""


class LaneFailed(LaneEnd):
    """The strategy could not come to its end."""

    kind: Literal["lane_failed"] = "lane_failed"
    error: str


class LaneCancelled(LaneEnd):
    """A person stopped the lane."""

    kind: Literal["lane_cancelled"] = "lane_cancelled"


class RunEnded(EventBase):
    """Every lane of the run has ended; `lane` is 0."""

    kind: Literal["run_ended"] = "run_ended"
    status: Literal["finished", "failed", "cancelled"]


Event = Annotated[
    LaneStarted | LaneResumed | RoundOpened | RoundClosed | CallStarted | TextDelta | CallRestarted | CallFinished
    | CallFailed | CallCancelled | WorkspaceWritten | VotesCounted | CandidateScored | NodePlaced | StatisticTaken
    | ToolUsed | NoteTaken | AnswerGiven | VerdictReached | DraftGraded | LaneFinished | LaneFailed | LaneCancelled
    | RunEnded,
    Field(discriminator="kind"),
]  # fmt: skip
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
ENDINGS = (LaneFinished, LaneFailed, LaneCancelled)
