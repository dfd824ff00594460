"""What the model server offers, asked over HTTP and remembered for a few seconds."""

import time
from collections.abc import Collection, Iterable
from ssl import SSLCertVerificationError
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson
from django.conf import settings

REMEMBER_SECONDS = 5.0
ANSWER_SECONDS = 2.0
MOST_BYTES = 1_000_000


class ServerDown(Exception):
    """The model server cannot be asked; the message is a sentence for people."""


class ServedModel(NamedTuple):
    """One model that the server offers."""

    name: str
    context_tokens: int | None
    """Longest prompt and text together, if the server says."""


def list_models() -> list[ServedModel]:
    """Return the models of the server, the configured one first. Raises ServerDown."""
    now, server = time.monotonic(), settings.MODEL_SERVER.base_url
    asked_at, answer = _memory.get(server, (-REMEMBER_SECONDS, None))
    if answer is None or now - asked_at >= REMEMBER_SECONDS:
        try:
            answer = _ask()
        except ServerDown as error:
            answer = error
        _memory[server] = (now, answer)
    if isinstance(answer, ServerDown):
        raise answer
    return answer


_memory: dict[str, tuple[float, "list[ServedModel] | ServerDown | None"]] = {}
"""Address to when it was asked and what came of it."""


def served_models() -> tuple[list[ServedModel] | None, str]:
    """Return the models of the server; None, and why in a sentence, while it cannot be asked."""
    try:
        return list_models(), ""
    except ServerDown as fault:
        return None, str(fault)


def model_names() -> list[str]:
    """Return the names of the models on the server, the configured one first. Raises ServerDown."""
    return [model.name for model in list_models()]


def shortest_context(names: Collection[str], models: Iterable[ServedModel]) -> int | None:
    """Return the longest prompt and text together that all these models read, if the server says."""
    known = [model.context_tokens for model in models if model.name in names and model.context_tokens]
    return min(known, default=None)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow nothing: the key is for the configured server alone."""


def _ask() -> list[ServedModel]:
    server = settings.MODEL_SERVER
    request = Request(f"{server.base_url}/models")  # the operator's own address
    if server.api_key:
        request.add_header("Authorization", f"Bearer {server.api_key}")
    try:
        with build_opener(_NoRedirects).open(request, timeout=ANSWER_SECONDS) as answer:
            body = answer.read(MOST_BYTES)
    except HTTPError as error:
        raise ServerDown(
            f"The model server at {server.base_url} answered {error.code} when asked for its models; "
            "expected 200. Check VLLM_BASE_URL and VLLM_API_KEY."
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(why := getattr(error, "reason", None), SSLCertVerificationError):
            raise ServerDown(
                f"The model server at {server.base_url} shows a certificate that is not trusted: {why.verify_message}. "
                "Check the name in VLLM_BASE_URL, renew the certificate, or name its authority in SSL_CERT_FILE."
            ) from error
        raise ServerDown(
            f"The model server at {server.base_url} does not answer. Start it, or point VLLM_BASE_URL to another."
        ) from error
    try:
        models = [_read(entry) for entry in orjson.loads(body)["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ServerDown(
            f"The model server at {server.base_url} does not list its models as OpenAI's API does. "
            "Check that VLLM_BASE_URL names an OpenAI-compatible server."
        ) from error
    if not models:
        raise ServerDown(f"The model server at {server.base_url} serves no model. Start it with one.")
    return sorted(models, key=lambda model: model.name != server.model)


def _read(entry: dict[str, object]) -> ServedModel:
    meta = entry.get("meta")
    length = entry.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    return ServedModel(str(entry["id"]), length if isinstance(length, int) else None)
