"""Whether the site lives, and whether it can work."""

from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from webapp.runs.models_on_server import model_names
from webapp.runs.recording import redis_now
from workers.app import app


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Say that this process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say of every part whether it answers; 503 unless database and Redis do, without which no run can be taken."""
    parts = {
        "database": _ask(_ask_database),
        "redis": _ask(lambda: redis_now().ping()),
        "model_server": _ask(model_names),
        "workers": _ask(_ask_workers),
    }
    is_ready = parts["database"] == parts["redis"] == "ok"
    return JsonResponse({"status": "ok" if is_ready else "unready", "parts": parts}, status=200 if is_ready else 503)


def _ask(question: Callable[[], object]) -> str:
    try:
        question()
    except Exception as error:  # any fault of a part is what we are here to report
        return f"does not answer ({type(error).__name__})"
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_workers() -> None:
    if not app.control.ping(timeout=0.5):
        raise LookupError("no worker answers")
