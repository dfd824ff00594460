"""Play a strategy without a model server, and return everything that happens: for pages that show how it works."""

import re
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from workers.core.asking import LaneSettings
from workers.core.errors import ReasoningError, StrategyError
from workers.core.estimate import SilentModel
from workers.core.events import Event, Ledger
from workers.core.lane import Chance, LiveLane
from workers.core.model import Chunk, Model, Request, cut_at_stop, estimate_prompt, estimate_tokens, find_reply
from workers.core.odds import invent_odds
from workers.core.strategy import Example, Strategy
from workers.core.values import Answer, Problem, Sampling, Usage

MOST_CALLS = 256
"""That are shown of a strategy."""


class Played(NamedTuple):
    """What happened in a lane."""

    events: tuple[Event, ...]
    ledger: Ledger
    answer: Answer | None
    """None when the play ended with an error."""


async def play_example(strategy: Strategy, *, random: Chance) -> Played:
    """Play the strategy's worked example with the replies that stand in its file."""
    example = strategy.example
    params = strategy.params.model_validate(dict(example.params))
    return await _play(strategy, params, example.question, _ExampleModel(example), random)


async def play_silently(strategy: Strategy, params: Any, *, random: Chance) -> Played:
    """Play the strategy with a model that writes nothing of meaning: for the shape of its call graph."""
    return await _play(strategy, params, strategy.example.question, SilentModel(), random)


async def _play(strategy: Strategy, params: Any, question: str, model: Model, random: Chance) -> Played:
    events: list[Event] = []
    lane = LiveLane(
        LaneSettings(lane=0, model_name="", sampling=Sampling(), seed=0, most_calls=MOST_CALLS),
        model=model,
        emit=lambda event, prompt: events.append(event),
        clock=lambda: len(events),
        random=random,
    )
    try:
        answer = await strategy.solve(Problem(question=question), lane, params)
    except ReasoningError:
        answer = None
    return Played(tuple(events), lane.ledger(), answer)


class _ExampleModel:
    """Says what a worked example says, word by word, so that what is cut while it is written is cut there too."""

    def __init__(self, example: Example) -> None:
        self._example = example

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the reply. Raises StrategyError when the example has none for this call."""
        written = find_reply(self._example.replies, request)
        if written is None:
            raise StrategyError(f"The worked example has no reply for '{request.key}'.")
        text, stopped_by = cut_at_stop(written, request.stop)
        words = re.findall(r"\s*\S+(?:\s+\Z)?", text)  # a token is a word, as where the tests play it
        logprob = find_reply(self._example.logprobs, request)
        odds = (
            ()
            if request.top_logprobs is None
            else invent_odds(request.scored or text, -0.1 if logprob is None else logprob)
        )
        for place, word in enumerate(words):
            yield Chunk(text=word, tokens=1, odds=odds[place : place + 1])
        written_tokens = 0 if request.compared else len(words)
        usage = Usage(prompt_tokens=estimate_prompt(request), completion_tokens=written_tokens)
        yield Chunk(finish_reason="stop", usage=usage, stopped_by=stopped_by, odds=odds if request.scored else ())

    async def count_tokens(self, text: str) -> int:
        """Return the estimate."""
        return estimate_tokens(text)
