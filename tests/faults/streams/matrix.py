"""Streams as servers and networks make them, in every mixture, and what must be read from each (F11).

A stream is a list of parts. Each knows its bytes and, beside them, what it says: the oracle adds up the second and
never looks at the first.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from workers.core.errors import ModelError, Refused, StreamCut, Unreachable
from workers.core.values import FinishReason

MAX_TOKENS = 8_192
BOM = b"\xef\xbb\xbf"


class Part(NamedTuple):
    """Some bytes of a stream, and what they mean for the first text."""

    data: bytes
    says: str = ""
    thinks: str = ""
    finish: FinishReason | None = None
    counts: int | None = None
    """Completion tokens, by its usage."""
    fails: type[ModelError] | None = None
    """The error that it ends the stream with, unless a finish reason came before."""
    is_last: bool = False
    """Nothing after it is read."""
    is_reason: bool = False
    """It gives a reason for the end."""


class Truth(NamedTuple):
    """What must be read from a stream."""

    text: str
    thinking: str
    finish: FinishReason | None
    """Done only with one."""
    counts: int | None
    fails: type[ModelError] | None


def tell(parts: Sequence[Part]) -> Truth:
    """Return the truth of a stream that is closed in order after these parts."""
    text, thinking, counts = "", "", None
    finish: FinishReason | None = None
    fails: type[ModelError] | None = StreamCut  # closed without a word
    for part in parts:
        text += part.says
        thinking += part.thinks
        counts = part.counts if part.counts is not None else counts
        if finish and part.is_reason:
            continue  # the first reason counts
        finish = finish or part.finish
        if part.fails and not finish:
            fails = part.fails
        if part.fails or part.is_last:
            break
    return Truth(mend(text), mend(thinking), finish, counts if finish else None, None if finish else fails)


def mend(text: str) -> str:
    """Join the halves of characters, wherever they were torn; what is half, or NUL, is replaced."""
    whole = re.sub(
        "[\ud800-\udbff][\udc00-\udfff]",
        lambda pair: chr(0x10000 + (ord(pair[0][0]) - 0xD800) * 0x400 + ord(pair[0][1]) - 0xDC00),
        text,
    )
    return re.sub("[\ud800-\udfff\0]", "\ufffd", whole)


# --- how an event may stand on the line -----------------------------------------------------------------------

NEWLINES = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])


@st.composite
def framed(draw: st.DrawFn, value: Any, *, may_be_raw: bool = True) -> bytes:
    """Return a value as one event: on one line or several, escaped or not, with any line ends."""
    newline, space = draw(NEWLINES), draw(st.sampled_from([b" ", b" ", b""]))
    is_escaped = not may_be_raw or draw(st.booleans())
    indent = draw(st.sampled_from([None, None, None, 0, 1]))
    lines = json.dumps(value, ensure_ascii=is_escaped, indent=indent).encode().split(b"\n")
    before = draw(st.sampled_from([b"", b"", b"", b": hello" + newline, b"id: 7" + newline + b"event: x" + newline]))
    return before + b"".join(b"data:" + space + line + newline for line in lines) + newline


def _choice(index: int | None, delta: Any, finish: str | None = None) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {**place, "delta": delta, "logprobs": None, "finish_reason": finish}


# --- parts ----------------------------------------------------------------------------------------------------

WHOLE = st.text(st.sampled_from('ab \n\r"\\{é€😀\u2028\x85\0\x1b'), min_size=1, max_size=6)
TORN = st.text(st.sampled_from("a😀\ud83d\ude00\0"), min_size=1, max_size=4)


@st.composite
def deltas(draw: st.DrawFn) -> Part:
    """Text of the first choice, alone or among others'."""
    is_torn = draw(st.booleans())
    says = draw(TORN if is_torn else WHOLE)
    others = [_choice(draw(st.integers(1, 3)), {"content": "of another"}) for _ in range(draw(st.integers(0, 2)))]
    mine = _choice(draw(st.sampled_from([0, 0, 0, None])), {"content": says})
    choices = draw(st.permutations([mine, *others]))
    return Part(draw(framed({"choices": choices}, may_be_raw=not is_torn)), says=says)


@st.composite
def thoughts(draw: st.DrawFn) -> Part:
    field = draw(st.sampled_from(["reasoning", "reasoning_content"]))
    thinks = draw(TORN)
    delta = {field: thinks, "content": draw(st.sampled_from([None, ""]))}
    return Part(draw(framed({"choices": [_choice(0, delta)]}, may_be_raw=False)), thinks=thinks)


@st.composite
def torn_pairs(draw: st.DrawFn) -> Part:
    """One character in two events."""
    halves = [draw(framed({"choices": [_choice(0, {"content": half})]}, may_be_raw=False)) for half in "\ud83d\ude00"]
    return Part(b"".join(halves), says="😀")


@st.composite
def broken_letters(draw: st.DrawFn) -> Part:
    """Bytes that are not UTF-8, inside a text."""
    foul = draw(st.lists(st.sampled_from([0x80, 0xBF, 0xC3, 0xE2, 0xF0, 0xFF]), min_size=1, max_size=3).map(bytes))
    event = draw(framed({"choices": [_choice(0, {"content": "a@b"})]}))
    return Part(event.replace(b"@", foul), says=b"a%bb".__mod__(foul).decode("utf-8", "replace"))


