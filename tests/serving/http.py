"""The little HTTP that the model server speaks: httptools reads, every byte that is written is ours.

A web framework stands between a test and the bytes on the line, and takes most of the time of a short event.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

import httptools
import orjson

JSON = "application/json"


class HungUp(Exception):
    """The client is gone."""


class Exchange:
    """One request, and the way back."""

    def __init__(self, connection: "Connection", method: str, target: str, headers: Mapping[str, str]) -> None:
        url = httptools.parse_url(target.encode())
        self.method = method
        self.path = url.path.decode()
        self.headers = headers
        self.body = b""
        self._connection = connection

    @property
    def peer(self) -> str:
        return str(self._connection.transport.get_extra_info("peername"))

    def answer(self, status: int, body: bytes | str, kind: str = JSON, **headers: str) -> None:
        """Send a whole answer. Names of headers are written with underscores."""
        body = body.encode() if isinstance(body, str) else body
        self._head(status, kind, {"Content-Length": str(len(body)), **headers})
        self.write(body)

    def answer_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.answer(status, orjson.dumps(value), **headers)

    def refuse(self, status: int, message: str, **headers: str) -> None:
        """Answer with an error as OpenAI's servers shape it."""
        self.answer_json({"error": {"message": message, "type": "Error", "code": status}}, status, **headers)

    def begin_stream(self) -> None:
        self._head(200, "text/event-stream; charset=utf-8", {"Transfer-Encoding": "chunked"})

    async def send(self, data: bytes) -> None:
        """Send one chunk of a stream, once the client has read enough of what came before."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._connection.drain()

    def end(self) -> None:
        self.write(b"0\r\n\r\n")

    def _head(self, status: int, kind: str, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Type: {kind}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.write("\r\n".join([*lines, "", ""]).encode())

    def write(self, data: bytes) -> None:
        if self._connection.transport.is_closing():
            raise HungUp
        self._connection.transport.write(data)

    def write_eof(self) -> None:
        self._connection.transport.write_eof()

    def close(self) -> None:
        self._connection.transport.close()

    def abort(self) -> None:
        self._connection.transport.abort()


Answer = Callable[[Exchange], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One connection; its requests are answered one after the other. A client that hangs up cancels the answer."""

    transport: asyncio.Transport

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._task: asyncio.Task[None] | None = None
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:  # a TLS handshake, say
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._can_write.set()
        if self._task:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    async def drain(self) -> None:
        await self._can_write.wait()

    # --- called by the parser -----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._target, self._headers, self._body = b"", {}, []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        exchange = Exchange(self, self._parser.get_method().decode(), self._target.decode("latin-1"), self._headers)
        exchange.body = b"".join(self._body)
        is_last = not self._parser.should_keep_alive()
        self._task = asyncio.get_running_loop().create_task(self._serve(exchange, self._task, is_last=is_last))

    async def _serve(self, exchange: Exchange, before: asyncio.Task[None] | None, *, is_last: bool) -> None:
        if before:
            await asyncio.wait([before])
        try:
            await self._answer(exchange)
        except HungUp:
            return
        except Exception:
            traceback.print_exc()
            if not self.transport.is_closing():
                exchange.answer(500, "The model server of the tests has a fault.")
        if is_last:
            self.transport.close()
