"""Let a model think between `<think>` and `</think>`, and end its thinking for it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from workers.core.answers import drop_thinking, extract_answer
from workers.core.lane import LiveLane
from workers.core.values import Answer, Reply

THINK = """\
Problem:
$question

First think, between <think> and </think>: work on the problem step by step, and check what you find. Then write the \
solution in a few lines. At the end, write the final answer inside \\boxed{}.
"""


class Thought(NamedTuple):
    """What was thought, in one call or several."""

    text: str
    """All between the tags."""
    calls: Sequence[Reply] = ()
    is_cut: bool = False
    """True when it was not the model that ended it."""

    @property
    def tokens(self) -> int:
        """Return how long it is, the ends that were taken away included."""
        return sum(call.usage.completion_tokens for call in self.calls)

    def __str__(self) -> str:
        """Say how long it is."""
        return f"{self.tokens:,} tokens of thinking" + (", cut off" if self.is_cut else "")


def begin_thought() -> Thought:
    """Return how a thought begins; small models end an empty one at once."""
    return Thought("Let me think step by step.\n")


async def think(  # noqa: PLR0913  # keywords
    lane: LiveLane,
    prompt: str,
    thought: Thought,
    *,
    most_tokens: int,
    after: Sequence[Reply] = (),
    temperature: float | None = None,
) -> Thought:
    """Let the model think on, until it closes its thought or all of it has the most tokens.

    Where the recipe allows less for a call, the next one goes on from what the last has written.
    """
    while (left := most_tokens - thought.tokens) > 0:
        reply = await lane.ask(
            prompt, role="think", begun=f"<think>\n{thought.text}", stop=("</think>",), max_tokens=left,
            after=thought.calls[-1:] or after, temperature=temperature,
        )  # fmt: skip
        thought = Thought(thought.text + read_thought(reply), (*thought.calls, reply), reply.is_truncated)
        offer_thought(lane, thought)
        if not reply.is_truncated or not reply.usage.completion_tokens:
            break
    return thought


def offer_thought(lane: LiveLane, thought: Thought) -> None:
    """Keep what is thought so far: the answer may stand in it."""
    lane.offer(Answer(text=thought.text, answer=extract_answer(thought.text), note=f"{thought}, no answer yet"))


def read_thought(reply: Reply) -> str:
    """Return what a call thought, without the tags: servers put it on either channel."""
    return re.sub(r"\A<think>\n?", "", reply.thinking or reply.text).partition("</think>")[0]


async def conclude(  # noqa: PLR0913  # keywords
    lane: LiveLane, prompt: str, thought: Thought, *, is_committed: bool, last_words: str = "", most_tokens: int
) -> Answer:
    """Close the thought, after some last words, and let the model answer; if it is committed, with the answer alone.

    A model that says nothing after its thought may have said the answer in it.
    """
    text = f"{thought.text}{last_words}"
    begun = f"<think>\n{text}" + ("" if text.endswith("\n") else "\n") + "</think>\n\n"
    begun += "Final Answer: \\boxed{" if is_committed else ""
    reply = await lane.ask(prompt, role="draft", begun=begun, max_tokens=most_tokens, after=thought.calls)
    said = drop_thinking(begun + reply.continued).strip()
    is_in_thought = extract_answer(said) is None and extract_answer(thought.text) is not None
    text = thought.text if is_in_thought else said
    return Answer(text=text, answer=extract_answer(text), note=str(thought))
