"""What a recipe will cost, found by playing it against a model that writes nothing but a fixed answer.

So the preview needs no formula: it runs the strategy itself, with the real prompts and the real call graph.
"""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from workers.core.errors import ReasoningError
from workers.core.lane import Chance, LaneSettings, LiveLane
from workers.core.model import Chunk, Request, estimate_tokens
from workers.core.strategy import Strategy
from workers.core.values import Problem, Sampling, Usage


class Estimate(NamedTuple):
    """The cost of one lane if every call writes `tokens_per_call` tokens."""

    calls: int
    depth: int
    total_tokens: int
    critical_path_tokens: int
    peak_context: int


class _SilentModel:
    """Answers every request at once, and charges a fixed number of tokens for it."""

    def __init__(self, tokens_per_call: int | None) -> None:
        self._tokens = tokens_per_call

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield one chunk that carries an answer and a selection that any strategy can read."""
        written = min(self._tokens or request.max_tokens, request.max_tokens)
        prompt = sum(estimate_tokens(message.content) for message in request.messages)
        usage = Usage(prompt_tokens=prompt, completion_tokens=written)
        # the text is as long as the tokens it costs, so that prompts built from it have their real size
        text = "word " * max(0, written - 4) + r"\boxed{1}"
        yield Chunk(text=text, finish_reason="stop", usage=usage)

    async def count_tokens(self, text: str) -> int:
        """Return the estimate."""
        return estimate_tokens(text)


async def estimate_cost(
    strategy: Strategy,
    params: Any,
    *,
    question: str,
    sampling: Sampling,
    random: Chance,
    tokens_per_call: int | None = None,
) -> Estimate:
    """Play the strategy and return what it cost; every call writes its whole limit unless told otherwise."""
    lane = LiveLane(
        LaneSettings(lane=0, model_name="", sampling=sampling, seed=0),
        model=_SilentModel(tokens_per_call),
        emit=lambda event, prompt: None,
        clock=lambda: 0,
        random=random,
    )
    try:
        await strategy.solve(Problem(question=question), lane, params)
    except ReasoningError:
        pass  # a strategy that needs real text to go on has shown its cost until there
    ledger = lane.ledger()
    return Estimate(
        ledger.calls, ledger.depth, ledger.total_tokens, ledger.critical_path_tokens, ledger.peak_context
    )
