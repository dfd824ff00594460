"""A model that says what it was told to say: for tests, worked examples and demonstrations without a server."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from workers.core.errors import ModelError, StrategyError
from workers.core.model import Chunk, Request
from workers.core.values import FinishReason, Usage


class ScriptedModel:
    """Answers by the request's key: `draft-3` says `replies["draft"][2]`, whoever is faster.

    A token is a word. Replies come in several chunks, after a number of turns of the event loop that depends on
    `seed` and key alone, so that arrival is scrambled but the same every time. A reply longer than the request's
    `max_tokens` is cut there with finish reason `length`, as a server would.

    `faults` raises an error in the middle of the named calls' text; `pauses` names calls that fall silent in the
    middle until they are closed. Both take keys such as `draft-3`.
    """

    def __init__(
        self,
        replies: Mapping[str, Sequence[str]],
        *,
        faults: Mapping[str, ModelError] | None = None,
        pauses: Collection[str] = (),
        seed: int = 0,
    ) -> None:
        """Take the script: role to replies, in order of asking."""
        self.asked: list[Request] = []
        """Every request, in order of asking."""
        self.closed_early: list[str] = []
        """Keys of the calls that were closed before their end."""
        self._replies = replies
        self._faults = faults or {}
        self._pauses = pauses
        self._seed = seed

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the scripted reply. Raises StrategyError when the script has none for this key."""
        self.asked.append(request)
        chance = random.Random(f"{self._seed}/{request.key}")
        words, finish_reason = self._write(request)
        middle = len(words) // 2
        position = 0
        try:
            await _wait(chance.randrange(8))
            while position < len(words):
                size = min(chance.randint(1, 4), len(words) - position)
                if position < middle:
                    size = min(size, middle - position)
                else:
                    await self._stumble(request.key)
                yield Chunk(text="".join(words[position : position + size]), tokens=size)
                position += size
                await _wait(chance.randrange(4))
            if not words:
                await self._stumble(request.key)
        except (asyncio.CancelledError, GeneratorExit):
            self.closed_early.append(request.key)
            raise
        yield Chunk(finish_reason=finish_reason, usage=_count(request, len(words)))

    async def count_tokens(self, text: str) -> int:
        """Count words."""
        return len(text.split())

    def _write(self, request: Request) -> tuple[list[str], FinishReason]:
        script = self._replies.get(request.role, ())
        position = int(request.key.rpartition("-")[2])
        if position > len(script):
            raise StrategyError(
                f"The script has no reply for '{request.key}': role '{request.role}' has {len(script)}; "
                f"scripted roles are {', '.join(sorted(self._replies)) or 'none'}."
            )
        words = re.findall(r"\s*\S+(?:\s+\Z)?", script[position - 1])
        if len(words) > request.max_tokens:
            return words[: request.max_tokens], "length"
        return words, "stop"

    async def _stumble(self, key: str) -> None:
        if key in self._faults:
            raise self._faults[key]
        if key in self._pauses:
            await asyncio.Event().wait()


async def _wait(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def _count(request: Request, words: int) -> Usage:
    prompt = sum(len(message.content.split()) for message in request.messages)
    return Usage(prompt_tokens=prompt, completion_tokens=words)
