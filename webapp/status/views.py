"""The addresses that tell how the site is."""

from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from webapp.runs.recording import redis_now
from webapp.status.cards import make_cards, make_rows
from webapp.status.exposing import expose
from webapp.status.parts import look


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Show the state of every part."""
    seen = look()
    shown = {"cards": make_cards(seen), "rows": make_rows(seen), "problems": seen.problems}
    return render(request, "status/status.html", shown)


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return every process's figures, in Prometheus' text format."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    if settings.METRICS_TOKEN and not compare_digest(
        request.headers.get("Authorization", "").encode(), expected.encode()
    ):
        return HttpResponse("This address wants METRICS_TOKEN as a bearer token.\n", "text/plain", 401)
    return HttpResponse(expose(redis_now()), CONTENT_TYPE_PLAIN_0_0_4)
