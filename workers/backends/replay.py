"""A model that remembers: calls that were finished before a crash answer at once, the rest are asked anew."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from workers.core.assignments import Recorded
from workers.core.errors import ModelError
from workers.core.model import Chunk, Model, Request

logger = logging.getLogger(__name__)


class ReplayModel:
    """Serves recorded calls by key, everything else from `live`.

    `recorded` stands in the order in which the calls ended, and calls asked at the same time answer in that order:
    a strategy that races its calls decides as it did before. A call whose prompt is not the recorded one is
    asked anew, since its old answer belongs to another question; its key is added to `outdated` and logged.
    """

    def __init__(self, recorded: Mapping[str, Recorded], live: Model) -> None:
        """Take the journal, and the model that writes what is missing in it."""
        self.replayed: list[str] = []
        """Keys served from the journal."""
        self.outdated: list[str] = []
        """Keys whose recorded prompt differed from the one asked."""
        self._recorded = recorded
        self._live = live
        self._turns = {key: turn for turn, key in enumerate(recorded)}

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the recorded reply in one chunk, or the live model's stream."""
        call = self._find(request)
        if call is None:
            async with aclosing(self._live.stream(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        for _ in range(self._turns[request.key]):
            await asyncio.sleep(0)
        self.replayed.append(request.key)
        tokens = call.usage.completion_tokens
        yield Chunk(
            call.text, call.thinking, tokens, call.finish_reason, call.usage,
            stopped_by=call.stopped_by, measured=call.odds,
        )  # fmt: skip
        if call.error:  # what came after it was written without it: it must fail again
            raise ModelError(call.error)

    async def count_tokens(self, text: str) -> int:
        """Ask the live model."""
        return await self._live.count_tokens(text)

    def _find(self, request: Request) -> Recorded | None:
        call = self._recorded.get(request.key)
        if call is None or call.prompt == digest_prompt(request):
            return call
        self.outdated.append(request.key)
        logger.warning("The prompt of call '%s' is not the recorded one; it is asked anew.", request.key)
        return None


def digest_prompt(request: Request) -> str:
    """Return the SHA-256 that CallStarted gives for this request's messages."""
    return hashlib.sha256(request.prompt_text.encode()).hexdigest()
