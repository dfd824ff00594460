"""A websocket without a network: the site's own ASGI application, spoken to as a server would."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from webapp.asgi import application


class Socket:
    """One connection. `origin` is what a browser would send."""

    def __init__(self, url: str, origin: str = "") -> None:
        parts = urlsplit(url)
        self._connection = ApplicationCommunicator(
            application,
            {
                "type": "websocket",
                "path": parts.path,
                "query_string": parts.query.encode(),
                "headers": [(b"origin", (origin or settings.ALLOWED_ORIGINS[0]).encode())],
                "subprotocols": [],
            },
        )

    async def connect(self) -> bool:
        """Shake hands; return whether the site accepted."""
        await self._connection.send_input({"type": "websocket.connect"})
        return bool((await self.receive())["type"] == "websocket.accept")

    async def receive(self) -> dict[str, Any]:
        """Return the next ASGI message."""
        return dict(await self._connection.receive_output(timeout=10))

    def take_waiting(self, most: int) -> Iterator[dict[str, Any]]:
        """Yield the messages that have come and were not received, at most so many; waits for none."""
        queue = self._connection.output_queue
        for _ in range(min(most, queue.qsize())):
            yield dict(queue.get_nowait())

    async def receive_whenever(self) -> dict[str, Any]:
        """Return the next ASGI message, however late."""
        return dict(await self._connection.output_queue.get())

    async def close(self) -> None:
        """Hang up and wait until the site has let go."""
        await self._connection.send_input({"type": "websocket.disconnect", "code": 1001})
        await self._connection.wait()
