"""Addresses of what lasts as long as a run: websockets and event streams."""

from typing import Any

from django.urls import path

from webapp.runs.consumers import watch_run
from webapp.runs.event_streams import stream_run

websocket_urlpatterns: list[Any] = [path("ws/runs/<str:run_id>", watch_run)]  # type: ignore[arg-type]
stream_urlpatterns: list[Any] = [path("r/<str:run_id>/events", stream_run)]  # type: ignore[arg-type]
