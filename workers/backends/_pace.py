"""Reading a stream beat by beat, not token by token."""

import asyncio

import aiohttp

from workers.core.beat import next_beat

MANY_STREAMS = 32
"""More than these are read at every second beat: nobody reads so many texts at once, and each reading has its price."""


class Beat:
    """One timer for all streams of an event loop."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._waiting: list[asyncio.Future[None]] = []
        self._read = 0
        """Streams at the last beat."""

    def next(self) -> asyncio.Future[None]:
        """Return what is done at the next beat, or earlier if somebody sets it."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            every = 2 if self._read > MANY_STREAMS else 1
            loop.call_at(next_beat(loop.time(), every=every), self._strike)
        future = loop.create_future()
        self._waiting.append(future)
        return future

    def _strike(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._read = len(waiting)
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Pace:
    """Lets a stream's tokens gather until the next beat, and no longer once the stream has ended.

    Viewers are sent text at the beat anyway, so nobody sees it later; waking up for each token costs the worker more
    than everything that it does with the token.
    """

    def __init__(self, response: aiohttp.ClientResponse, beat: Beat) -> None:
        """Watch for the stream's end."""
        self._beat = beat
        self.response = response
        self.content = response.content
        self._rest: asyncio.Future[None] | None = None
        self.content.on_eof(self._wake)

    async def rest(self) -> None:
        """Wait for the beat or the end, whichever comes first."""
        if self.content.is_eof():
            return
        self._rest = self._beat.next()
        await self._rest

    def _wake(self) -> None:
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(None)


def take_unread(content: aiohttp.StreamReader) -> bytes:
    """Return what came before a stream broke and was not read yet; aiohttp itself raises before it gives that."""
    unread = b"".join(content._buffer)
    content._buffer.clear()
    return unread
