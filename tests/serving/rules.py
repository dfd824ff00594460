"""What the model server is told to answer."""

from base64 import b64decode, b64encode
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

Fault = Literal[
    "status", "redirect", "html", "empty", "hang_up",  # instead of an answer
    "cut", "break", "error", "hang", "comments", "garbage", "huge",  # after `after` tokens
    "twice",  # every event is sent two times
]  # fmt: skip

HOSTILE = (
    "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"
    '[click](javascript:window.hacked=true) <a href="javascript:window.hacked=true">here</a>\n'
    "$\\href{javascript:window.hacked=true}{x}$ $\\def\\a{\\a\\a}\\a$ $\\rule{9999em}{9999em}$ "
    "nul:\x00 half:\ud83d end:\ude00 bidi:\u202e \\boxed{<b>7</b>}"
)
"""A reply that tries everything against a browser, a database and a maths renderer."""


Bytes = Annotated[
    bytes,
    BeforeValidator(lambda value: b64decode(value) if isinstance(value, str) else value),
    PlainSerializer(lambda value: b64encode(value).decode()),
]
"""Bytes that travel in JSON."""


class Piece(BaseModel):
    """Bytes of an answer that is given byte by byte."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Bytes = b""
    wait_seconds: float = 0
    """Before they are sent."""


class Rule(BaseModel):
    """What to answer to prompts in which `match` is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: str = ""
    """A regular expression; empty matches every prompt."""
    times: int | None = None
    """Answer that many requests, then leave them to the next rule."""
    waits: bool = False
    """Answer nothing until the script is set anew, and then as that says."""
    replies: tuple[str, ...] = ()
    """One is chosen by the request's seed."""
    right: str = ""
    """Without replies: a short text that ends in this answer, boxed …"""
    wrong: tuple[str, ...] = ("0",)
    """… or in one of these …"""
    probability: float = 1.0
    """… chosen by the request's seed."""
    thinking: str = ""
    thinking_field: Literal["reasoning", "reasoning_content", "content", "opened"] = "reasoning"
    """Where the thinking goes; in `content` it stands between think tags, as without a reasoning parser; where it was
    `opened` by the template, only the tag at its end is seen."""
    first_token_seconds: float = 0
    tokens_per_second: float = 0
    """Of each text; 0: as fast as can be."""
    jitter: float = 0
    """How far a token may be late, by chance, in parts of the time between two; at most 1."""
    rest_seconds: float = 0.005
    """Shortest pause between two writes: tokens that fall due within it are sent together."""
    fault: Fault | None = None
    after: int = 3
    """Tokens before the fault."""
    status: int = 500
    retry_after: str = ""
    finish_reason: str = ""
    has_usage: bool = True
    tokens_per_event: int = 1
    """As with vLLM's --stream-interval."""
    is_stamped: bool = False
    """Each token is the time at which it was written, in seconds since 1970, in place of a word."""
    is_strict: bool = False
    """Refuse stream options that OpenAI does not know."""
    raw: tuple[Piece, ...] | None = None
    """The bytes of the whole response, from its status line on; nothing else of this rule counts but `raw_end`."""
    raw_end: Literal["close", "half_close", "abort", "stall"] = "close"
    """What follows them: an orderly close, one of our direction alone, a reset, or nothing at all."""
