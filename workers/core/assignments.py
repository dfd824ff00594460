"""What the database and a worker tell each other about a lane; plain values, known to both sides."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from workers.core.events import Event
from workers.core.ledger import GivenUp
from workers.core.values import FinishReason, Odds, Usage


class LaneWork(NamedTuple):
    """Everything a lane needs; the reference answer goes to the grader alone."""

    lane: int
    fence: int
    """How often the lane was claimed."""
    is_resumed: bool
    """Taken over from a worker that died, with facts already stored."""
    strategy: str
    params: Mapping[str, Any]
    model_name: str
    sampling: Mapping[str, Any]
    question: str
    reference: str
    grader: str
    grader_input: dict[str, Any]
    seed: int
    budget_tokens: int | None
    budget_seconds: int | None
    models: Mapping[str, str] = {}
    """By part of the strategy: the model that plays it, where it is not `model_name`."""
    given_up: Mapping[str, GivenUp] = {}
    """By call: the attempts of workers before."""
    corpus: str | None = None
    """The text of the corpus that the params name; None where they name none, or one that was deleted."""
    worked_ms: int = 0
    """How long workers before worked on the lane."""
    settle: bool = False
    """Where no answer or verdict can be read, ask once more for that alone."""


class Recorded(NamedTuple):
    """One call of the journal that ended, well or badly."""

    prompt: str
    """SHA-256 of the prompt, as in the call's CallStarted."""
    text: str
    thinking: str
    finish_reason: FinishReason | None
    usage: Usage
    error: str = ""
    """Why the call failed; then it has no finish reason."""
    stopped_by: str = ""
    odds: Odds | None = None


class Assignment(NamedTuple):
    """A claimed lane, and what a worker before may have left of it."""

    work: LaneWork
    journal: Mapping[str, Recorded]
    """Finished calls by key, in the order in which they ended."""
    run_age_ms: int
    """Milliseconds since the run began, at the moment of the claim."""


class Saved(NamedTuple):
    """What became of facts that were to be stored."""

    following: Sequence[Event]
    """Facts that follow from them: a run's end."""
    known: Mapping[tuple[int, str], Event]
    """Those that were stored before, by lane and identity, as they are stored. A worker that died between storing and
    publishing leaves viewers without them, and who goes on would tell them with times of its own."""


class Pulse(NamedTuple):
    """What the database answers to a worker that says it lives."""

    is_cancelled: bool
    lost: frozenset[int]
    """Lanes that somebody else has claimed since."""
