"""Connections of subscribers that are lost, and taken for slow or busy by redis-py 8.1."""

import asyncio
from typing import Any

from redis.asyncio.connection import DefaultParser

GREETING_SECONDS = 1.0
"""Much longer than a greeting takes."""


class SteadyParser(DefaultParser):  # type: ignore[misc, valid-type, unused-ignore]  # one of two, by what is installed
    """Reads answers of Redis for those who subscribe, and tells them when their connection is gone.

    A connection whose other end is silent ends with ETIMEDOUT, which Python calls TimeoutError, as it calls an answer
    that has not come within the time asked for. A subscriber takes it for "no message yet" and looks again at once,
    for ever: nothing else in the process gets a turn, and its memory fills with what was traced.

    After a restart of Redis one may subscribe and greet it while another listens at the same connection. If the
    listener takes the answer to the greeting, the other waits for it for ever, and nobody else may read.
    """

    _crowded_since: float | None = None
    """When the listener first found somebody else reading."""

    async def read_response(self, *args: Any, push_request: bool = False, **kwargs: Any) -> Any:
        """Return the next answer. Raises ConnectionResetError where none can come: all then connect anew."""
        try:
            answer = await super().read_response(*args, push_request=push_request, **kwargs)
        except TimeoutError as error:
            raise ConnectionResetError(*error.args) from error
        except RuntimeError:  # asyncio's: somebody else is reading
            if not push_request:
                raise
        else:
            self._crowded_since = None
            return answer
        await self._make_room()
        raise TimeoutError("No message yet.")

    async def _make_room(self) -> None:
        """Let who greets Redis read; who still does so after a second waits for what the listener has read."""
        now = asyncio.get_running_loop().time()
        self._crowded_since = self._crowded_since or now
        if now - self._crowded_since > GREETING_SECONDS:
            self._crowded_since = None
            raise ConnectionResetError("Another reader waits at this connection for ever.")
        await asyncio.sleep(0.02)
