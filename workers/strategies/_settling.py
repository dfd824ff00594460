"""Ask once more, for the end alone, where what was written ends in nothing that can be read.

The model goes on from its own text, after the first words of the end: it has only to fill in the rest. Small models
solve many problems and forget to say so in the form they were asked for.
"""

import re
from collections.abc import Coroutine
from typing import Any

from workers.core.answers import extract_answer, find_box_end
from workers.core.errors import ModelError
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.values import Answer, Reply, Writing
from workers.strategies._prompts import DRAFT

ANSWER = "The final answer is $kind$$\\boxed{"
"""Of nine wordings the one after which SmolLM2-135M said nothing readable most seldom: once in 32 such drafts."""
VERDICT = "Verdict: "
"""Behind the space a small model can only write a number; before it, it writes the `N` that stands in its prompt."""
ROLE = "settle"
READ_AGAIN_TOKENS = 512
"""Of what was written, its end."""
ANSWER_TOKENS, NUMBER_TOKENS = 48, 8

_NUMBER = r"\d{1,3}(?:\.\d{1,3})?(?:\s?/\s?\d{1,3})?(?![\d-])"
_NUMBERS = re.compile(rf"[\s*_`$\[(]{{0,8}}({_NUMBER}(?:\s?,\s?{_NUMBER}){{0,63}})")


async def settle_answer(lane: LiveLane, question: str, answer: Answer, *, kind: str = "") -> Answer | None:
    """Return the answer with an end that can be read; None if the model gives none even so.

    `kind` is what the answer is, if that is known, e.g. `the number`: a small model then writes 14 and not 8 + 6.
    """
    begun = fill(ANSWER, kind=f"{kind} ".lstrip())
    async with lane.round("Settle"):
        call = _go_on(
            lane, fill(DRAFT, question=question), answer.text, begun, after=lane.ends, max_tokens=ANSWER_TOKENS,
            until=_is_closed,
        )  # fmt: skip
        reply = await attempt(call)
    written = _read_on(reply)
    end = find_box_end(written)
    inside = written[:end] if end is not None else written.strip().partition("\n")[0]
    inside = extract_answer(inside) or inside  # "The answer is Paris" stands in many a box
    closed = f"{begun}{inside}}}$."
    said = extract_answer(closed)
    if said is None:
        return None
    text = f"{answer.text.strip()}\n\n{closed}".lstrip()
    return Answer(text=text, answer=said, note=", ".join(filter(None, (answer.note, "asked once more for the end"))))


async def settle_verdict(lane: LiveLane, prompt: str, judge: Reply, *, numbers: int, model: str = "") -> Reply:
    """Return what a judge said with a verdict behind it, as far as the model gives one; it comes from a call more."""
    call = _go_on(
        lane, prompt, judge.solution, VERDICT, after=judge, max_tokens=NUMBER_TOKENS * numbers, stop=("\n",),
        branch=judge.key, model=model,
    )  # fmt: skip
    reply = await attempt(call)
    if reply is None:
        return judge
    found = _NUMBERS.match(_read_on(reply))
    said = ",".join(found[1].split(",")[:numbers]) if found else ""
    text = f"{judge.solution}\n\n{VERDICT}{said}"
    return reply._replace(text=text, thinking=judge.thinking, finish_reason="stop")


async def attempt(call: Coroutine[Any, Any, Reply]) -> Reply | None:
    """Return a reply, or None when the call failed: the lane can do without."""
    try:
        return await call
    except ModelError:
        return None


async def _go_on(lane: LiveLane, prompt: str, text: str, end: str, **wishes: Any) -> Reply:
    """Let the model write the rest of an end, at temperature 0, after the last part of a text."""
    tail = await lane.shorten(text.strip(), READ_AGAIN_TOKENS)
    begun = f"{tail}\n\n{end}".lstrip()
    return await lane.ask(prompt, role=ROLE, begun=begun, temperature=0, **wishes)


def _read_on(reply: Reply | None) -> str:
    """Return what was written; a server with a reasoning parser may take it for thinking."""
    return (reply.text or reply.thinking) if reply else ""


def _is_closed(writing: Writing) -> bool:
    return find_box_end(writing.text) is not None
