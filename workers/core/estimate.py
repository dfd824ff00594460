"""What a recipe will cost, found by playing it against a model that writes nothing but a fixed answer.

So the preview needs no formula: it runs the strategy itself, with the real prompts and the real call graph.
"""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, NamedTuple

from workers.core.asking import LaneSettings
from workers.core.errors import BudgetSpent, ReasoningError
from workers.core.lane import Chance, LiveLane
from workers.core.model import Chunk, Request, estimate_prompt, estimate_tokens
from workers.core.odds import invent_odds
from workers.core.passages import PASSAGE_BYTES
from workers.core.strategy import Strategy
from workers.core.values import Problem, Sampling, Usage, write_similarities

BLANK_LINE = "\n\n"
STAND_IN = BLANK_LINE.join(["x" * PASSAGE_BYTES] * 100)
"""What a lane searches where its corpus is not known."""
MEASURED = 2_048
"""Characters of a text that come with odds: all odds are the same, and thousands of them take long to reduce."""
_BLOCK_END = re.compile(r"</(\w+)>")


class Estimate(NamedTuple):
    """The cost of one lane if every call writes `tokens_per_call` tokens."""

    calls: int
    depth: int
    total_tokens: int
    critical_path_tokens: int
    peak_context: int
    is_cut: bool = False
    """True when the play was stopped at a limit: the real cost is higher."""
    has_too_many_calls: bool = False
    """True when that limit was the number of calls."""


class SilentModel:
    """Answers every request at once, and charges a fixed number of tokens for it."""

    def __init__(self, tokens_per_call: int | None = None) -> None:
        self._tokens = tokens_per_call
        self._calls = 0

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Yield one chunk that carries an answer, a selection and a verdict that any strategy can read."""
        self._calls += 1
        written = 1 if request.scored else min(self._tokens or request.max_tokens, request.max_tokens)
        if request.compared:
            written = 0
        if _is_step(request):  # it is taken for an eighth of a text
            written = max(1, written // 8)
        text = self._write(request, written)
        usage = Usage(prompt_tokens=estimate_prompt(request), completion_tokens=written)
        odds = () if request.top_logprobs is None else invent_odds(request.scored or text[:MEASURED])
        is_cut = "</think>" in request.stop and written == request.max_tokens  # a thought takes all that it may
        yield Chunk(text=text, finish_reason="length" if is_cut else "stop", usage=usage, odds=odds)

    def _write(self, request: Request, tokens: int) -> str:
        """Return a text of four bytes a token, so that prompts built from it have their real size.

        It stands in paragraphs that can be taken for steps or for the entries of a list, and are never the same twice.
        Seven answers in turn, so that no strategy stops early because one round says what the round before said; one
        verdict, so that judges never settle what a tie would have to. A step is one paragraph and never the last. What
        is stopped at the end of a block is that block, full of entries.
        """
        if request.scored:
            return ""
        if request.compared:
            return write_similarities([1.0] * len(request.compared))
        if _is_step(request):
            return f"{self._calls} ".ljust(4 * tokens, "e")
        entries = [f"{number}. {self._calls}.{number} ".ljust(28, "e") for number in range(1, tokens // 8 + 1)]
        if block := next(filter(None, map(_BLOCK_END.fullmatch, request.stop)), None):
            return f"<{block[1]}>{json.dumps(entries)}"
        paragraphs = "".join(f"{entry}e.{BLANK_LINE}" for entry in entries)
        return f"{paragraphs[: 4 * (tokens - 5)]}\\boxed{{{1 + self._calls % 7}}}\nVerdict: 1"

    async def count_tokens(self, text: str) -> int:
        """Return the estimate."""
        return estimate_tokens(text)


def _is_step(request: Request) -> bool:
    """Say whether the text is stopped at the end of a paragraph or a line."""
    return any(stop.startswith("\n") for stop in request.stop)


async def estimate_cost(  # noqa: PLR0913  # keywords only
    strategy: Strategy,
    params: Any,
    *,
    question: str,
    sampling: Sampling,
    random: Chance,
    tokens_per_call: int | None = None,
    most_calls: int | None = None,
    most_tokens: int | None = None,
    corpus: str | None = None,
) -> Estimate:
    """Play the strategy and return what it cost; every call writes its whole limit unless told otherwise.

    The play stops at `most_calls` or `most_tokens`, so that absurd settings cost little to refuse.
    """
    lane = LiveLane(
        LaneSettings(
            lane=0,
            model_name="",
            sampling=sampling,
            seed=0,
            budget_tokens=most_tokens,
            most_calls=most_calls,
            corpus=STAND_IN if corpus is None else corpus,
            is_estimate=True,
        ),
        model=SilentModel(tokens_per_call),
        emit=lambda event, prompt: None,
        clock=lambda: 0,
        random=random,
    )
    is_cut = False
    with suppress(ReasoningError):  # a strategy that needs real text to go on has shown its cost until there
        try:
            await strategy.solve(Problem(question=question), lane, params)
        except BudgetSpent:
            is_cut = True
    ledger = lane.ledger()
    return Estimate(
        ledger.calls, ledger.depth, ledger.total_tokens, ledger.critical_path_tokens, ledger.peak_context, is_cut,
        is_cut and lane.has_too_many_calls,
    )  # fmt: skip
