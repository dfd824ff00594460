"""A thought is made longer, or cut at its limit, and then the model must answer."""

from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, Stage, ThinkingModel, play
from workers.core.errors import StreamCut
from workers.core.events import CallFinished, NoteTaken
from workers.core.model import Request
from workers.strategies import catalog

S1 = catalog()["budget_forcing"]
BEGUN = "<think>\nLet me think step by step.\n"
COMMIT = "\n</think>\n\nFinal Answer: \\boxed{"


async def force(*thoughts: str, draft: str = "\\boxed{4}", **params: Any) -> Played:
    settings = {key: params.pop(key) for key in ("faults", "wrap", "max_tokens") if key in params}
    params = {"extensions": len(thoughts) - 1, **params}
    return await play(S1, params, replies={"think": thoughts, "draft": (draft,)}, **settings)


def begun(request: Request) -> str:
    assert request.continues
    assert request.messages[-1].role == "assistant"
    return request.messages[-1].content


def begins(played: Played) -> list[str]:
    return [begun(request) for request in played.model.asked]


# --- forcing ----------------------------------------------------------------------------------------------------------


async def test_the_end_of_a_thought_becomes_a_word():
    played = await force("It is 3.", " no, 4.</think> Ha", extensions=1)

    assert begins(played) == [
        BEGUN,
        BEGUN + "It is 3.\nWait,",
        BEGUN + "It is 3.\nWait, no, 4.\n</think>\n\n",
    ]
    assert {request.stop for request in played.model.asked} == {("</think>",), ()}
    assert played.answer is not None
    assert (played.answer.text, played.answer.answer) == ("\\boxed{4}", "4")
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (3, 3)


async def test_without_extensions_there_are_two_calls():
    played = await force("It is 4.")

    assert [request.key for request in played.model.asked] == ["think-1", "draft-1"]
    assert begins(played)[-1] == BEGUN + "It is 4.\n</think>\n\n"


async def test_a_thought_that_is_cut_off_commits_the_model():
    played = await force("one " * 40, "never asked", draft="4}. That is all.", most_tokens=16)

    assert begins(played) == [BEGUN, BEGUN + " ".join(["one"] * 16) + COMMIT]
    assert played.answer is not None
    assert (played.answer.text, played.answer.answer) == ("Final Answer: \\boxed{4}. That is all.", "4")
    assert played.answer.note == "16 tokens of thinking, cut off"


async def test_continuations_share_one_limit():
    played = await force("one " * 10, "two " * 10, "three " * 10, most_tokens=24)

    assert [request.max_tokens for request in played.model.asked[:3]] == [24, 14, 4]
    assert sum(end.usage.completion_tokens for end in played.all_of(CallFinished) if end.call != "draft-1") == 24


async def test_a_thought_that_ends_with_its_last_token_is_not_cut():
    played = await force("one " * 15 + "two", "never asked", most_tokens=16)

    assert [request.key for request in played.model.asked] == ["think-1", "draft-1"]
    assert "Final Answer:" not in begins(played)[-1]


@pytest.mark.parametrize("again", ["It is 3.", " ", " is 3."], ids=["the same", "nothing", "a part of it"])
async def test_a_continuation_that_adds_nothing_is_the_last(again: str):
    played = await force("I say: It is 3.", again, "never asked", extensions=3)

    assert [request.key for request in played.model.asked] == ["think-1", "think-2", "draft-1"]


async def test_a_thought_longer_than_the_recipes_calls_goes_on_in_the_next_call():
    played = await force("one " * 20, "two " * 5, "three", extensions=1, most_tokens=40, max_tokens=16)

    one, two = " ".join(["one"] * 16), " ".join(["two"] * 5)
    assert begins(played) == [
        BEGUN, BEGUN + one, BEGUN + f"{one}{two} \nWait,", BEGUN + f"{one}{two} \nWait,three\n</think>\n\n",
    ]  # fmt: skip
    assert [request.max_tokens for request in played.model.asked] == [16, 16, 16, 16]
    assert played.answer is not None
    assert played.answer.note == "22 tokens of thinking"


async def test_with_the_defaults_a_thought_beyond_one_call_still_comes_to_its_wait():
    played = await force("one " * 600, "two " * 100, "three " * 600, extensions=1)

    assert [request.key for request in played.model.asked] == ["think-1", "think-2", "think-3", "draft-1"]
    assert "Wait," in begins(played)[2]
    assert played.answer is not None
    assert played.answer.note == "1,024 tokens of thinking, cut off"


