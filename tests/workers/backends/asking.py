"""Asking a model in tests: requests with defaults, and what came of them."""

import pytest

from workers.backends._patience import Patience
from workers.core.errors import ModelError
from workers.core.model import Chunk, Message, Model, Request

LONG = " ".join(f"word{n}" for n in range(5000))
HASTY = Patience(backoff_seconds=0)
IMPATIENT = Patience(first_token_seconds=0.4, idle_seconds=0.2, retries=0)


def make_request(prompt: str = "How many legs have two cats?", **fields: object) -> Request:
    known: dict[str, object] = {
        "key": "draft-1",
        "role": "draft",
        "messages": (Message("user", prompt),),
        "model": "scripted",
        "temperature": 0.8,
        "top_p": 0.95,
        "max_tokens": 100,
        "seed": 7,
    }
    return Request.model_validate(known | fields)


async def read(model: Model, request: Request) -> list[Chunk]:
    return [chunk async for chunk in model.stream(request)]


async def fail(model: Model, request: Request) -> tuple[list[Chunk], ModelError]:
    """Return the chunks before the error, and the error."""
    chunks: list[Chunk] = []
    with pytest.raises(ModelError) as failure:
        async for chunk in model.stream(request):
            chunks.append(chunk)
    return chunks, failure.value


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)
