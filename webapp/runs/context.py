"""What every page shows of the model server."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from webapp.runs.capabilities import recall
from webapp.runs.models_on_server import ServerDown, list_models
from workers.core.capabilities import Feature, Finding


def model_server(request: HttpRequest) -> dict[str, Any]:
    """Return the state of the model server and what its first model can do, asked only if a page shows it."""
    return {"model_server": SimpleLazyObject(_describe), "offers": SimpleLazyObject(_find_offers)}


def _find_offers() -> Mapping[Feature, Finding]:
    try:
        known = recall(list_models()[0].name)
    except ServerDown:
        return {}
    return known.findings if known else {}


def _describe() -> dict[str, str | int | None]:
    try:
        models = list_models()
    except ServerDown as error:
        return {"state": "down", "text": "model server down", "title": str(error)}
    first, *more = [model.name for model in models]
    title = f"Model server answers; it serves {', '.join([first, *more][:8])}"
    return {
        "state": "up", "text": first.rsplit("/", 1)[-1], "title": title, "context_tokens": models[0].context_tokens
    }  # fmt: skip
