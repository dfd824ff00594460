"""How long to wait for a model server."""

from typing import NamedTuple

from workers.backends._reading import StreamReader
from workers.core.errors import StreamCut

LINGER_SECONDS = 5.0
"""How long the usage may come after the finish reason."""


class Patience(NamedTuple):
    """How long a call may take, and how often it is tried."""

    connect_seconds: float = 10
    first_token_seconds: float = 600
    """From the request to the first token: a busy server lets requests wait in its queue."""
    idle_seconds: float = 120
    """Between two tokens. Comments that servers send to keep a connection open do not count."""
    total_seconds: float = 3600
    """All tries together."""
    retries: int = 2
    backoff_seconds: float = 0.5
    """Wait before the first retry; doubles each time, plus up to as much again by chance."""
    longest_wait_seconds: float = 60
    """A server that asks for a longer wait is given up."""


class Watch:
    """Keeps the time of one try: when the last token came, and when patience ends."""

    def __init__(self, patience: Patience, ends_at: float, now: float) -> None:
        """Begin to wait; times are the event loop's."""
        self._patience = patience
        self._ends_at = ends_at
        self._last_token_at = now

    def heard_token(self, now: float) -> None:
        """Note that the model is alive."""
        self._last_token_at = now

    def find_deadline(self, reader: StreamReader) -> float:
        """Return when to stop waiting for the next token."""
        return min(self._last_token_at + self._allowance(reader), self._ends_at)

    def explain(self, server: str, reader: StreamReader) -> StreamCut:
        """Return the error for a deadline that has passed."""
        if self.find_deadline(reader) == self._ends_at:
            what = f"needed more than the {self._patience.total_seconds:g} s that a call may take"
        else:
            what = f"sent no token for {self._allowance(reader):g} s"
        return StreamCut(
            f"{server} {what}; the stream was closed after {reader.written}; the text is kept as cut off. "
            "It may be overloaded: use fewer drafts at once."
        )

    def _allowance(self, reader: StreamReader) -> float:
        if reader.finish_reason:
            return LINGER_SECONDS
        return self._patience.idle_seconds if reader.tokens else self._patience.first_token_seconds
