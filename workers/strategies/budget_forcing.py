"""Make the model think longer than it would, or stop it when it has thought enough.

A model that wants to end its thinking has often not checked it. So take the end away and write `Wait` in its place: the
model goes on, and may find its mistake. And a model that thinks for ever never answers: so cut its thought off at a
number of tokens, and make it say what it has.

Procedure, `forcing`:
1. Let the model think after `<think>`, for at most `most_tokens` tokens.
2. If it ends its thought by itself, drop the end, write `word` there, and let it go on with the tokens that are left;
   do so `extensions` times. Then its next end counts. A continuation that adds nothing new is the last.
3. Close the thought. If it was cut off, write `Final Answer:` and an open box behind it, so that the model commits
   itself.
4. Let the model write its answer.
Procedure, `rejection`: draw whole thoughts, one after the other, until one ends within `most_tokens`, at most `tries`;
the rest are thrown away. If none is short enough, the last is cut off. Then as above. It shows that picking short
thoughts is worse than making them short: problems that are solved quickly are those that were easy.

Cost: at most extensions + 2 calls, 2 with no extension; at most tries + 1 for rejection. Depth: as many calls.
Differs from the paper: no model is trained: the prompt asks for the thinking, between tags that models know, and its
first words are given, or a small model ends it at once. It is cut at the tag's text, not at its token. The box behind
`Final Answer:` is ours. The drawing is the recipe's, not always greedy, but for rejection at temperature 1. Rejection
has a limit. Where a server's template drops thinking from a begun answer, the model answers without it.
Reported: a 32B model trained on 1,000 thoughts, without and with forcing: AIME 2024 50.0% and 56.7%, MATH-500 92.6%
and 93.0%, GPQA 56.6% and 59.6%.
Source: Muennighoff et al. 2025, arXiv:2501.19393.
"""

from typing import Literal

from pydantic import Field

from workers.core.answers import extract_answer
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies._thinking import THINK, Thought, begin_thought, conclude, read_thought, think


class Params(StrategyParams):
    """How long the model thinks, and how it is brought to that."""

    form: Literal["forcing", "rejection"] = Field(
        "forcing", title="Form", description="Force one thought to its length, or draw thoughts until one is short."
    )
    most_tokens: int = Field(
        1024,
        ge=16,
        le=131_072,
        title="Most thinking",
        description="Tokens of all the thinking. It also ends where the recipe cuts a call off.",
    )
    extensions: int = Field(
        1, ge=0, le=6, title="Extensions", description="Times that the end of the thought is taken away."
    )
    word: Literal["Wait", "Alternatively", "Hmm"] = Field(
        "Wait", title="Word", description="What is written in place of the end."
    )
    tries: int = Field(8, ge=1, le=64, title="Tries", description="Rejection: thoughts drawn at most.")
    answer_tokens: int = Field(512, ge=16, le=131_072, title="Longest answer", description="Tokens after the thinking.")


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"extensions": 1},
    replies={
        "think": (
            "17 times 20 is 340. Plus 4, that is 344.\n",
            " 17 times 4 is 68, not 4. So it is 340 + 68 = 408.\n",
        ),
        "draft": ("340 + 68 is \\boxed{408}.",),
    },
    answer="408",
    calls=3,
    depth=3,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.most_tokens:,} tokens of thinking"]
    words += [f"rejection in {params.tries}" if params.form == "rejection" else f"{params.extensions} × {params.word}"]
    return " · ".join(words)


@strategy(
    title="Budget Forcing",
    short="s1",
    family="single",
    source="arXiv:2501.19393",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"continuing"}),
    deeper=lambda size: {"extensions": size - 1, "most_tokens": 1024 * size},
)
async def budget_forcing(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Think as long as is wished, then answer."""
    prompt = fill(THINK, question=problem.question)
    async with lane.round("Think"):
        thought = await (_force if params.form == "forcing" else _draw)(lane, prompt, params)
    lane.offer(Answer(text=thought.text, answer=extract_answer(thought.text), note=f"{thought}, no answer yet"))
    async with lane.round("Answer"):
        return await conclude(lane, prompt, thought, is_committed=thought.is_cut, most_tokens=params.answer_tokens)


async def _force(lane: LiveLane, prompt: str, params: Params) -> Thought:
    """Let the model think, and think on."""
    text, calls, left = begin_thought(), list[Reply](), params.most_tokens
    for number in range(params.extensions + 1):
        if number:
            text += ("" if text.endswith("\n") else "\n") + params.word + ","
        reply = await think(lane, prompt, begun=text, most_tokens=left, after=calls[-1:])
        said, calls = read_thought(reply), [*calls, reply]
        is_loop = number > 0 and said.strip() in text
        text, left = text + said, left - reply.usage.completion_tokens
        if reply.is_truncated or left <= 0 or is_loop:
            break
    return Thought(text, calls, calls[-1].is_truncated)


async def _draw(lane: LiveLane, prompt: str, params: Params) -> Thought:
    """Let the model think anew until a thought is short enough."""
    text, calls = begin_thought(), list[Reply]()
    for number in range(1, params.tries + 1):
        most = params.most_tokens + 1  # its end is a token too
        calls.append(await think(lane, prompt, begun=text, most_tokens=most, after=calls[-1:], temperature=1))
        if not calls[-1].is_truncated:
            lane.note(f"Thought {number} is short enough.")
            break
    else:
        lane.note(f"None of {params.tries} thoughts was short enough; the last is cut off.")
    return Thought(text + read_thought(calls[-1]), calls[-1:], calls[-1].is_truncated)
