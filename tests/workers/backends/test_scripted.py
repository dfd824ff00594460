"""What tests rely on when a script stands in for a model."""

import asyncio

import pytest

from workers.backends.scripted import ScriptedModel
from workers.core.errors import StrategyError, StreamCut
from workers.core.model import Chunk, Message, Request
from workers.core.values import Usage


def make_request(key: str, max_tokens: int = 100) -> Request:
    return Request(
        key=key,
        role=key.rpartition("-")[0],
        messages=(Message("user", "How many legs have two cats?"),),
        model="scripted",
        temperature=0.8,
        top_p=0.95,
        max_tokens=max_tokens,
        seed=1,
    )


async def read(model: ScriptedModel, key: str, max_tokens: int = 100) -> list[Chunk]:
    return [chunk async for chunk in model.stream(make_request(key, max_tokens))]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def test_a_call_is_answered_by_role_and_position() -> None:
    model = ScriptedModel({"draft": ["one", "two"], "distill": ["three"]})

    chunks = await asyncio.gather(read(model, "draft-2"), read(model, "distill-1"), read(model, "draft-1"))

    assert [text_of(each) for each in chunks] == ["two", "three", "one"]
    assert [request.key for request in model.asked] == ["draft-2", "distill-1", "draft-1"]


async def test_a_reply_keeps_its_white_space_and_comes_in_several_chunks() -> None:
    reply = " Two cats:\n\n  2 × 4 = 8 legs,\n so the answer is \\boxed{8}.\n"
    model = ScriptedModel({"draft": [reply]})

    chunks = await read(model, "draft-1")

    assert text_of(chunks) == reply
    assert len(chunks) > 3
    assert sum(chunk.tokens for chunk in chunks) == 13
    assert chunks[-1] == Chunk(finish_reason="stop", usage=Usage(prompt_tokens=6, completion_tokens=13))


async def test_arrival_is_scrambled_but_the_same_for_the_same_seed() -> None:
    async def arrivals(seed: int) -> list[str]:
        order: list[str] = []
        model = ScriptedModel({"draft": ["a b c"] * 12}, seed=seed)

        async def follow(key: str) -> None:
            await read(model, key)
            order.append(key)

        await asyncio.gather(*(follow(f"draft-{n}") for n in range(1, 13)))
        return order

    assert await arrivals(1) == await arrivals(1)
    assert await arrivals(1) != await arrivals(2)
    assert await arrivals(1) != [f"draft-{n}" for n in range(1, 13)]


async def test_a_reply_longer_than_asked_for_is_cut() -> None:
    chunks = await read(ScriptedModel({"draft": ["one two three four"]}), "draft-1", max_tokens=3)

    assert text_of(chunks) == "one two three"
    assert chunks[-1].finish_reason == "length"


async def test_an_empty_reply_is_finished() -> None:
    assert await read(ScriptedModel({"draft": [""]}), "draft-1") == [
        Chunk(finish_reason="stop", usage=Usage(prompt_tokens=6))
    ]


@pytest.mark.parametrize("reply", ["one two three four five six", ""], ids=["text", "empty"])
async def test_a_fault_breaks_the_call_in_the_middle(reply: str) -> None:
    model = ScriptedModel({"draft": [reply]}, faults={"draft-1": StreamCut("The cable was cut.")})
    chunks: list[Chunk] = []

    with pytest.raises(StreamCut, match=r"The cable was cut\."):
        async for chunk in model.stream(make_request("draft-1")):
            chunks.append(chunk)

    assert text_of(chunks) == reply[: len("one two three")]


async def test_a_paused_call_hangs_until_it_is_closed() -> None:
    model = ScriptedModel({"draft": ["one two three four", "five six"]}, pauses=["draft-1"])
    paused = asyncio.create_task(read(model, "draft-1"))

    await read(model, "draft-2")
    for _ in range(100):
        await asyncio.sleep(0)

    assert not paused.done()
    paused.cancel()
    with pytest.raises(asyncio.CancelledError):
        await paused
    assert model.closed_early == ["draft-1"]


async def test_a_call_beyond_the_script_names_its_key() -> None:
    with pytest.raises(StrategyError) as failure:
        await read(ScriptedModel({"draft": ["one"], "distill": []}), "draft-2")

    assert str(failure.value) == (
        "The script has no reply for 'draft-2': role 'draft' has 1; scripted roles are distill, draft."
    )