@st.composite
def silent(draw: st.DrawFn) -> Part:
    """What says nothing of the first text."""
    value = draw(
        st.sampled_from(
            [
                {"choices": [_choice(0, {"role": "assistant", "content": ""})]},
                {"choices": [_choice(0, {"role": "assistant"})]},
                {"choices": [_choice(0, {"content": None})]},
                {"choices": [_choice(0, None)]},
                {"choices": [_choice(1, {"content": "of another"}, "stop")]},
                {"choices": [_choice(7, {"content": "of nobody"})]},
                {"choices": []},
                {"choices": None, "usage": None},
                {"usage": 7, "choices": "x"},
                {"choices": [None, 3, {"delta": 5}]},
                {},
            ]
        )
    )
    return Part(draw(framed(value)))


@st.composite
def noise(draw: st.DrawFn) -> Part:
    """Lines that are no data."""
    newline = draw(NEWLINES)
    lines = draw(st.lists(st.sampled_from([b": ping", b":", b"id: 1", b"retry: 5", b"event: x", b"", b"odd"])))
    return Part(b"".join(line + newline for line in lines) + newline)


@st.composite
def counts(draw: st.DrawFn) -> Part:
    tokens = draw(st.integers(0, 99))
    usage = {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": 3 + tokens}
    return Part(draw(framed({"choices": [], "usage": usage})), counts=tokens)


@st.composite
def huge_deltas(draw: st.DrawFn) -> Part:
    says = draw(st.sampled_from(["x", "\n"])) * 500_000  # with its escapes up to a megabyte
    return Part(draw(framed({"choices": [_choice(0, {"content": says})]})), says=says)


ENDINGS: dict[str, tuple[FinishReason | None, type[ModelError] | None]] = {
    "stop": ("stop", None), "length": ("length", None), "eos_token": ("stop", None),
    "abort": (None, StreamCut), "strange": (None, StreamCut), "content_filter": (None, Refused),
}  # fmt: skip


@st.composite
def finishes(draw: st.DrawFn) -> Part:
    """A finish reason, perhaps with the last text."""
    reason = draw(st.sampled_from(["stop", "stop", "stop", *ENDINGS]))
    says = draw(st.sampled_from(["", "", "z"]))
    finish, fails = ENDINGS[reason]
    return Part(
        draw(framed({"choices": [_choice(0, {"content": says}, reason)]})),
        says,
        finish=finish,
        fails=fails,
        is_reason=True,
    )


@st.composite
def errors(draw: st.DrawFn) -> Part:
    code, fails = draw(
        st.sampled_from(
            [(500, Unreachable), (400, Refused), (429, Unreachable), ("x", Unreachable), (None, Unreachable)]
        )
    )
    value = draw(
        st.sampled_from(
            [{"error": {"message": "no", "code": code}}, {"object": "error", "message": "no", "code": code}]
        )
    )
    return Part(draw(framed(value)), fails=fails)


@st.composite
def nonsense(draw: st.DrawFn) -> Part:
    """An event that is no JSON object."""
    payload = draw(
        st.sampled_from([b'{"choices": [{"delta"', b"<html>", b"[1]", b"7", b"null", b"\xff\xfe", b"{" * 99])
    )
    return Part(b"data: " + payload + draw(st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"])), fails=StreamCut)


DONE = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"]).map(lambda end: Part(b"data: [DONE]" + end, is_last=True))
BODY = st.one_of(
    deltas(), deltas(), deltas(), thoughts(), torn_pairs(), broken_letters(), silent(), noise(), counts()
)  # fmt: skip
ANY = st.one_of(BODY, BODY, BODY, BODY, finishes(), errors(), nonsense(), DONE)


@st.composite
def streams(draw: st.DrawFn, *, may_be_huge: bool = False) -> list[Part]:
    """Return a stream: mostly in good order, or anything after anything; perhaps cut inside its last event."""
    if draw(st.booleans()):
        end = [draw(finishes()), *draw(st.lists(counts(), max_size=1)), *draw(st.lists(DONE, max_size=1))]
        parts = [*draw(st.lists(BODY, max_size=8)), *end]
    else:
        parts = draw(st.lists(ANY, max_size=10))
    if may_be_huge and draw(st.integers(0, 9)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), draw(huge_deltas()))
    if draw(st.integers(0, 3)) == 0:
        parts = [
            *parts[: draw(st.integers(0, len(parts)))],
            Part(draw(cut(draw(st.one_of(deltas(), finishes())).data))),
        ]
    if draw(st.integers(0, 5)) == 0:
        parts.insert(0, Part(BOM))
    return parts


@st.composite
def cut(draw: st.DrawFn, event: bytes) -> bytes:
    """Return an event that the line took away before its blank line, or part of it."""
    lines = event.rstrip(b"\r\n")
    return lines[: draw(st.integers(0, len(lines)))]
