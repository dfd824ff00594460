"""What a model server says of itself at /v1/models and /tokenize."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class ServerInfo(NamedTuple):
    """The models of a server."""

    models: tuple[str, ...]
    context_tokens: Mapping[str, int]
    """Model to the most tokens that a prompt and its answer may have together; who does not say is missing."""


def read_models(answer: Any) -> ServerInfo | None:
    """Return what an answer of /v1/models says, or None when it is no such answer.

    vLLM gives the context as `max_model_len`; llama.cpp as `meta.n_ctx` (one slot's), older ones only the
    `n_ctx_train` of the weights.
    """
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        return None
    models = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    context = {model["id"]: _context(model) for model in models}
    return ServerInfo(tuple(context), {name: tokens for name, tokens in context.items() if tokens})


def read_size(answer: Any) -> int | None:
    """Return the number of tokens in an answer of /tokenize, or None when it is no such answer."""
    if not isinstance(answer, dict):
        return None
    count, tokens = answer.get("count"), answer.get("tokens")
    if isinstance(count, int) and count >= 0:  # vLLM
        return count
    return len(tokens) if isinstance(tokens, list) else None  # llama.cpp


def _context(model: Mapping[str, Any]) -> int:
    meta = model.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    told = (model.get("max_model_len"), meta.get("n_ctx"), meta.get("n_ctx_train"))
    return next((tokens for tokens in told if isinstance(tokens, int) and tokens > 0), 0)
