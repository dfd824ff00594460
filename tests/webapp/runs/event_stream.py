"""A client of the event stream without a network: the site's own ASGI application, spoken to as a server would."""

from typing import Any
from urllib.parse import urlsplit

import orjson
from asgiref.testing import ApplicationCommunicator

from webapp.asgi import application


class EventStream:
    """One request, and what a browser's EventSource would make of the answer."""

    def __init__(self, url: str, *, last_event: str = "", host: str = "127.0.0.1", method: str = "GET") -> None:
        parts = urlsplit(url)
        headers = [(b"host", host.encode()), (b"last-event-id", last_event.encode())]
        self._connection = ApplicationCommunicator(
            application,
            {
                "type": "http",
                "method": method,
                "path": parts.path,
                "query_string": parts.query.encode(),
                "headers": headers,
            },
        )
        self.status = 0
        self.frames: list[dict[str, Any]] = []
        self.last_event = last_event
        """The id with which a browser would come back."""

    async def take(self, frames: int = 1_000_000) -> None:
        """Read until so many frames are there, or the answer ends."""
        await self._connection.send_input({"type": "http.request", "body": b"", "more_body": False})
        start = await self._connection.receive_output(timeout=10)
        self.status = start["status"]
        more = True
        while more and len(self.frames) < frames:
            part = await self._connection.receive_output(timeout=10)
            more = part.get("more_body", False)
            if self.status == 200:
                self._read(part["body"].decode())

    def _read(self, text: str) -> None:
        for line in text.splitlines():
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_event = value
            if name == "data":
                self.frames.append(orjson.loads(value))

    async def close(self) -> None:
        """Go away, and wait until the site has noticed."""
        await self._connection.send_input({"type": "http.disconnect"})
        await self._connection.wait()
