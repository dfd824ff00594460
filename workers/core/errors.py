"""Everything that can go wrong while a lane thinks.

ReasoningError
├── ModelError            a call could not be completed
│   ├── Unreachable       the server does not answer, or answers with a fault of its own
│   ├── StreamCut         the stream ended without a finish reason, or fell silent
│   └── Refused           the request itself is wrong, or the server is not to be trusted
├── BudgetSpent           the lane used all the tokens it was given
├── DeadlinePassed        the lane used all the seconds it was given
├── CorpusGone            the corpus that the lane is to search was deleted
├── StrategyError         our own bug: a strategy broke a promise
└── UnreadableAnswer      a reference answer that a grader cannot read
FencedOff                 another worker owns the lane: what this one writes is refused
"""

from collections.abc import Sequence


class ReasoningError(Exception):
    """Any failure that a lane reports in words."""


class ModelError(ReasoningError):
    """A call could not be completed; the message says what happened and what was kept."""


class Unreachable(ModelError):
    """The model server does not answer, or answers with a fault of its own."""


class StreamCut(ModelError):
    """The stream ended without a finish reason, broke, or fell silent too long."""


class Refused(ModelError):
    """The request itself is wrong, says the server, or its certificate is; asking again will not help."""


class BudgetSpent(ReasoningError):
    """The lane has used all the tokens it was given."""


class DeadlinePassed(ReasoningError):
    """The lane has used all the seconds it was given."""


class CorpusGone(ReasoningError):
    """The corpus that the lane is to search was deleted."""


class StrategyError(ReasoningError):
    """A strategy broke a promise; this is a bug of ours, not of the model."""


class UnreadableAnswer(ReasoningError):
    """A reference answer that its grader cannot read."""


class FencedOff(Exception):
    """Another worker owns some lanes now; nothing of what was to be written is."""

    def __init__(self, lane_ids: Sequence[int]) -> None:
        """Name the lanes."""
        self.lane_ids = lane_ids
        super().__init__(f"Lanes {list(lane_ids)} belong to another worker now; nothing was written.")
