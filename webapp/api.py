"""The JSON interface: every app's part of it under one roof, with its OpenAPI description."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError

from webapp.board.api import router as board
from webapp.catalog.api import router as catalog
from webapp.corpora.api import router as corpora
from webapp.runs.api import router as runs
from webapp.runs.api_recipes import router as recipes


def only_json(request: HttpRequest) -> bool:
    """Refuse what a form on somebody else's page could send: a body that is not declared as JSON."""
    if request.method in ("GET", "HEAD"):
        return True
    declared = request.content_type == "application/json" or not request.body
    if not declared or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise HttpError(415, "Send JSON with the header Content-Type: application/json, from this site or a program.")
    return True


api = NinjaAPI(
    title="Retort",
    version="1",
    description="Compare test-time reasoning strategies side by side.",
    urls_namespace="api",
    docs_url=None,
    auth=only_json,
)
api.add_router("/runs", runs)
api.add_router("/recipes", recipes)
api.add_router("/corpora", corpora)
api.add_router("/strategies", catalog)
api.add_router("/leaderboards", board)


@api.exception_handler(RequestDataTooBig)
def too_big(request: HttpRequest, error: Any) -> HttpResponse:
    """Say how large a request may be."""
    return api.create_response(request, {"detail": "The request is too large; the most is 5 MB."}, status=413)
