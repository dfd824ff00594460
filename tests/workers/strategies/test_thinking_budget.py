"""The server ends the thinking at its limit, or we do, and then the model answers."""

from typing import Any

import pytest

from tests.workers.strategies.playing import Played, ThinkingModel, play
from workers.core.events import CallFinished
from workers.strategies import catalog

BUDGET = catalog()["thinking_budget"]
BEGUN = "<think>\nLet me think step by step.\n"
COMMIT = "\n\nThe time is up: I answer now.\n</think>\n\nFinal Answer: \\boxed{"


async def think(
    thought: str = "", draft: str | tuple[str, ...] = "\\boxed{4}", wrap: Any = None, **params: Any
) -> Played:
    drafts = (draft,) if isinstance(draft, str) else draft
    settings = {"wrap": wrap} if wrap else {}
    return await play(BUDGET, params, replies={"think": (thought,), "draft": drafts}, max_tokens=4096, **settings)


def keys_of(played: Played) -> list[str]:
    return [request.key for request in played.model.asked]


def begun(played: Played) -> str:
    request = played.model.asked[-1]
    assert request.continues
    return request.messages[-1].content


def result_of(played: Played) -> tuple[str, str | None, str]:
    assert played.answer is not None
    return played.answer.text, played.answer.answer, played.answer.note


# --- ended by us ------------------------------------------------------------------------------------------------------


async def test_a_thought_within_the_limit_is_closed_where_it_ends():
    played = await think("It is 4.</think>", thinking_tokens=12)

    assert keys_of(played) == ["think-1", "draft-1"]
    assert (played.model.asked[0].max_tokens, played.model.asked[0].stop) == (12, ("</think>",))
    assert begun(played) == BEGUN + "It is 4.\n</think>\n\n"
    assert result_of(played) == ("\\boxed{4}", "4", "3 tokens of thinking")
    assert played.lane.ledger().depth == 2


async def test_a_thought_beyond_the_limit_is_told_that_the_time_is_up():
    played = await think("one " * 40, thinking_tokens=5, answer_tokens=20)

    assert begun(played) == BEGUN + "one one one one one" + COMMIT
    assert played.model.asked[-1].max_tokens == 20
    assert result_of(played)[2] == "5 tokens of thinking, cut off"


async def test_a_thought_longer_than_the_recipes_calls_goes_on_in_the_next_call():
    replies = {"think": ("one " * 40, "two " * 3), "draft": ("\\boxed{4}",)}
    played = await play(BUDGET, {"thinking_tokens": 50}, replies=replies, max_tokens=30)

    assert keys_of(played) == ["think-1", "think-2", "draft-1"]
    assert [request.max_tokens for request in played.model.asked] == [30, 20, 30]
    assert result_of(played)[2] == "33 tokens of thinking"


async def test_without_thinking_there_is_one_call():
    played = await think(thinking_tokens=0)

    assert keys_of(played) == ["draft-1"]
    assert begun(played) == "<think>\n\n</think>\n\n"
    assert result_of(played) == ("\\boxed{4}", "4", "0 tokens of thinking")


# --- ended by the server ----------------------------------------------------------------------------------------------


async def test_the_wishes_reach_the_server_and_an_answer_is_taken_as_it_is():
    played = await think(
        draft="Six and two. </think> So \\boxed{4}.", wrap=ThinkingModel, control="server", effort="low",
        thinking_tokens=100, answer_tokens=50,
    )  # fmt: skip

    request = played.model.asked[0]
    assert keys_of(played) == ["draft-1"]
    assert (request.effort, request.thinking_tokens, request.max_tokens) == ("low", 100, 182)
    assert not request.continues
    assert result_of(played) == ("So \\boxed{4}.", "4", "thought")


async def test_no_effort_is_wished_by_default():
    played = await think(control="server")

    assert played.model.asked[0].effort is None
    assert result_of(played)[2] == "no thinking"


@pytest.mark.parametrize("wrap", [None, ThinkingModel], ids=["in the text", "on its own channel"])
async def test_a_server_that_does_not_keep_to_the_limit_is_helped(wrap: Any):
    tag = "" if wrap else "<think>\n"
    played = await think(
        draft=(tag + "one " * 200, " \\boxed{4}"), wrap=wrap, control="server", thinking_tokens=10, answer_tokens=500
    )  # fmt: skip

    first = played.all_of(CallFinished)[0]
    assert keys_of(played) == ["draft-1", "draft-2"]
    assert played.model.closed_early == ["draft-1"]
    assert first.finish_reason == "pruned"
    assert 42 < first.usage.completion_tokens <= 46  # the limit, room for its end, and at most one more piece
    assert begun(played).startswith("<think>\none one")
    assert begun(played).endswith(COMMIT)
    assert result_of(played)[1] == "4"
    assert played.lane.ledger().depth == 2


async def test_an_answer_may_be_longer_than_the_limit_of_thinking():
    played = await think(draft="word " * 100 + "\\boxed{4}", control="server", thinking_tokens=1, answer_tokens=500)

    assert keys_of(played) == ["draft-1"]
    assert result_of(played)[1] == "4"


async def test_a_thought_that_took_all_tokens_is_closed():
    played = await think(
        draft=("<think> " + "one " * 200, "\\boxed{4}"), control="server", thinking_tokens=100, answer_tokens=16
    )

    assert keys_of(played) == ["draft-1", "draft-2"]
    assert result_of(played)[1] == "4"


@pytest.mark.parametrize("begins", ["<think>", ""], ids=["tags", "a template that begins the thought"])
async def test_a_thought_that_the_recipe_cuts_off_goes_on_to_the_limit(begins: str):
    replies = {"draft": (begins + "one " * 60, "\\boxed{4}"), "think": ("two " * 40,)}
    played = await play(BUDGET, {"control": "server", "thinking_tokens": 70}, replies=replies, max_tokens=50)

    assert keys_of(played) == ["draft-1", "think-1", "draft-2"]
    assert played.model.asked[1].max_tokens == 20
    assert begun(played) == f"<think>\n{' '.join(['one'] * 50)}{' '.join(['two'] * 20)}" + COMMIT
    assert result_of(played) == ("Final Answer: \\boxed{\\boxed{4}", "4", "70 tokens of thinking, cut off")


async def test_an_answer_that_is_cut_off_after_its_thought_is_taken_as_it_is():
    played = await think(draft="Hm.</think> " + "word " * 300, control="server", thinking_tokens=100, answer_tokens=16)

    assert keys_of(played) == ["draft-1"]
    assert result_of(played)[2] == "thought"


async def test_an_answer_never_holds_the_end_of_a_thought():
    played = await think("It is 4.", draft="Hm.</think> \\boxed{4}")

    assert result_of(played)[0] == "\\boxed{4}"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "1,024 tokens of thinking · ended by client"),
        ({"control": "server", "effort": "high"}, "1,024 tokens of thinking · ended by server · effort high"),
    ],
)
def test_the_description_names_who_ends_the_thinking(params: dict[str, Any], words: str):
    assert BUDGET.describe(BUDGET.params(**params)) == words
