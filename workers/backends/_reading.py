"""Reading one streamed chat completion, without any network: bytes in, chunks out."""

import json
from typing import Any

import orjson

from workers.backends._events import MAX_EVENT_BYTES, EventSplitter
from workers.backends._odds import read_content
from workers.backends._refusals import clean_quote, read_error
from workers.backends._text import TextCleaner, clean_text
from workers.core.errors import ModelError, Refused, StreamCut
from workers.core.model import Chunk
from workers.core.values import FinishReason, TokenOdds, Usage

ENDS: dict[str, FinishReason] = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end_turn": "stop",
    "tool_calls": "stop", "function_call": "stop",  # no tools are offered: the text is whole, whatever it looks like
    "length": "length", "max_tokens": "length", "model_length": "length", "repetition": "length",
}  # fmt: skip
MOST_CHARACTERS_PER_TOKEN = 256
NOTHING = Chunk()
MOST_TOKENS = 10_000_000
"""Of one call; a server that counts more counts nonsense, which no sum of ours shall carry."""


class StreamReader:
    """Turns the bytes of one response into chunks, at most one for each piece that came.

    A fault of the stream is kept in `error`, not raised, so that the text before it is not lost.
    """

    def __init__(self, server: str, max_tokens: int) -> None:
        """Take the server's name for messages, and the limit that it was given."""
        self.error: ModelError | None = None
        self.tokens = 0
        """Completion tokens so far: as the server counts them while it writes, else the pieces that carried text."""
        self.finish_reason: FinishReason | None = None
        self.is_done = False
        """The server said that nothing follows."""
        self._server = server
        self._events = EventSplitter()
        self._cleaners = (TextCleaner(), TextCleaner())
        self._usage: dict[str, Any] | None = None
        self._has_told_prompt = False
        self._odds: list[TokenOdds] = []
        self._stopped_by = ""
        self._most_characters = MOST_CHARACTERS_PER_TOKEN * (max_tokens + 256)

    def feed(self, data: bytes) -> Chunk | None:
        """Return what `data` adds, or None when that is nothing."""
        texts: list[str] = []
        thoughts: list[str] = []
        tokens = self.tokens
        for payload in self._events.feed(data):
            self._read(payload, texts, thoughts)
            if self.is_done:
                break
        if self._events.is_overlong:
            self.fail(
                StreamCut(
                    f"{self._server} sent an event of more than {MAX_EVENT_BYTES:,} bytes after {self.written}; "
                    "a token takes a few hundred. The text before it is kept as cut off."
                )
            )
        text, thinking = "".join(texts), "".join(thoughts)
        self._most_characters -= len(text) + len(thinking)
        if self._most_characters < 0:
            self.fail(
                StreamCut(f"{self._server} went on far beyond the limit it was given; the text is kept as cut off.")
            )
        odds, self._odds = tuple(self._odds), []
        chunk = Chunk(text, thinking, self.tokens - tokens, prompt_tokens=self._tell_prompt(), odds=odds)
        return chunk if chunk != NOTHING else None

    def end(self) -> Chunk | None:
        """Return the last chunk, now that the server sends no more: the end, with its count where it gave one."""
        text, thinking = (cleaner.end() for cleaner in self._cleaners)
        usage = read_usage(self._usage) if self.finish_reason and self._usage else None
        missing = max(0, usage.completion_tokens - self.tokens) if usage else 0
        self.tokens += missing
        chunk = Chunk(text, thinking, missing, self.finish_reason, usage, stopped_by=self._stopped_by)
        self.fail(
            StreamCut(
                f"{self._server} closed the stream after {self.written} with no finish reason; "
                "the text is kept as cut off."
            )
        )
        return chunk if chunk != NOTHING else None

    def fail(self, error: ModelError) -> None:
        """End the reading. The first error counts, and none does once the text is whole."""
        self.is_done = True
        if not self.finish_reason:
            self.error = self.error or error

    @property
    def written(self) -> str:
        """Return how much came so far, in words."""
        return "1 token" if self.tokens == 1 else f"{self.tokens:,} tokens"

    def _tell_prompt(self) -> int:
        """Return the prompt's size when the server has just said it."""
        if self._has_told_prompt or not self._usage:
            return 0
        self._has_told_prompt = True
        return _number(self._usage, "prompt_tokens")

    def _read(self, payload: bytes, texts: list[str], thoughts: list[str]) -> None:
        if payload.strip() == b"[DONE]":
            self.is_done = True
            return
        event = parse_json(payload)
        if not isinstance(event, dict):
            self.fail(
                StreamCut(
                    f"{self._server} sent an event that is not a JSON object after {self.written}; "
                    "the text before it is kept as cut off."
                )
            )
        elif event.get("error") or event.get("object") == "error":
            self.fail(read_error(self._server, event, self.written))
        else:
            choices = event.get("choices")
            for choice in choices if isinstance(choices, list) else ():
                if isinstance(choice, dict) and choice.get("index") in (0, None):
                    self._read_choice(choice, texts, thoughts)
            usage = event.get("usage")
            if isinstance(usage, dict):
                self._usage = usage
                if not self.finish_reason:  # after it, the last chunk sets the count right
                    self.tokens = max(self.tokens, _number(usage, "completion_tokens"))

    def _read_choice(self, choice: dict[str, Any], texts: list[str], thoughts: list[str]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            content = delta.get("content")
            thinking = delta.get("reasoning")
            if thinking is None:
                thinking = delta.get("reasoning_content")
            if isinstance(thinking, str) and thinking:
                thoughts.append(self._cleaners[1].clean(thinking))
            if isinstance(content, str) and content:
                texts.append(self._cleaners[0].clean(content))
            self.tokens += bool(content or thinking)
        if choice.get("logprobs"):
            self._odds += read_content(choice["logprobs"])
        reason = choice.get("finish_reason")
        if reason and not self.finish_reason:
            self._end(str(reason))
            stopped_by = choice.get("stop_reason")  # vLLM's; a number is the id of a token
            self._stopped_by = clean_text(stopped_by) if isinstance(stopped_by, str) else ""

    def _end(self, reason: str) -> None:
        self.finish_reason = ENDS.get(reason)
        if reason == "content_filter":
            self.fail(
                Refused(
                    f"{self._server} stopped the text after {self.written}: its content filter objects. "
                    "The text is kept as cut off; asking again will not help."
                )
            )
        elif not self.finish_reason:
            known = "aborted the request" if reason in ("abort", "error", "cancelled") else "ended the stream"
            self.fail(
                StreamCut(
                    f"{self._server} {known} after {self.written} with finish reason "
                    f"'{clean_quote(reason, 30)}', not 'stop' or 'length'; the text is kept as cut off."
                )
            )


def parse_json(payload: bytes) -> Any:
    """Return the value of a JSON text, or None; half surrogates and invalid UTF-8 are let through for cleaning."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        try:
            return json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None


def read_usage(usage: dict[str, Any]) -> Usage:
    """Return the server's count; what is missing or no number counts as 0."""
    return Usage(
        prompt_tokens=_number(usage, "prompt_tokens"),
        completion_tokens=_number(usage, "completion_tokens"),
        reasoning_tokens=_number(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cached_tokens=_number(usage.get("prompt_tokens_details"), "cached_tokens"),
    )


def _number(fields: Any, name: str) -> int:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and 0 <= value <= MOST_TOKENS else 0
