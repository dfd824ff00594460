"""What a web process does from its start to its end, beside answering."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from webapp.status.reporting import Reporter


async def report_while_serving(
    _scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Report this process while the server that runs it serves; the ASGI lifespan protocol."""
    reporter = Reporter("web")
    await receive()
    reporter.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.to_thread(reporter.stop)
    await send({"type": "lifespan.shutdown.complete"})