@given(
    sizes=st.lists(st.integers(1, 30), min_size=100, max_size=100), extensions=st.integers(0, 6),
    most=st.integers(16, 90), longest=st.integers(1, 90), word=st.sampled_from(["Wait", "Alternatively", "Hmm"]),
)  # fmt: skip
@settings(max_examples=40)
async def test_forcing_keeps_its_promises(sizes: list[int], extensions: int, most: int, longest: int, word: str):
    thoughts = tuple(" ".join(f"w{number}x{place}" for place in range(size)) for number, size in enumerate(sizes))
    played = await force(*thoughts, extensions=extensions, most_tokens=most, word=word, max_tokens=longest)

    ends = [end for end in played.all_of(CallFinished) if end.call.startswith("think")]
    assert sum(end.usage.completion_tokens for end in ends) <= most
    calls = played.lane.ledger().calls
    assert calls == played.lane.ledger().depth == len(ends) + 1 <= extensions + 1 + ceil(most / longest)
    texts = begins(played)
    for before, after, end in zip(texts, texts[1:], ends, strict=False):
        assert after.startswith(before + end.text)  # what the server has in its cache
    thought = texts[-1].partition("</think>")[0]
    assert thought.count(word) == sum(end.finish_reason == "stop" for end in ends[:-1]) <= extensions
    assert ("Final Answer:" in texts[-1]) == (ends[-1].finish_reason == "length")


async def test_an_empty_thought_is_gone_on_from_too():
    played = await force("", "It is 4.")

    assert begins(played)[1:] == [BEGUN + "Wait,", BEGUN + "Wait,It is 4.\n</think>\n\n"]


async def test_an_answer_that_stands_in_the_thought_alone_is_taken_from_there():
    played = await force("It is \\boxed{4}.", draft="As I said.")

    assert played.answer is not None
    assert (played.answer.text, played.answer.answer) == ("Let me think step by step.\nIt is \\boxed{4}.", "4")


async def test_thinking_on_a_channel_of_its_own_is_read_too():
    played = await force("It is 3.", "No, 4.", wrap=ThinkingModel)

    assert begins(played)[-1] == BEGUN + "It is 3.\nWait,No, 4.\n</think>\n\n"
    assert played.answer is not None
    assert played.answer.answer == "4"


# --- rejection --------------------------------------------------------------------------------------------------------


async def test_thoughts_are_drawn_until_one_is_short():
    long = "one " * 40
    played = await force(long, long, "It is 4.", "never asked", form="rejection", most_tokens=16)

    assert [(request.key, request.max_tokens) for request in played.model.asked] == [
        ("think-1", 16), ("think-2", 16), ("think-3", 16), ("draft-1", 512),
    ]  # fmt: skip
    assert [request.temperature for request in played.model.asked] == [1, 1, 1, 0.8]
    assert begins(played)[-1] == BEGUN + "It is 4.\n</think>\n\n"
    assert played.lane.ledger().depth == 4
    assert [note.text for note in played.all_of(NoteTaken)] == ["Thought 3 is short enough."]


async def test_after_the_last_try_the_thought_is_cut():
    played = await force(*["one " * 40] * 3, form="rejection", most_tokens=16, tries=2)

    assert [request.key for request in played.model.asked] == ["think-1", "think-2", "draft-1"]
    assert begins(played)[-1] == BEGUN + " ".join(["one"] * 16) + COMMIT
    assert played.answer is not None
    assert played.answer.note == "16 tokens of thinking, cut off"
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "None of 2 thoughts was short enough; the last is cut off."
    ]


async def test_a_drawn_thought_may_be_longer_than_the_recipes_calls():
    played = await force(
        "one " * 40, "one " * 40, "two " * 40, "It is 4.", form="rejection", most_tokens=30, max_tokens=16
    )

    assert [(request.key, request.max_tokens) for request in played.model.asked] == [
        ("think-1", 16), ("think-2", 14), ("think-3", 16), ("think-4", 14), ("draft-1", 16),
    ]  # fmt: skip
    assert begins(played)[2] == BEGUN  # anew
    assert [note.text for note in played.all_of(NoteTaken)] == ["Thought 2 is short enough."]
    assert played.lane.ledger().depth == 5


# --- the rest ---------------------------------------------------------------------------------------------------------


async def test_a_lane_stopped_while_it_thinks_gives_what_was_thought():
    replies = {"think": ("It is \\boxed{4}.", "never heard"), "draft": ()}

    played = await Stage(S1, replies=replies, faults={"think-2": StreamCut("The stream broke.")}).play()

    assert played.lane.best is not None
    assert (played.lane.best.answer, played.lane.best.note) == ("4", "3 tokens of thinking, no answer yet")


async def test_a_lane_stopped_after_thinking_gives_what_was_thought():
    faults = {"draft-1": StreamCut("The stream broke.")}
    replies = {"think": ("It is \\boxed{4}.",), "draft": ("never heard",)}

    played = await Stage(S1, {"extensions": 0}, replies=replies, faults=faults).play()

    assert isinstance(played.error, StreamCut)
    assert played.lane.best is not None
    assert (played.lane.best.answer, played.lane.best.note) == ("4", "3 tokens of thinking, no answer yet")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "1,024 tokens of thinking · 1 × Wait"),
        ({"extensions": 2, "word": "Hmm"}, "1,024 tokens of thinking · 2 × Hmm"),
        ({"form": "rejection"}, "1,024 tokens of thinking · rejection in 8"),
    ],
)
def test_the_description_names_the_form(params: dict[str, Any], words: str):
    assert S1.describe(S1.params(**params)) == words
