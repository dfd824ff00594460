"""Responses as they stand on the line: how a stream is framed, cut into segments, and broken off."""

import random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.faults.streams.matrix import Part, Truth, streams, tell
from tests.model_server import Piece, Rule
from workers.backends._patience import Patience

IDLE_SECONDS = 0.3
BRISK = Patience(first_token_seconds=IDLE_SECONDS, idle_seconds=IDLE_SECONDS, retries=0, backoff_seconds=0)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"


class Line(NamedTuple):
    """A stream, and what the network makes of it."""

    parts: list[Part]
    is_chunked: bool
    segments: int
    end: str
    """`whole`, `close`, `cut` (inside a chunk), `abort`, `half_close`, `stall`, or `trickle` (of comments)."""

    @property
    def truth(self) -> Truth:
        """A break tells nothing that a close would not: done is only what said so before."""
        return tell(self.parts)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Return a line; one that falls silent after its parts is rare, since it is waited for."""
    end = draw(st.sampled_from(["whole", "close", "cut", "abort", "half_close"] * 3 + ["stall", "trickle"]))
    return Line(draw(streams()), draw(st.booleans()), draw(st.integers(1, 6)), end)


def respond(line: Line) -> Rule:
    """Return the rule that answers so."""
    data = b"".join(part.data for part in line.parts)
    chance = random.Random(data)  # a segment is a write after a pause; where they are cut does not matter much
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(line.segments - 1))
    bodies = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    pieces = [Piece(data=_frame(body, line), wait_seconds=0.001) for body in bodies if body]
    if line.end == "trickle":
        pieces += [Piece(data=_frame(b": still here\n\n", line), wait_seconds=IDLE_SECONDS / 6)] * 10
    return Rule(raw=(Piece(data=_head(line)), *pieces, Piece(data=_tail(line))), raw_end=_end(line))


def _head(line: Line) -> bytes:
    return _HEAD + (b"Transfer-Encoding: chunked\r\n" if line.is_chunked else b"") + b"\r\n"


def _frame(body: bytes, line: Line) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body) if line.is_chunked else body


def _tail(line: Line) -> bytes:
    if not line.is_chunked:
        return b""
    return {"whole": b"0\r\n\r\n", "half_close": b"0\r\n\r\n", "cut": b"ff\r\ndata: {"}.get(line.end, b"")


def _end(line: Line) -> Any:
    return {"abort": "abort", "half_close": "half_close", "stall": "stall", "trickle": "stall"}.get(line.end, "close")
