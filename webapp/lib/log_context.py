"""What every line of the log says of the request or socket that it belongs to."""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_RUN = re.compile(r"/(?:r|ws/runs|api/v1/runs)/([\w-]{8,64})(?:/|$)")
_ID = re.compile(rb"[\w.-]{8,64}")


def with_log_context(app: App) -> App:
    """Let every line that is logged meanwhile carry the request's id, and the run's where the address names one.

    The id is that of the header X-Request-ID, which a proxy may set, or a new one; the answer carries it.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await app(scope, receive, send)
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8).encode()
        bound = {"request": request_id.decode()}
        if run := _RUN.match(scope["path"]):
            bound["run"] = run[1]

        async def send_with_id(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(**bound):
            await app(scope, receive, send_with_id if scope["type"] == "http" else send)

    return answer
