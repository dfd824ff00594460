"""Ask a reasoning model to think less or more before it answers, within a number of tokens.

Reasoning models are trained to think before they answer, and think longer than most problems are worth. How long they
may think is the one setting they have: an effort that they know from their training, or a limit at which their thought
is ended. Compare budgets on one problem, and see where more thinking stops to help.

Procedure, `server`:
1. Send the problem with the wishes `effort` and `thinking_tokens`; the server ends the thought at the limit.
2. If it lets the model think on beyond that, close the stream; if the recipe cuts the thought off before, let the model
   think on to the limit. Then write the end of the thought, and let the model answer from there, in a box that is
   opened for it.
Procedure, `client`, for any model and server that can go on from a begun answer:
1. Let the model think after `<think>`, at most `thinking_tokens` tokens; where the recipe allows less for a call, in
   several. With 0, it answers after an empty thought.
2. Close the thought and let the model answer. If it had not ended by itself, write that the time is up before, and
   behind it `Final Answer:` and an open box, so that the model commits itself.

Cost: 2 calls; 1 by server, if it keeps to the limit, and 1 without thinking; more for a thought that is longer than
the recipe allows for a call. Depth: as many calls.
Differs from the paper: there, models are trained to think; here, one that was not is asked to, with little to gain.
What is wished is not always done: an effort works where the model's template knows it, and a strict server refuses a
wish that it does not know. A model whose template drops the thought from a begun answer cannot be used.
Reported: AIME 2024: DeepSeek-R1-Zero 15.6% before it learned to think and 71.0% after, 86.7% with 64 votes; DeepSeek-R1
79.8%, and 97.3% of MATH-500.
Source: DeepSeek-AI 2025, arXiv:2501.12948.
"""

from typing import Literal

from pydantic import Field

from workers.core.answers import drop_thinking
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem, Reply, Writing
from workers.strategies._prompts import DRAFT
from workers.strategies._thinking import THINK, Thought, begin_thought, conclude, offer_thought, read_thought, think

CLOSING = 32
"""Tokens that a server may write to end a thought."""


class Params(StrategyParams):
    """How long the model may think, and who sees to it."""

    control: Literal["client", "server"] = Field(
        "client",
        title="Ended by",
        description="Client: works with every model. Server: for reasoning models, on servers that know the wishes.",
    )
    thinking_tokens: int = Field(
        1024, ge=0, le=131_072, title="Thinking tokens", description="Most tokens of thinking; 0 is none."
    )
    answer_tokens: int = Field(512, ge=16, le=131_072, title="Longest answer", description="Tokens after the thinking.")
    effort: Literal["default", "low", "medium", "high"] = Field(
        "default", title="Effort", description="By server: how hard the model is wished to think."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"thinking_tokens": 12},
    replies={
        "think": ("17 times 20 is 340. 17 times 4 is 68. Let me check that once more, just to be sure of it.",),
        "draft": ("340 + 68 is \\boxed{408}.",),
    },
    answer="408",
    calls=2,
    depth=2,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.thinking_tokens:,} tokens of thinking", f"ended by {params.control}"]
    words += [f"effort {params.effort}"] * (params.control == "server" and params.effort != "default")
    return " · ".join(words)


@strategy(
    title="Thinking Budget",
    short="Thinking",
    family="single",
    source="arXiv:2501.12948",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"continuing", "keeping_thoughts"}),
    deeper=lambda size: {"thinking_tokens": 128 * size},
)
async def thinking_budget(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Think within the limit, then answer."""
    is_by_server, thought = params.control == "server", Thought("")
    prompt = fill(DRAFT if is_by_server else THINK, question=problem.question)
    if is_by_server:
        async with lane.round("Think"):
            reply = await _ask_reasoner(lane, prompt, params)
            if _is_answered(reply):
                return Answer.from_reply(reply, _say_thinking(reply))
            thought = Thought(read_thought(reply), (reply,), is_cut=True)
            offer_thought(lane, thought)
            if reply.is_truncated:
                thought = await think(lane, prompt, thought, most_tokens=params.thinking_tokens)
    elif params.thinking_tokens:
        async with lane.round("Think"):
            thought = await think(lane, prompt, begin_thought(), most_tokens=params.thinking_tokens)
    last_words = "\n\nThe time is up: I answer now." if thought.is_cut else ""
    async with lane.round("Answer"):
        return await conclude(
            lane, prompt, thought, is_committed=thought.is_cut, last_words=last_words, most_tokens=params.answer_tokens
        )


async def _ask_reasoner(lane: LiveLane, prompt: str, params: Params) -> Reply:
    """Ask with the wishes; a thought that is seen to go too far is ended."""
    limit = params.thinking_tokens

    def is_too_long(writing: Writing) -> bool:
        return writing.tokens > limit + CLOSING and not drop_thinking(writing.text).strip()

    return await lane.ask(
        prompt, role="draft", thinking_tokens=limit, effort=None if params.effort == "default" else params.effort,
        max_tokens=limit + CLOSING + params.answer_tokens, until=is_too_long,
    )  # fmt: skip


def _is_answered(reply: Reply) -> bool:
    """Say whether an answer was begun; what was cut off and shows no end of a thought may be one that goes on.

    Some templates begin the thought themselves, and then only its end is seen.
    """
    return bool(reply.solution) and (reply.has_thought or not reply.is_truncated)


def _say_thinking(reply: Reply) -> str:
    tokens = reply.usage.reasoning_tokens
    return f"{tokens:,} tokens of thinking" if tokens else "thought" if reply.has_thought else "no thinking"
