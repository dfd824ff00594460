"""The one seam to a language model: stream one request, count the tokens of a text."""

from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

from workers.core.values import FinishReason, Usage, Value


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


class Model(Protocol):
    """A language model behind any transport. Raises `ModelError` and nothing else of its own."""

    def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the text as it is written; closing the iterator stops the server's work at once."""
        ...

    async def count_tokens(self, text: str) -> int:
        """Return the size of a text in this model's tokens; an estimate where the server cannot tell."""
        ...


def estimate_tokens(text: str) -> int:
    """Return a rough size in tokens: four bytes each, the common average for English prose."""
    return -(-len(text.encode()) // 4)
