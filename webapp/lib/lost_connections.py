"""A connection that the operating system has given up is lost, not slow: redis-py 8.1 takes one for the other."""

from typing import Any

from redis.asyncio.connection import DefaultParser


class SteadyParser(DefaultParser):  # type: ignore[misc, valid-type, unused-ignore]  # one of two, by what is installed
    """Reads answers of Redis for those who subscribe, and tells them when their connection is gone.

    A connection whose other end is silent ends with ETIMEDOUT, which Python calls TimeoutError, as it calls an answer
    that has not come within the time asked for. A subscriber takes it for "no message yet" and looks again at once,
    for ever: nothing else in the process gets a turn, and its memory fills with what was traced.
    """

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next answer. Raises ConnectionResetError where the connection timed out."""
        try:
            return await super().read_response(*args, **kwargs)
        except TimeoutError as error:
            raise ConnectionResetError(*error.args) from error
