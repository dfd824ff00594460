"""Play a strategy without a model server, and return everything that happens: for pages that show how it works."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple

from workers.core.errors import ReasoningError, StrategyError
from workers.core.estimate import SilentModel
from workers.core.events import Event, Ledger
from workers.core.lane import Chance, LaneSettings, LiveLane
from workers.core.model import Chunk, Model, Request, estimate_tokens
from workers.core.strategy import Strategy
from workers.core.values import Answer, Problem, Sampling, Usage


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
    return await _play(strategy, params, example.question, _ExampleModel(example.replies), random)


async def play_silently(strategy: Strategy, params: Any, *, random: Chance) -> Played:
    """Play the strategy with a model that writes nothing of meaning: for the shape of its call graph."""
    return await _play(strategy, params, strategy.example.question, SilentModel(None, 256), random)


async def _play(strategy: Strategy, params: Any, question: str, model: Model, random: Chance) -> Played:
    events: list[Event] = []
    lane = LiveLane(
        LaneSettings(lane=0, model_name="", sampling=Sampling(), seed=0),
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
    """Says at once what a worked example says."""

    def __init__(self, replies: Mapping[str, Sequence[str]]) -> None:
        self._replies = replies

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield the whole reply. Raises StrategyError when the example has none for this call."""
        position = int(request.key.rpartition("-")[2])
        script = self._replies.get(request.role, ())
        if position > len(script):
            raise StrategyError(f"The worked example has no reply for '{request.key}'.")
        text = script[position - 1]
        prompt = sum(estimate_tokens(message.content) for message in request.messages)
        usage = Usage(prompt_tokens=prompt, completion_tokens=estimate_tokens(text))
        yield Chunk(text=text, tokens=usage.completion_tokens, finish_reason="stop", usage=usage)

    async def count_tokens(self, text: str) -> int:
        """Return the estimate."""
        return estimate_tokens(text)
