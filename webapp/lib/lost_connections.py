"""Connections of subscribers that are lost, and taken for slow or busy by redis-py 8.1."""

import asyncio
from typing import Any

from redis.asyncio.connection import DefaultParser

GREETING_SECONDS = 0.05
"""Longer than a greeting takes, and shorter than channels_redis waits for a message: 0.1."""


class SteadyParser(DefaultParser):  # type: ignore[misc, valid-type, unused-ignore]  # one of two, by what is installed
    """Reads answers of Redis for those who subscribe, and tells them when their connection is gone.

    A connection whose other end is silent ends with ETIMEDOUT, which Python calls TimeoutError, as it calls an answer
    that has not come within the time asked for. A subscriber takes it for "no message yet" and looks again at once,
    for ever: nothing else in the process gets a turn, and its memory fills with what was traced.

    After a restart of Redis one may subscribe and greet it while another listens at the same connection. If the
    listener takes the answer to the greeting, the other waits for it for ever, and nobody else may read.
    """

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next answer. Raises ConnectionResetError where none can come: all then connect anew."""
        try:
            return await self._read(*args, **kwargs)
        except RuntimeError:  # asyncio's: somebody else is reading
            await asyncio.sleep(GREETING_SECONDS)
        try:
            return await self._read(*args, **kwargs)
        except RuntimeError as error:
            raise ConnectionResetError("Another reader waits at this connection.") from error

    async def _read(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().read_response(*args, **kwargs)
        except TimeoutError as error:
            raise ConnectionResetError(*error.args) from error
