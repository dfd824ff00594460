"""Logging through structlog: one line per happening, for people (console) or machines (JSON), secrets masked.

Who logs names the happening and gives ids and figures, never a prompt or a model's text; errors are cut to their
first line, for what follows it (PostgreSQL's DETAIL, pydantic's input) quotes what was written.
"""

import re
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_NAME = re.compile(r"key$|token$|secret|password|authorization|cookie", re.IGNORECASE)
SHORTEST_SECRET = 8
MOST_CAUSES = 5
MOST_CHARACTERS = 300
_SECRET_IN_URL = re.compile(r"(://[^:/@\s]*):[^@\s]+@")


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values under secret-sounding names, and passwords inside addresses.

    >>> mask_secrets(None, "info", {"event": "at redis://:pw@host/0", "api_key": "sk-1"})
    {'event': 'at redis://:***@host/0', 'api_key': '***'}
    """
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return "***"
    return _SECRET_IN_URL.sub(r"\1:***@", value) if isinstance(value, str) else value


def without(secrets: Sequence[str], render: Processor) -> Callable[[WrappedLogger, str, EventDict], str]:
    """Return a renderer whose lines hold none of `secrets`, wherever they came from; short ones are no secrets.

    >>> without(["sk-12345678"], lambda *_: "it said sk-12345678 to http://me:pw@host")(None, "info", {})
    'it said *** to http://me:***@host'
    """
    known = sorted((secret for secret in set(secrets) if len(secret) >= SHORTEST_SECRET), key=len, reverse=True)

    def scrub(logger: WrappedLogger, method: str, event: EventDict) -> str:
        line = str(render(logger, method, event))
        for secret in known:
            line = line.replace(secret, "***")
        return _SECRET_IN_URL.sub(r"\1:***@", line)

    return scrub


def brief_traceback(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """Return where an exception and those behind it came from, each with the first line of what it says."""
    parts: list[str] = []
    behind: list[BaseException | None] = [exc_info[1]]
    while behind and len(parts) < MOST_CAUSES:
        if (error := behind.pop(0)) is None:
            continue
        first_line = str(error).strip().partition("\n")[0][:MOST_CHARACTERS]
        parts.append(f"{''.join(traceback.format_tb(error.__traceback__))}{type(error).__qualname__}: {first_line}")
        behind += error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        behind.append(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    return "\nbecause of\n".join(parts)


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_settings(*, as_json: bool, level: str, secrets: Sequence[str]) -> dict[str, Any]:
    """Return Django's LOGGING, and set structlog up to flow into it. No line will hold one of `secrets`."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: Processor = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    errors = structlog.processors.ExceptionRenderer(brief_traceback)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [remove, errors, mask_secrets, without(secrets, render)],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        # they bring handlers of their own, which mask nothing
        "loggers": {
            name: {"handlers": [], "propagate": True}
            for name in ("django", "django.server", "uvicorn", "uvicorn.error", "uvicorn.asgi")
        }
        | {"bm25s": {"handlers": [], "propagate": False}},  # tells of each collection that it reads, whatever the level
    }
