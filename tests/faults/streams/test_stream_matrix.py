"""F11: whatever a server sends, the text is what it said, and done only what said so. Without a network."""

from itertools import pairwise

from hypothesis import event, example, given
from hypothesis import strategies as st

from tests.faults.streams.matrix import MAX_TOKENS, Part, Truth, streams, tell
from workers.backends._reading import StreamReader


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[list[Part], list[bytes]]:
    """Return a stream, and its bytes as a network might hand them on: whole, byte by byte, or in pieces."""
    parts = draw(streams(may_be_huge=True))
    data = b"".join(part.data for part in parts)
    how = draw(st.sampled_from(["whole", "bytes", "parts", "pieces", "pieces"]))
    if how == "whole":
        return parts, [data]
    if how == "bytes" and len(data) < 5_000:
        return parts, [data[n : n + 1] for n in range(len(data))]
    if how == "parts":
        return parts, [part.data for part in parts]
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12))
    return parts, [data[start:end] for start, end in pairwise([0, *sorted(cuts), len(data)])]


def read(pieces: list[bytes]) -> Truth:
    """Return what the reader makes of them."""
    reader = StreamReader("The server", MAX_TOKENS)
    chunks = []
    for piece in pieces:
        if reader.is_done:
            break
        chunks.append(reader.feed(piece))
    chunks.append(reader.end())
    known = [chunk for chunk in chunks if chunk]
    usages = [chunk.usage.completion_tokens for chunk in known if chunk.usage]
    finishes = [chunk.finish_reason for chunk in known if chunk.finish_reason]
    assert len(usages) <= 1
    assert len(finishes) <= 1
    return Truth(
        text="".join(chunk.text for chunk in known),
        thinking="".join(chunk.thinking for chunk in known),
        finish=finishes[0] if finishes else None,
        counts=usages[0] if usages else None,
        fails=type(reader.error) if reader.error else None,
    )


@given(cut_streams())
def test_a_stream_says_what_its_parts_say(stream: tuple[list[Part], list[bytes]]) -> None:
    parts, pieces = stream
    truth = tell(parts)
    event(f"ends: {truth.finish or (truth.fails and truth.fails.__name__)}")

    said = read(pieces)

    assert (said.text, said.thinking, said.finish, said.counts) == truth[:4]
    assert said.fails is truth.fails or (truth.fails and said.fails and issubclass(said.fails, truth.fails))


@given(streams())
@example([Part(b"data: x\r\r")])
def test_no_stream_is_done_without_a_finish_reason(parts: list[Part]) -> None:
    without = [part for part in parts if b"finish_reason" not in part.data or b'"finish_reason": null' in part.data]

    said = read([part.data for part in without])

    assert said.finish is None
    assert said.fails is not None
