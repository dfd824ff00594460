"""A viewer's websocket: cursor in, frames out. It never delivers a gap: what cannot be continued is sent anew."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from webapp.lib import metrics
from webapp.lib.transports import cut, limit_kernel_buffer
from webapp.runs.frames import Frame
from webapp.runs.tailing import UnknownRun
from webapp.runs.viewers import SlowViewer
from webapp.runs.watching import Receive, read_wish, serve

log = structlog.get_logger(__name__)
CLOSE_DONE = 1000
CLOSE_TRY_AGAIN = 1012
CLOSE_SLOW = 4008
CLOSE_UNKNOWN_RUN = 4404
CLOSE_SECONDS = 2.0
"""How long a slow client may take to hear why it is closed; then it is cut off."""

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def watch_run(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Stream one run, or one problem's lanes of it, to one websocket: an ASGI application."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    limit_kernel_buffer(scope)

    async def send_frame(frame: Frame) -> None:
        await send({"type": "websocket.send", "text": frame.text})

    wish = read_wish(scope)
    try:
        await serve(wish, "websocket", receive, send_frame)
        code = CLOSE_DONE
    except UnknownRun:
        code = CLOSE_UNKNOWN_RUN
    except SlowViewer:
        metrics.SLOW_CLOSED.inc()
        code = CLOSE_SLOW
    except Exception:  # Redis or the database is away: the viewer is told to come back, not left in the dark
        log.exception("viewer_lost", run=wish.run_id)
        code = CLOSE_TRY_AGAIN
    await _close(scope, send, code)


async def _close(scope: dict[str, Any], send: Send, code: int) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await send({"type": "websocket.close", "code": code})
    except TimeoutError:
        cut(scope)
    except OSError:
        return  # the viewer has gone
    if code == CLOSE_SLOW:
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, cut, scope)
