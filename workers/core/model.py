"""The one seam to a language model: stream one request, count the tokens of a text."""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from workers.core.values import Effort, FinishReason, Odds, TokenOdds, Usage, Value

Scripted = TypeVar("Scripted")


class Message(NamedTuple):
    """One turn of a chat."""

    role: str
    content: str


class Request(Value):
    """Everything a model needs to write one text."""

    key: str
    """The call's key in its lane; scripted and replayed models answer by it."""
    role: str
    messages: tuple[Message, ...]
    model: str
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...] = ()
    """Strings that end the text; they are not part of it."""
    continues: bool = False
    """The last message is an answer of the model's own, partly written: go on from its end."""
    scored: str = ""
    """Write nothing; say how likely this text is after the messages, or after nothing when there are none."""
    compared: tuple[str, ...] = ()
    """Write nothing; say how near each of these texts is to the prompt."""
    top_logprobs: int | None = None
    """Alternatives wanted with each token's log-probability; None wants no log-probabilities."""
    effort: Effort | None = None
    """How hard a reasoning model is wished to think."""
    thinking_tokens: int | None = None
    """Most tokens of thinking."""

    @property
    def prompt_text(self) -> str:
        """Return everything that the model reads, as JSON: its SHA-256 names the prompt.

        Of texts to be compared only the digest is told: they may be many, and stand elsewhere.
        """
        parts = [list(message) for message in self.messages]
        if self.scored:
            parts.append(["scored", self.scored])
        if self.compared:
            digest = hashlib.sha256("\0".join(self.compared).encode()).hexdigest()
            parts.append(["compared", f"{len(self.compared):,} texts, SHA-256 {digest}"])
        return json.dumps(parts, ensure_ascii=False)


class Chunk(NamedTuple):
    """The next piece of a stream. A stream is complete only when a chunk carried a finish reason."""

    text: str = ""
    thinking: str = ""
    tokens: int = 0
    """Completion tokens in this piece."""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    """The server's own count; comes with or after the finish reason."""
    restarted: str = ""
    """Why the request was sent again; everything streamed before is void."""
    prompt_tokens: int = 0
    """The prompt's size in one of the first chunks of a server that counts while it writes; 0 says nothing."""
    stopped_by: str = ""
    """The stop string that ended the text, if the server says so."""
    odds: tuple[TokenOdds, ...] = ()
    """Log-probabilities of the tokens in this piece, when they were asked for."""
    measured: Odds | None = None
    """Log-probabilities of the whole text, from a journal that holds no others."""


class Model(Protocol):
    """A language model behind any transport. Raises `ModelError` and nothing else of its own."""

    def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the text as it is written; closing the iterator stops the server's work at once."""
        ...

    async def count_tokens(self, text: str) -> int:
        """Return the size of a text in this model's tokens; an estimate where the server cannot tell."""
        ...


def find_reply(script: Mapping[str, Sequence[Scripted]], request: Request) -> Scripted | None:
    """Return what a script holds for a call: under its branch and role, e.g. `child-2.draft`, or under its role."""
    counter, _, position = request.key.rpartition("-")
    replies = script.get(counter, script.get(request.role, ()))
    return replies[int(position) - 1] if int(position) <= len(replies) else None


def cut_at_stop(text: str, stop: Sequence[str]) -> tuple[str, str]:
    """Return the text up to the first stop string in it, and that string; for models that are no server.

    >>> cut_at_stop("one <b> two <a>", ["<a>", "<b>"])
    ('one ', '<b>')
    """
    place, end = min(((text.find(end), end) for end in stop if end in text), default=(len(text), ""))
    return text[:place], end


def estimate_prompt(request: Request) -> int:
    """Return a rough size, in tokens, of everything that the model reads."""
    return estimate_tokens("".join([*(message.content for message in request.messages), request.scored])) + sum(
        map(estimate_tokens, request.compared)
    )


def estimate_tokens(text: str) -> int:
    """Return a rough size in tokens: four bytes each, the common average for English prose."""
    return -(-len(text.encode()) // 4)
