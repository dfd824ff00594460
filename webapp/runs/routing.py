"""Addresses of websockets."""

from typing import Any

from django.urls import path

from webapp.runs.consumers import RunConsumer

websocket_urlpatterns: list[Any] = [path("ws/runs/<str:run_id>", RunConsumer.as_asgi())]
