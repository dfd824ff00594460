"""What a visitor is told while the database or Redis is away: the truth, with a status that asks to come back."""

from collections.abc import Callable

import structlog
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from webapp.lib.patience import may_pass

log = structlog.get_logger(__name__)
_WORDS = "Some part of the site is away. Nothing that was accepted is lost: try again in a moment."
_COME_BACK_SECONDS = "2"


class Outages:
    """Answers 503 instead of 500 when an engine is in trouble that may pass."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        is_outage = isinstance(error, InterfaceError | RedisError) or (
            isinstance(error, DatabaseError) and may_pass(error)
        )
        if not is_outage:
            return None
        log.warning("outage", path=request.path, error=type(error).__name__)
        if request.path.startswith("/api/"):
            answer: HttpResponse = JsonResponse({"detail": _WORDS}, status=503)
        else:
            answer = HttpResponse(_WORDS, status=503, content_type="text/plain; charset=utf-8")
        answer["Retry-After"] = _COME_BACK_SECONDS
        return answer
