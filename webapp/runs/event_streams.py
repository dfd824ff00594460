"""The frames of a viewer's websocket as server-sent events, for those whose network lets no websocket through.

An ASGI application of its own, not a view: Django keeps a thread for each request that passes its middleware, as long
as the answer lasts, and these last as long as a run.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from webapp.lib import metrics
from webapp.lib.transports import cut, limit_kernel_buffer
from webapp.runs.frames import HEARTBEAT, Frame
from webapp.runs.tailing import UnknownRun
from webapp.runs.viewers import SlowViewer
from webapp.runs.watching import Receive, read_wish, serve

log = structlog.get_logger(__name__)
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"connection", b"close"),  # it is not used for anything afterwards
]
_RETRY = b"retry: 2000\n\n"
"""Milliseconds after which a browser comes back, with the id of the last event that it has."""

_UNKNOWN = "There is no such run, or it has several problems or repeats: name one by ?row= and ?repeat=."

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def stream_run(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Stream one run, or one problem's lanes of it, as server-sent events."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if scope["method"] != "GET":
        return await _refuse(send, 405, "Ask with GET.")
    if not validate_host(split_domain_port(headers.get("host", ""))[0], settings.ALLOWED_HOSTS):
        return await _refuse(send, 400, "This site is not served under that name.")
    wish = read_wish(scope, headers.get("last-event-id", ""))
    answer = _Answer(scope, send)
    try:
        await serve(wish, "sse", receive, answer.send_frame)
    except UnknownRun:
        if not answer.has_begun:
            return await _refuse(send, 404, _UNKNOWN)
    except SlowViewer:
        metrics.SLOW_CLOSED.inc()
        return cut(scope)  # the browser comes back by itself
    except Exception:
        log.exception("viewer_lost", run=wish.run_id)
        if not answer.has_begun:
            return await _refuse(send, 503, "Some part of the site is away. Try again in a moment.")
    await send({"type": "http.response.body", "body": b""})


class _Answer:
    """An answer that begins with its first frame."""

    def __init__(self, scope: dict[str, Any], send: Send) -> None:
        self._scope = scope
        self._send = send
        self.has_begun = False

    async def send_frame(self, frame: Frame) -> None:
        if not self.has_begun:
            self.has_begun = True
            limit_kernel_buffer(self._scope)
            await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        await self._send({"type": "http.response.body", "body": as_event(frame), "more_body": True})


def as_event(frame: Frame) -> bytes:
    r"""Return a frame as an event. Its id is where to go on from.

    >>> as_event(Frame('{"ended":true}'))
    b'data: {"ended":true}\n\n'
    """
    if frame is HEARTBEAT:
        return b":\n\n"
    place = f"id: {frame.position.epoch}:{frame.position.offset}\n" if frame.position else ""
    return f"{place}data: {frame.text}\n\n".encode()


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = sentence.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
