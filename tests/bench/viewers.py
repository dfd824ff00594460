"""Viewers without a browser: websockets that only listen, hundreds in one process.

A library's client would cost more than the server that is measured; this one splits frames and no more.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Listener = Callable[[bytes], None]
_PING, _CLOSE = 9, 8


class Viewer(asyncio.Protocol):
    """One socket on a run: `heard` is called with every frame's JSON."""

    def __init__(self, path: str, origin: str, heard: Listener) -> None:
        self._path, self._origin, self._heard = path, origin, heard
        self._rest = bytearray()
        self._is_open = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {urlsplit(self._origin).netloc}\r\nOrigin: {self._origin}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self._is_open:
            head, blank, rest = self._rest.partition(b"\r\n\r\n")
            if not blank:
                return
            assert head.startswith(b"HTTP/1.1 101"), bytes(head[:80])
            self._is_open, self._rest = True, rest
        while self._take_frame():
            pass

    def _take_frame(self) -> bool:
        """Take one frame off what came; return whether there was a whole one. Servers do not mask theirs."""
        rest = self._rest
        if len(rest) < 2:
            return False
        begin, size = 2, rest[1] & 0x7F
        if size >= 126:
            begin = 4 if size == 126 else 10
            size = int.from_bytes(rest[2:begin])
        if len(rest) < begin + size:
            return False
        kind, payload = rest[0] & 0x0F, bytes(rest[begin : begin + size])
        del rest[: begin + size]
        if kind == _PING:
            self.transport.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)  # masked with zeros
        elif kind == _CLOSE:
            self.transport.close()
        else:
            self._heard(payload)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def watch(address: str, run_id: str, heard: Listener, *, query: str = "after=0") -> Viewer:
    """Open a socket on a run of the site at `address`, from the run's beginning unless the query says otherwise."""
    place = urlsplit(address)
    assert place.hostname and place.port
    path, origin = f"/ws/runs/{run_id}?{query}", f"http://{place.netloc}"
    loop = asyncio.get_running_loop()
    _, viewer = await loop.create_connection(lambda: Viewer(path, origin, heard), place.hostname, place.port)
    return viewer
