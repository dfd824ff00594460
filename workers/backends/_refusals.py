"""What a model server's refusals mean, in words for a person. Its own words are quoted briefly, never wholesale."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp
import orjson

from workers.core.errors import ModelError, Refused, Unreachable
from workers.core.model import Request

MOST_QUOTED = 160
MOST_BODY_BYTES = 1 << 20
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG"})
"""What OpenSSL calls an answer in plain text."""


class Busy(Unreachable):
    """The server asks to be left alone for a while."""

    wait_seconds = 0.0


class HttpAnswer(NamedTuple):
    """An answer that is not what was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """At most MOST_BODY_BYTES of it."""


def read_chat_status(server: str, answer: HttpAnswer, request: Request) -> ModelError:
    """Return the error for a chat that was refused with an HTTP status."""
    if answer.status in (400, 413, 422) and (limit := _find_limit(answer.body)):
        return Refused(
            f"{server} says that the prompt and its answer of at most {request.max_tokens:,} tokens do not fit "
            f"{limit}. Use fewer or shorter drafts, or a lower max_tokens."
        )
    if answer.status == 404:
        return Refused(
            f"{server} has no model '{clean_quote(request.model, 80)}', or answers no chats at this address "
            f"(HTTP 404){quote_answer(answer.body)} Choose a model that it lists, and check VLLM_BASE_URL."
        )
    return read_status(server, answer)


def read_status(server: str, answer: HttpAnswer) -> ModelError:
    """Return the error for an HTTP status other than 200."""
    status, said = answer.status, quote_answer(answer.body)
    if status in (429, 503):
        busy = Busy(f"{server} is too busy or still starting (HTTP {status}){said} It is asked again later.")
        busy.wait_seconds = read_retry_after(answer.headers.get("Retry-After", ""), datetime.now(UTC))
        return busy
    if status >= 500 or status in (408, 425):
        return Unreachable(f"{server} failed with HTTP {status}{said} Its own log says more.")
    if 300 <= status < 400:
        return Refused(
            f"{server} redirects elsewhere (HTTP {status}), which is not followed. "
            "Set VLLM_BASE_URL to the final address."
        )
    if status in (401, 403):
        return Refused(f"{server} does not accept the API key (HTTP {status}). Set VLLM_API_KEY to a valid one.")
    return Refused(f"{server} refuses the request (HTTP {status}){said} Asking again will not help.")


def read_failure(server: str, error: BaseException) -> ModelError:
    """Return the error for a request that got no HTTP answer at all."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unreachable(f"{server} cannot be found: its name is unknown. Check VLLM_BASE_URL.")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"{server} did not accept a connection in time. Is it running, and reachable from here?")
    if isinstance(error, aiohttp.ClientSSLError):
        return _read_tls_failure(server, error)
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        reason = os.strerror(number) if number else type(error.os_error).__name__
        return Unreachable(f"{server} cannot be reached: {reason}. Is it running? VLLM_BASE_URL says where it is.")
    if isinstance(error, aiohttp.ClientResponseError):
        return Unreachable(f"{server} answered with something that is not HTTP. Check VLLM_BASE_URL.")
    return Unreachable(f"{server} hung up before it answered. It may be restarting.")


def _read_tls_failure(server: str, error: aiohttp.ClientSSLError) -> ModelError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
        return Refused(
            f"{server} shows a certificate that is not trusted: {clean_quote(why).rstrip('.')}. "
            "Expected is one for the name in VLLM_BASE_URL, valid today, from an authority that this machine trusts; "
            "name an authority of your own in SSL_CERT_FILE."
        )
    reason = getattr(error.os_error, "reason", None)
    if reason in _NO_TLS:
        address = "Set VLLM_BASE_URL to an address that begins with http://, or to where its TLS is."
        return Refused(f"{server} speaks no TLS. {address}")
    return Unreachable(f"{server} did not agree on TLS ({clean_quote(str(reason))}). Its own log says more.")


def read_type(server: str, content_type: str) -> ModelError:
    """Return the error for an answer that is no stream of events though it claims success."""
    return Refused(
        f"{server} answered with '{clean_quote(content_type, 60) or 'no type'}' where a stream of events was expected. "
        "Set VLLM_BASE_URL to an OpenAI-compatible server, ending in /v1."
    )


def read_error(server: str, event: Mapping[str, Any], written: str) -> ModelError:
    """Return the error that a server reports in the middle of a stream."""
    error = event.get("error")
    code = (error if isinstance(error, dict) else event).get("code")
    kind: type[ModelError] = Unreachable
    if isinstance(code, int) and 400 <= code < 500 and code not in (408, 425, 429):
        kind = Refused
    return kind(f"{server} reported an error after {written}{_quote_value(event)} The text is kept as cut off.")


def read_retry_after(value: str, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for: a number or a date; 0 when it says neither.

    >>> read_retry_after("1.5", datetime(2026, 1, 1, tzinfo=UTC))
    1.5
    >>> read_retry_after("Thu, 01 Jan 2026 00:00:20 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    20.0
    """
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def clean_quote(text: str, most: int = MOST_QUOTED) -> str:
    r"""Return a foreign text cut to `most` characters, on one line, without control characters.

    >>> clean_quote("Not\x1b[31m found", 8)
    'Not [31…'
    """
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: most * 4]).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def quote_answer(body: bytes) -> str:
    """Return `: “its message”.` from a JSON error in one of the usual shapes, or a full stop."""
    try:
        return _quote_value(orjson.loads(body))
    except orjson.JSONDecodeError:
        return "."


def _quote_value(value: Any) -> str:
    error = value.get("error") or value if isinstance(value, dict) else None
    message = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    words = clean_quote(message) if isinstance(message, str) else ""
    return f": “{words}”." if words else "."


def _find_limit(body: bytes) -> str | None:
    """Return the model's context in words, when the refusal is about its length."""
    text = body[:4000].decode("utf-8", "replace")
    if "context" not in text or not re.search(r"exceed|maximum|too long|longer|reduce", text):
        return None
    limit = re.search(r"context (?:length|size)(?: is)?(?: only)?[ (]+(\d{2,9})", text)
    return f"the model's context of {int(limit[1]):,} tokens" if limit else "the model's context"
