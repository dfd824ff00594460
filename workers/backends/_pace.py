"""Reading a stream beat by beat, not token by token."""

import asyncio

import aiohttp

from workers.core.beat import next_beat


class Pace:
    """Lets a stream's tokens gather until the next beat, and no longer once the stream has ended.

    Viewers are sent text at the beat anyway, so nobody sees it later; waking up for each token costs the worker more
    than everything that it does with the token.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Watch for the stream's end."""
        self.response = response
        self.content = response.content
        self._rest: asyncio.Future[None] | None = None
        self.content.on_eof(self._wake)

    async def rest(self) -> None:
        """Wait for the beat or the end, whichever comes first."""
        if self.content.is_eof():
            return
        loop = asyncio.get_running_loop()
        self._rest = loop.create_future()
        timer = loop.call_at(next_beat(loop.time()), self._wake)
        try:
            await self._rest
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(None)


def take_unread(content: aiohttp.StreamReader) -> bytes:
    """Return what came before a stream broke and was not read yet; aiohttp itself raises before it gives that."""
    unread = b"".join(content._buffer)
    content._buffer.clear()
    return unread
