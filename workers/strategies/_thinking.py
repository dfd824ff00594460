"""Let a model think between `<think>` and `</think>`, and end its thinking for it."""

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
    calls: Sequence[Reply]
    is_cut: bool
    """True when it was not the model that ended it."""

    def __str__(self) -> str:
        """Say how long it is."""
        tokens = sum(call.usage.completion_tokens for call in self.calls)
        return f"{tokens:,} tokens of thinking" + (", cut off" if self.is_cut else "")


def begin_thought() -> str:
    """Return how a thought begins; small models end an empty one at once."""
    return "Let me think step by step.\n"


async def think(  # noqa: PLR0913  # keywords
    lane: LiveLane,
    prompt: str,
    *,
    begun: str,
    most_tokens: int,
    after: Sequence[Reply] = (),
    temperature: float | None = None,
) -> Reply:
    """Let the model think on after what is begun, until it closes its thought or has written the most."""
    return await lane.ask(
        prompt, role="think", begun=f"<think>\n{begun}", stop=("</think>",), max_tokens=most_tokens, after=after,
        temperature=temperature,
    )  # fmt: skip


def read_thought(reply: Reply) -> str:
    """Return what a call thought, without the tags: servers put it on either channel."""
    return (reply.thinking or reply.text).removeprefix("<think>").removeprefix("\n").partition("</think>")[0]


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
    # a server with a reasoning parser, to which the thought's end is not shown, takes the answer for thinking
    said = drop_thinking(begun + (reply.text or reply.thinking)).strip()
    is_in_thought = extract_answer(said) is None and extract_answer(thought.text) is not None
    text = thought.text if is_in_thought else said
    return Answer(text=text, answer=extract_answer(text), note=str(thought))
