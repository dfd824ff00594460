"""What every page shows of the model server."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from webapp.runs.models_on_server import ServerDown, list_models


def model_server(request: HttpRequest) -> dict[str, Any]:
    """Return the state of the model server, asked only if a page shows it."""
    return {"model_server": SimpleLazyObject(_describe)}


def _describe() -> dict[str, str]:
    try:
        models = list_models()
    except ServerDown as error:
        return {"state": "down", "text": "model server down", "title": str(error)}
    first, *more = [model.name for model in models]
    title = f"Model server answers; it serves {', '.join([first, *more][:8])}"
    return {"state": "up", "text": first.rsplit("/", 1)[-1], "title": title}
