"""Vectors of texts: two texts are near each other when they share words."""

import zlib
from collections.abc import Sequence
from typing import Any

from tests.serving import texts
from tests.serving.texts import Wish

DIMENSIONS = 256


def read_wish(body: dict[str, Any]) -> Wish:
    """Return the texts to be embedded as one prompt."""
    return Wish("\n".join(read_inputs(body)), "", 1, 0, None, None, False, None)


def read_inputs(body: dict[str, Any]) -> list[str]:
    given = body["input"]
    return [given] if isinstance(given, str) else list(given)


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a wish for embeddings, the last vector first: a client must look at the index."""
    inputs = read_inputs(body)
    entries = [{"object": "embedding", "index": n, "embedding": embed(text)} for n, text in enumerate(inputs)]
    tokens = sum(len(texts.split_words(text)) for text in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body["model"], "data": entries[::-1], "usage": usage}


def embed(text: str) -> Sequence[float]:
    """Count the words of a text, each in a place of its own."""
    vector = [0.0] * DIMENSIONS
    for word in text.lower().split():
        vector[zlib.crc32(word.strip(".,!?").encode()) % DIMENSIONS] += 1
    return vector
