"""Make the model think longer than it would, or stop it when it has thought enough.

A model that wants to end its thinking has often not checked it. So take the end away and write `Wait` in its place: the
model goes on, and may find its mistake. And a model that thinks for ever never answers: so cut its thought off at a
number of tokens, and make it say what it has.

Procedure, `forcing`:
1. Let the model think after `<think>`, for at most `most_tokens` tokens; where the recipe allows less for a call, in
   several.
2. If it ends its thought by itself, drop the end, write `word` there, and let it go on with the tokens that are left;
   do so `extensions` times. Then its next end counts. A continuation that adds nothing new is the last.
3. Close the thought. If it was cut off, write `Final Answer:` and an open box behind it, so that the model commits
   itself.
4. Let the model write its answer.
Procedure, `rejection`: draw whole thoughts, one after the other, until one ends within `most_tokens`, at most `tries`;
the rest are thrown away. If none is short enough, the last is cut off. Then as above. It shows that picking short
thoughts is worse than making them short: problems that are solved quickly are those that were easy.

Cost: at most extensions + 2 calls, 2 with no extension, tries + 1 for rejection; more for a thought that is longer
than the recipe allows for a call. Depth: as many calls.
Differs from the paper: no model is trained: the prompt asks for the thinking, between tags that models know, and its
first words are given, or a small model ends it at once. It is cut at the tag's text, not at its token. The box behind
`Final Answer:` is ours. The drawing is the recipe's, not always greedy, but for rejection at temperature 1. Rejection
has a limit, and a thought's end counts as a part of it. A model whose template drops the thought from a begun answer
cannot be used.
Reported: a 32B model trained on 1,000 thoughts, without and with forcing: AIME 2024 50.0% and 56.7%, MATH-500 92.6%
and 93.0%, GPQA 56.6% and 59.6%.
Source: Muennighoff et al. 2025, arXiv:2501.19393.
"""

from typing import Literal

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Problem
from workers.strategies._thinking import THINK, Thought, begin_thought, conclude, think


class Params(StrategyParams):
    """How long the model thinks, and how it is brought to that."""

    form: Literal["forcing", "rejection"] = Field(
        "forcing", title="Form", description="Force one thought to its length, or draw thoughts until one is short."
    )
    most_tokens: int = Field(
        1024, ge=16, le=131_072, title="Most thinking", description="Tokens of all the thinking together."
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
    needs=frozenset({"continuing", "keeping_thoughts"}),
    deeper=lambda size: {"most_tokens": 512 * size},
)
async def budget_forcing(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Think as long as is wished, then answer."""
    prompt = fill(THINK, question=problem.question)
    async with lane.round("Think"):
        thought = await (_force if params.form == "forcing" else _draw)(lane, prompt, params)
    async with lane.round("Answer"):
        return await conclude(lane, prompt, thought, is_committed=thought.is_cut, most_tokens=params.answer_tokens)


async def _force(lane: LiveLane, prompt: str, params: Params) -> Thought:
    """Let the model think, and think on."""
    thought = await think(lane, prompt, begin_thought(), most_tokens=params.most_tokens)
    for _ in range(params.extensions):
        if thought.is_cut or thought.tokens >= params.most_tokens:
            break
        end = "" if thought.text.endswith("\n") else "\n"
        begun = thought._replace(text=f"{thought.text}{end}{params.word},")
        thought = await think(lane, prompt, begun, most_tokens=params.most_tokens)
        if thought.text.removeprefix(begun.text).strip() in begun.text:  # it says the same again
            break
    return thought


async def _draw(lane: LiveLane, prompt: str, params: Params) -> Thought:
    """Let the model think anew until a thought is short enough."""
    thought = Thought("")
    for number in range(1, params.tries + 1):
        thought = await think(
            lane, prompt, begin_thought(), most_tokens=params.most_tokens, after=thought.calls[-1:], temperature=1
        )
        if not thought.is_cut:
            lane.note(f"Thought {number} is short enough.")
            return thought
    lane.note(f"None of {params.tries} thoughts was short enough; the last is cut off.")
    return thought
