"""What strategies tell their readers, besides the calls they make; see events.py."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

NodeState = Literal["open", "kept", "pruned", "final"]


class EventBase(BaseModel):
    """What every event carries."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    is_fact: ClassVar[bool] = True

    lane: int
    """The lane's id."""
    at: int
    """Milliseconds since the run began."""

    @property
    def identity(self) -> str:
        """Name this fact within its lane; a lane that runs again repeats the name, not the fact."""
        return type(self).__name__


class CallEvent(EventBase):
    """Something about one call."""

    call: str
    """The call's key in its lane: role and position, e.g. `draft-3`."""

    @property
    def identity(self) -> str:
        """Name the kind and the call."""
        return f"{type(self).__name__}:{self.call}"


class WorkspaceWritten(EventBase):
    """The compact text that the next round starts from."""

    kind: Literal["workspace_written"] = "workspace_written"
    index: int
    """1 for the lane's first workspace."""
    round: int
    text: str
    tokens: int
    """Size of the text, in tokens; estimated when the backend cannot count."""
    limit: int
    """Largest size allowed, in tokens."""
    after: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Name the workspace by its index."""
        return f"WorkspaceWritten:{self.index}"


class Tally(BaseModel):
    """One answer and the calls that gave it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    answer: str
    """The first spelling seen, in order of call."""
    calls: tuple[str, ...]


class VotesCounted(EventBase):
    """How the votes stand after one more draft has ended."""

    kind: Literal["votes_counted"] = "votes_counted"
    round: int
    tallies: tuple[Tally, ...]
    """In the order in which the answers first appear by call; equal answers are merged."""
    silent: tuple[str, ...]
    """Calls that gave no answer; they do not vote."""
    expected: int
    """Votes when all drafts have ended."""

    @property
    def identity(self) -> str:
        """Name the count by round and number of ballots."""
        ballots = len(self.silent) + sum(len(tally.calls) for tally in self.tallies)
        return f"VotesCounted:{self.round}:{ballots}"


class CandidateScored(CallEvent):
    """A judge's value for a draft."""

    kind: Literal["candidate_scored"] = "candidate_scored"
    value: float = Field(ge=0, le=1)
    by: str
    """Who judged: a call's key, or a method's name."""

    @property
    def identity(self) -> str:
        """Name the draft and its judge."""
        return f"CandidateScored:{self.call}:{self.by}"


class NodePlaced(EventBase):
    """A node of a tree search, or a member of a population; placed again, it has a new state."""

    kind: Literal["node_placed"] = "node_placed"
    index: int
    """1 for the lane's first placing."""
    node: str
    under: tuple[str, ...]
    """The nodes that it comes from; several for a merge, none for a root."""
    calls: tuple[str, ...]
    """The calls that wrote and judged it."""
    title: str
    value: float | None
    """What the search thinks of it, on the search's own scale."""
    state: NodeState
    group: str
    """Island or subtree; empty when there is one."""
    level: int
    """Depth or generation, from 0."""

    @property
    def identity(self) -> str:
        """Name the placing by its index."""
        return f"NodePlaced:{self.index}"


class StatisticTaken(EventBase):
    """One more value of something that is watched over time, such as what decides when to stop."""

    kind: Literal["statistic_taken"] = "statistic_taken"
    index: int
    """1 for the lane's first value."""
    name: str
    value: float
    seen: int
    """After how many drafts, steps or rounds."""
    threshold: float | None
    """The value that decides, if there is one."""

    @property
    def identity(self) -> str:
        """Name the value by its index."""
        return f"StatisticTaken:{self.index}"


class ToolUsed(EventBase):
    """A tool that is no model was used, e.g. a retriever; it costs no tokens."""

    kind: Literal["tool_used"] = "tool_used"
    index: int
    """1 for the lane's first use."""
    tool: str
    input: str
    output: str
    after: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Name the use by its index."""
        return f"ToolUsed:{self.index}"


class NoteTaken(EventBase):
    """Something a reader of the lane should know, e.g. that a selection could not be read."""

    kind: Literal["note_taken"] = "note_taken"
    index: int
    text: str

    @property
    def identity(self) -> str:
        """Name the note by its index."""
        return f"NoteTaken:{self.index}"
