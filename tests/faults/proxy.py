"""Lines between the site and its engines that can be hurt: cut, refused, silent, slow, or lost without a word."""

import asyncio
import ctypes
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # one instruction: keep 0 bytes
_SO_ATTACH_FILTER = 26
_DROP_FILTER = struct.pack("HL", 1, ctypes.addressof(_DROP_ALL))


class Connection:
    """One connection of a process to an engine, through a line."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near, self.far = near, far
        self.is_lost = False
        self.carrying: list[asyncio.Task[None]] = []

    def lose(self) -> None:
        """Let nothing pass any more, not even acknowledgements or a goodbye: the kernel drops what comes."""
        self.is_lost = True
        near = self.near.get_extra_info("socket")
        near.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _DROP_FILTER)

    def reset(self) -> None:
        for task in self.carrying:
            task.cancel()
        for end in (self.near, self.far):
            end.transport.abort()


class Line:
    """A TCP port that leads to an engine's Unix socket, in a loop of its own; its verbs may be called anywhere."""

    def __init__(self, engine: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._engine, self._loop = engine, loop
        self._open = asyncio.Event()
        self._open.set()
        self._delay = 0.0
        self._connections = set[Connection]()
        self._listening: asyncio.Server | None = None
        self.port = 0
        self._do(self._listen)

    @property
    def count(self) -> int:
        """How many connections there are that something can pass."""
        return sum(not one.is_lost for one in self._connections)

    def cut(self) -> int:
        """Reset every connection; return how many. New ones pass."""
        count = self.count
        self._do(self._reset_all)
        return count

    def refuse(self) -> None:
        """Reset every connection and listen no more."""
        self._do(self._shut)

    def fall_silent(self) -> None:
        """Take everything, new connections too, and pass on nothing."""
        self._do(self._close_gate)

    def lose(self) -> int:
        """Let the connections that are open die as behind a router that forgot them; return how many. New ones pass."""
        count = self.count
        self._do(self._lose_all)
        return count

    def slow_down(self, seconds: float) -> None:
        """Hold up whatever passes for so long, in each direction."""
        self._delay = seconds

    def mend(self) -> None:
        """Pass on everything again, what was held back first. Lost connections stay lost."""
        self._delay = 0.0
        self._do(self._open_gate)

    def end(self) -> None:
        self._do(self._shut)

    def _do(self, verb: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(verb(), self._loop).result(timeout=10)

    # In the loop

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=1024)
            self.port = self._listening.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            from_engine, far = await asyncio.open_unix_connection(str(self._engine))
        except OSError:  # the engine is away: so is the line
            near.transport.abort()
            return
        connection = Connection(near, far)
        self._connections.add(connection)
        connection.carrying = [
            asyncio.create_task(self._carry(connection, reader, far)),
            asyncio.create_task(self._carry(connection, from_engine, near)),
        ]
        await asyncio.wait(connection.carrying, return_when=asyncio.FIRST_COMPLETED)
        if not connection.is_lost:
            self._connections.discard(connection)
            connection.reset()

    async def _carry(self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                await asyncio.sleep(self._delay)
                await self._open.wait()
                if connection.is_lost:
                    return
                writer.write(piece)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    async def _reset_all(self) -> None:
        for connection in list(self._connections):
            connection.reset()
        self._connections.clear()

    async def _shut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        await self._reset_all()

    async def _lose_all(self) -> None:
        for connection in self._connections:
            connection.lose()

    async def _close_gate(self) -> None:
        self._open.clear()

    async def _open_gate(self) -> None:
        self._open.set()
        await self._listen()


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread of its own, for lines to work in."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lines", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()
