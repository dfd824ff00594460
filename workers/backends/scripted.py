"""A model that says what it was told to say: for tests, worked examples and demonstrations without a server."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from workers.core.errors import ModelError, StrategyError
from workers.core.model import Chunk, Request, cut_at_stop, find_reply
from workers.core.odds import invent_odds
from workers.core.values import FinishReason, TokenOdds, Usage


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
        logprobs: Mapping[str, Sequence[float]] | None = None,
        seed: int = 0,
    ) -> None:
        """Take the script: role to replies, in order of asking, and to the log-probability of each word of a reply."""
        self.asked: list[Request] = []
        """Every request, in order of asking."""
        self.closed_early: list[str] = []
        """Keys of the calls that were closed before their end."""
        self._replies = replies
        self._faults = faults or {}
        self._pauses = pauses
        self._logprobs = logprobs or {}
        self._seed = seed

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the scripted reply. Raises StrategyError when the script has none for this key."""
        self.asked.append(request)
        chance = random.Random(f"{self._seed}/{request.key}")
        words, finish_reason, stopped_by = self._write(request)
        odds = self._weigh(request, words)
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
                end = position + size
                yield Chunk(text="".join(words[position:end]), tokens=size, odds=odds[position:end])
                position = end
                await _wait(chance.randrange(4))
            if not words:
                await self._stumble(request.key)
        except (asyncio.CancelledError, GeneratorExit):
            self.closed_early.append(request.key)
            raise
        yield Chunk(
            finish_reason=finish_reason, usage=_count(request, len(words)), stopped_by=stopped_by,
            odds=odds if request.scored else (),
        )  # fmt: skip

    async def count_tokens(self, text: str) -> int:
        """Count words."""
        return len(text.split())

    def _write(self, request: Request) -> tuple[list[str], FinishReason, str]:
        reply = find_reply(self._replies, request)
        if reply is None:
            raise StrategyError(
                f"The script has no reply for '{request.key}': role '{request.role}' has "
                f"{len(self._replies.get(request.role, ()))}; "
                f"scripted roles are {', '.join(sorted(self._replies)) or 'none'}."
            )
        text, stopped_by = cut_at_stop(reply, request.stop)
        words = re.findall(r"\s*\S+(?:\s+\Z)?", text)
        if len(words) > request.max_tokens and not request.compared:
            return words[: request.max_tokens], "length", ""
        return words, "stop", stopped_by

    def _weigh(self, request: Request, words: Sequence[str]) -> tuple[TokenOdds, ...]:
        if request.top_logprobs is None:
            return ()
        logprob = find_reply(self._logprobs, request)
        return invent_odds(request.scored or "".join(words), -0.1 if logprob is None else logprob)

    async def _stumble(self, key: str) -> None:
        if key in self._faults:
            raise self._faults[key]
        if key in self._pauses:
            await asyncio.Event().wait()


async def _wait(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def _count(request: Request, words: int) -> Usage:
    read = (*(message.content for message in request.messages), *request.compared)
    prompt = sum(len(text.split()) for text in read)
    return Usage(prompt_tokens=prompt, completion_tokens=0 if request.compared else words)
