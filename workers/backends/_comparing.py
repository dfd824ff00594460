"""How near texts are to a prompt: embeddings, as requests and as answers."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from workers.backends._reading import read_usage
from workers.backends._text import clean_text
from workers.core.errors import Refused
from workers.core.model import Chunk, Request
from workers.core.values import Usage, write_similarities

TEXTS_AT_ONCE = 64
"""Of one HTTP request: OpenAI takes 2,048, small servers far fewer."""


def write_embeddings(request: Request) -> Iterator[dict[str, Any]]:
    """Yield the fields of requests that embed the prompt and then every text to be compared with it."""
    texts = [clean_text(text) for text in (request.messages[-1].content, *request.compared)]
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        yield {"model": request.model, "input": texts[start : start + TEXTS_AT_ONCE], "encoding_format": "float"}


def read_embeddings(server: str, answer: Any, count: int) -> tuple[list[list[float]], Usage]:
    """Return as many vectors as there were texts, in their order. Raises Refused when the answer holds others."""
    answer = answer if isinstance(answer, dict) else {}
    entries = answer.get("data")
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if all(isinstance(entry.get("index"), int) for entry in found):
        found.sort(key=lambda entry: entry["index"])
    vectors = [entry["embedding"] for entry in found if _is_vector(entry.get("embedding"))]
    if len(vectors) != count:
        raise Refused(f"{server} gave no vector for each text, which this strategy needs.")
    return vectors, read_usage(answer.get("usage") or {})


def compare(server: str, vectors: Sequence[Sequence[float]], usage: Usage | None) -> Chunk:
    """Return the one chunk of a comparison: the cosines of the first vector with each other one."""
    if len({len(vector) for vector in vectors}) != 1:
        raise Refused(f"{server} gave vectors of different sizes, which cannot be compared.")
    matrix = numpy.array(vectors, dtype=float)
    lengths = numpy.linalg.norm(matrix, axis=1)
    unit = matrix / numpy.where(lengths > 0, lengths, 1)[:, None]  # a vector of zeros is near nothing
    return Chunk(write_similarities((unit[1:] @ unit[0]).tolist()), finish_reason="stop", usage=usage)


def _is_vector(vector: Any) -> bool:
    is_list = isinstance(vector, list) and bool(vector)
    return is_list and all(isinstance(number, int | float) and abs(number) < 1e100 for number in vector)
