"""Bytes of a stream, cut anywhere, become the same text."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.backends._events import MAX_EVENT_BYTES
from workers.backends._reading import StreamReader
from workers.core.errors import ModelError, Refused, StreamCut, Unreachable
from workers.core.model import Chunk
from workers.core.values import Usage

RECORDED = Path(__file__).parent / "recorded"
VLLM = (RECORDED / "vllm_reasoning.sse").read_bytes()
VLLM_SEVERAL = (RECORDED / "vllm_thinking_budget.sse").read_bytes()
LLAMA_CPP = (RECORDED / "llama_cpp_emoji.sse").read_bytes()
DONE = b"data: [DONE]\n\n"


def delta(finish_reason: str | None = None, **fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def read(*pieces: bytes) -> tuple[Chunk, ModelError | None]:
    """Return everything that was read as one chunk, and the error."""
    reader = StreamReader("The server", max_tokens=100)
    chunks = []
    for piece in pieces:
        if not reader.is_done:
            chunks.append(reader.feed(piece))
    chunks.append(reader.end())
    known = [chunk for chunk in chunks if chunk]
    reasons = [chunk.finish_reason for chunk in known if chunk.finish_reason]
    usages = [chunk.usage for chunk in known if chunk.usage]
    assert len(reasons) <= 1
    assert len(usages) <= 1
    whole = Chunk(
        text="".join(chunk.text for chunk in known),
        thinking="".join(chunk.thinking for chunk in known),
        tokens=sum(chunk.tokens for chunk in known),
        finish_reason=reasons[0] if reasons else None,
        usage=usages[0] if usages else None,
    )
    return whole, reader.error


def test_a_vllm_stream_is_read_with_its_reasoning_and_usage() -> None:
    assert read(VLLM) == (
        Chunk(
            text="Eight legs: 2 × 4 = \\boxed{8}.",
            thinking="Two cats 🐈…",
            tokens=16,
            finish_reason="stop",
            usage=Usage(prompt_tokens=23, completion_tokens=16, reasoning_tokens=6, cached_tokens=16),
        ),
        None,
    )


def test_a_vllm_stream_with_several_tokens_in_a_chunk_is_counted_token_by_token() -> None:
    assert read(VLLM_SEVERAL) == (
        Chunk(
            text=" is a serendipitous breakfast in British caféiosis.",
            thinking="Café Caf",
            tokens=16,
            finish_reason="stop",
            usage=Usage(prompt_tokens=58, completion_tokens=16),
        ),
        None,
    )


def test_a_llama_cpp_stream_is_read_with_its_usage() -> None:
    assert read(LLAMA_CPP) == (
        Chunk(
            text="🍡Café🍔🌜🌊🌍🌞🌣🌙🌄🌠🌤🌹",
            tokens=40,
            finish_reason="length",
            usage=Usage(prompt_tokens=49, completion_tokens=40),
        ),
        None,
    )


def test_the_prompts_size_is_told_once_as_soon_as_the_server_counts_it() -> None:
    counted = [event(delta(content=word) | {"usage": {"prompt_tokens": 23, "completion_tokens": 1}}) for word in "ab"]
    reader = StreamReader("The server", max_tokens=100)

    chunks = [reader.feed(event(delta(content="a"))), *map(reader.feed, counted)]

    assert [chunk.prompt_tokens for chunk in chunks if chunk] == [0, 23, 0]


@pytest.mark.parametrize("stream", [VLLM, VLLM_SEVERAL, LLAMA_CPP], ids=["vllm", "vllm-several", "llama.cpp"])
def test_a_cut_at_any_byte_changes_nothing(stream: bytes) -> None:
    whole = read(stream)

    assert all(read(stream[:cut], stream[cut:]) == whole for cut in range(1, len(stream)))


@given(
    stream=st.sampled_from([VLLM, LLAMA_CPP, VLLM.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + VLLM]),
    cuts=st.lists(st.integers(0, len(LLAMA_CPP)), max_size=30),
)
def test_many_cuts_change_nothing(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]

    assert read(*pieces) == read(stream)


@pytest.mark.parametrize("stream", [VLLM, VLLM_SEVERAL, LLAMA_CPP], ids=["vllm", "vllm-several", "llama.cpp"])
def test_a_stream_that_stops_anywhere_is_whole_or_says_that_it_is_not(stream: bytes) -> None:
    whole, _ = read(stream)
    finish = stream.index(b'"finish_reason":"')
    ends = stream.index(b"\n\n", finish) + 2

    for cut in range(len(stream)):
        chunk, error = read(stream[:cut])
        assert whole.text.startswith(chunk.text)
        if cut < ends:
            assert isinstance(error, StreamCut)
            assert chunk.finish_reason is None
        else:
            assert error is None
            assert (chunk.text, chunk.thinking, chunk.finish_reason) == (
                whole.text,
                whole.thinking,
                whole.finish_reason,
            )


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)), st.booleans())
def test_any_text_comes_through_escaped_or_not(texts: list[str], is_escaped: bool) -> None:
    stream = b"".join(
        b"data: " + json.dumps(delta(content=text), ensure_ascii=is_escaped).encode() + b"\n\n" for text in texts
    )

    chunk, error = read(stream, event(delta("stop")), DONE)

    assert error is None
    assert chunk.text == "".join(texts)
    assert chunk.tokens == len(texts)


@given(st.lists(st.text(st.characters(categories=["Cs", "Ll", "So"]), min_size=1), max_size=8))
def test_halves_of_characters_are_joined_over_pieces_and_lone_ones_replaced(texts: list[str]) -> None:
    stream = b"".join(event(delta(content=text)) for text in texts)

    chunk, _ = read(stream, event(delta("stop")), DONE)

    together = "".join(texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert chunk.text == together
    chunk.text.encode()


def test_a_half_character_at_the_very_end_is_replaced() -> None:
    chunk, _ = read(event(delta(content="a\ud83d")), event(delta("stop")), DONE)

    assert chunk.text == "a\ufffd"


def test_nul_is_replaced() -> None:
    chunk, _ = read(event(delta(content="a\0b", reasoning="\0é")), event(delta("stop")), DONE)

    assert (chunk.text, chunk.thinking) == ("a\ufffdb", "\ufffdé")


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    broken = event(delta(content="a?b")).replace(b"?", b"\xff")

    chunk, error = read(broken, event(delta("stop")), DONE)

    assert (chunk.text, error) == ("a\ufffdb", None)


SAME = [
    pytest.param(b": comment\n\nevent: x\nid: 7\nretry: 1\n" + event(delta(content="a")), id="comments and ids"),
    pytest.param(event(delta(content="a")).replace(b"data: ", b"data:"), id="no space after the colon"),
    pytest.param(b'data: {"choices":\ndata: [{"index": 0, "delta": {"content": "a"}}]}\n\n', id="several data lines"),
    pytest.param(event(delta(content="a")).replace(b"\n", b"\r"), id="carriage returns alone"),
    pytest.param(event(delta(role="assistant", content="")) + event(delta(content="a")), id="role first"),
    pytest.param(event(delta(content=None)) + event(delta(content="a")), id="null content"),
    pytest.param(event({"choices": []}) + event(delta(content="a")), id="no choices"),
    pytest.param(event({"choices": [{"index": 1, "delta": {"content": "b"}}]}) + event(delta(content="a")), id="index"),
    pytest.param(event({"choices": [{"delta": {"content": "a"}}]}), id="no index"),
    pytest.param(event({"choices": [None, 3, {"delta": 5}], "usage": None}) + event(delta(content="a")), id="odd"),
    pytest.param(event({"choices": "x", "usage": 7}) + event(delta(content="a")), id="odder"),
]  # fmt: skip


@pytest.mark.parametrize("stream", SAME)
def test_odd_streams_say_the_same(stream: bytes) -> None:
    chunk, error = read(stream, event(delta("stop")), DONE)

    assert (chunk.text, chunk.tokens, chunk.finish_reason, error) == ("a", 1, "stop", None)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_is_read_under_both_of_its_names(field: str) -> None:
    chunk, _ = read(event(delta(**{field: "hm"})), event(delta("stop", content="a")))

    assert (chunk.thinking, chunk.text, chunk.tokens) == ("hm", "a", 2)


def test_thinking_given_under_both_names_counts_once() -> None:
    chunk, _ = read(event(delta(reasoning="hm", reasoning_content="hm")), event(delta("stop")))

    assert (chunk.thinking, chunk.tokens) == ("hm", 1)


def test_think_tags_in_the_content_stay_there() -> None:
    chunk, _ = read(event(delta(content="<think>hm</think>a")), event(delta("stop")))

    assert (chunk.text, chunk.thinking) == ("<think>hm</think>a", "")


def test_usage_after_the_finish_reason_is_kept_and_its_gaps_are_zero() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "completion_tokens_details": None, "prompt_tokens_details": 1}

    chunk, _ = read(event(delta("stop", content="a")), event({"choices": [], "usage": usage}), DONE)

    assert chunk.usage == Usage(prompt_tokens=3, completion_tokens=5)


def test_usage_in_every_event_counts_once_at_the_end() -> None:
    growing = [event(delta(content="a") | {"usage": {"completion_tokens": n}}) for n in (4, 8)]

    chunk, _ = read(*growing, event(delta("stop") | {"usage": {"completion_tokens": 9}}))

    assert chunk.usage == Usage(completion_tokens=9)
    assert chunk.tokens == 9


@pytest.mark.parametrize(
    ("said", "means"),
    [("stop", "stop"), ("tool_calls", "stop"), ("eos_token", "stop"), ("length", "length"), ("repetition", "length")],
)
def test_finish_reasons_are_understood(said: str, means: str) -> None:
    chunk, error = read(event(delta(said, content="a")))

    assert (chunk.finish_reason, error) == (means, None)


def test_the_first_finish_reason_counts() -> None:
    chunk, error = read(event(delta("length")), event(delta("stop")), event(delta("abort")), DONE)

    assert (chunk.finish_reason, error) == ("length", None)


@pytest.mark.parametrize(
    ("stream", "kind", "message"),
    [
        (b"", StreamCut, "closed the stream after 1 token with no finish reason; the text is kept as cut off."),
        (DONE, StreamCut, "closed the stream after 1 token with no finish reason; the text is kept as cut off."),
        (
            event(delta("abort")),
            StreamCut,
            "aborted the request after 1 token with finish reason 'abort', not 'stop' or 'length'; "
            "the text is kept as cut off.",
        ),
        (
            event(delta("<b>\n" * 40)),
            StreamCut,
            "ended the stream after 1 token with finish reason '<b> <b> <b> <b> <b> <b> <b> <…', "
            "not 'stop' or 'length'; the text is kept as cut off.",
        ),
        (
            event(delta("content_filter")),
            Refused,
            "stopped the text after 1 token: its content filter objects. "
            "The text is kept as cut off; asking again will not help.",
        ),
        (
            event({"error": {"message": "CUDA\x1b[2J died", "code": 500}}) + DONE,
            Unreachable,
            "reported an error after 1 token: “CUDA [2J died”. The text is kept as cut off.",
        ),
        (
            event({"error": {"message": "bad grammar", "code": 400}}),
            Refused,
            "reported an error after 1 token: “bad grammar”. The text is kept as cut off.",
        ),
        (
            event({"object": "error", "message": "lost", "code": 500}),
            Unreachable,
            "reported an error after 1 token: “lost”. The text is kept as cut off.",
        ),
        (
            b'error: {"error": {"message": "slot lost"}}\n\n',
            Unreachable,
            "reported an error after 1 token: “slot lost”. The text is kept as cut off.",
        ),
        (
            b"data: <html>\n\n",
            StreamCut,
            "sent an event that is not a JSON object after 1 token; the text before it is kept as cut off.",
        ),
        (
            b"data: " + b"[" * 100_000 + b"\n\n",
            StreamCut,
            "sent an event that is not a JSON object after 1 token; the text before it is kept as cut off.",
        ),
        (
            b"data: " + b"x" * MAX_EVENT_BYTES,
            StreamCut,
            "sent an event of more than 1,048,576 bytes after 1 token; a token takes a few hundred. "
            "The text before it is kept as cut off.",
        ),
    ],
    ids=["end", "done", "abort", "unknown reason", "filter", "error", "error 400", "bare error", "error line",
         "no JSON", "deep JSON", "huge"],
)  # fmt: skip
def test_a_stream_that_does_not_end_well_says_why(stream: bytes, kind: type[ModelError], message: str) -> None:
    chunk, error = read(event(delta(content="a")) + stream)

    assert chunk.text == "a"
    assert chunk.finish_reason is None
    assert type(error) is kind
    assert str(error) == f"The server {message}"


def test_faults_after_the_finish_reason_do_no_harm() -> None:
    chunk, error = read(event(delta("stop", content="a")) + event({"error": "x"}), b"data: {")

    assert (chunk.text, chunk.finish_reason, error) == ("a", "stop", None)


def test_a_server_that_ignores_the_limit_is_stopped() -> None:
    flood = event(delta(content="x" * 50_000))

    chunk, error = read(flood, flood, flood)

    assert str(error) == "The server went on far beyond the limit it was given; the text is kept as cut off."
    assert chunk.finish_reason is None


def test_the_finish_reason_waits_for_the_servers_last_count() -> None:
    reader = StreamReader("The server", max_tokens=100)
    last = {"choices": [], "usage": {"completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}}

    assert reader.feed(event(delta("stop", content="a") | {"usage": {"completion_tokens": 2}})) == Chunk("a", "", 1)
    assert reader.feed(event(last)) is None
    assert reader.feed(DONE) is None
    assert reader.end() == Chunk(tokens=2, finish_reason="stop", usage=Usage(completion_tokens=3, cached_tokens=2))


def test_the_finish_reason_comes_at_the_end_where_the_server_does_not_count() -> None:
    reader = StreamReader("The server", max_tokens=100)

    assert reader.feed(event(delta("stop", content="a"))) == Chunk(text="a", tokens=1)
    assert reader.end() == Chunk(finish_reason="stop")
    assert reader.error is None


def test_events_of_one_piece_come_as_one_chunk() -> None:
    reader = StreamReader("The server", max_tokens=100)

    chunk = reader.feed(event(delta(reasoning="hm")) + event(delta(content="a")) + event(delta(content="b")))

    assert chunk == Chunk(text="ab", thinking="hm", tokens=3)


def test_a_stream_of_carriage_returns_needs_nothing_behind_its_last_one() -> None:
    stream = (event(delta(content="a")) + event(delta("stop"))).replace(b"\n", b"\r")

    chunk, error = read(stream)

    assert (chunk.text, chunk.finish_reason, error) == ("a", "stop", None)


def test_an_event_that_is_too_long_is_refused_however_it_comes() -> None:
    long = event(delta(content="x" * MAX_EVENT_BYTES))

    assert read(long)[0].text == read(long[:500_000], long[500_000:])[0].text == ""
