"""A wrapper that bounds how many streams are open at the same time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from workers.core.model import Chunk, Model, Request


class LimitedModel:
    """Lets at most `streams` requests run at once; the others wait in the order in which they came.

    One object is shared by all lanes of a process, so that a wide lane cannot open more connections than the
    process and the model server bear.
    """

    def __init__(self, model: Model, streams: int) -> None:
        """Wrap a model. Raises ValueError for less than one stream."""
        if streams < 1:
            raise ValueError(f"At least one stream must be allowed, got {streams}.")
        self._model = model
        self._places = asyncio.Semaphore(streams)

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the wrapped model's chunks, once there is a place."""
        async with self._places, aclosing(self._model.stream(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, text: str) -> int:
        """Ask the wrapped model."""
        return await self._model.count_tokens(text)
