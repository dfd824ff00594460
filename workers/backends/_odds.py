"""Reading log-probabilities out of JSON that a server wrote."""

import math
from collections.abc import Iterable
from typing import Any

from workers.backends._text import clean_text
from workers.core.values import TokenOdds


def read_tokens(alternatives: Iterable[Any], *, name: str = "token") -> list[tuple[str, float]]:
    """Return tokens with their log-probabilities, in the order given; what is none is left out."""
    found = []
    for alternative in alternatives:
        if isinstance(alternative, dict):
            token, logprob = alternative.get(name), alternative.get("logprob")
            if isinstance(token, str) and isinstance(logprob, int | float) and math.isfinite(logprob):
                found.append((clean_text(token), min(0.0, float(logprob))))
    return found


def read_content(logprobs: Any) -> list[TokenOdds]:
    """Return the tokens of a chat choice's `logprobs`, or none."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    tokens = []
    for entry in content if isinstance(content, list) else ():
        for token, logprob in read_tokens((entry,)):
            top = entry.get("top_logprobs")
            tokens.append(TokenOdds(token, logprob, tuple(read_tokens(top if isinstance(top, list) else ()))))
    return tokens
