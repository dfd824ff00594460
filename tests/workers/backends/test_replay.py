"""A lane that is resumed hears its finished calls again."""

import asyncio
from contextlib import aclosing

import pytest

from tests.workers.backends.test_scripted import make_request
from workers.backends.replay import ReplayModel, digest_prompt
from workers.backends.scripted import ScriptedModel
from workers.core.assignments import Recorded
from workers.core.call import LiveCall
from workers.core.model import Chunk
from workers.core.values import Usage

USAGE = Usage(prompt_tokens=6, completion_tokens=4)


def record(text: str, key: str = "draft-1") -> Recorded:
    return Recorded(digest_prompt(make_request(key)), text, "hm", "stop", USAGE)


async def read(model: ReplayModel, key: str) -> list[Chunk]:
    return [chunk async for chunk in model.stream(make_request(key))]


async def test_a_recorded_call_answers_without_the_model() -> None:
    live = ScriptedModel({})
    model = ReplayModel({"draft-1": record("Eight legs.")}, live)

    chunks = await read(model, "draft-1")

    assert chunks == [Chunk("Eight legs.", "hm", 4, "stop", USAGE)]
    assert model.replayed == ["draft-1"]
    assert live.asked == []


async def test_a_missing_call_reaches_the_model() -> None:
    model = ReplayModel({"draft-1": record("Eight legs.")}, ScriptedModel({"draft": ["", "Nine"]}))

    assert "".join(chunk.text for chunk in await read(model, "draft-2")) == "Nine"
    assert model.replayed == []


async def test_a_call_with_another_prompt_is_asked_anew_and_told(caplog: pytest.LogCaptureFixture) -> None:
    recorded = record("Eight legs.")._replace(prompt="0" * 64)
    model = ReplayModel({"draft-1": recorded}, ScriptedModel({"draft": ["Nine"]}))

    assert "".join(chunk.text for chunk in await read(model, "draft-1")) == "Nine"
    assert model.outdated == ["draft-1"]
    assert caplog.messages == ["The prompt of call 'draft-1' is not the recorded one; it is asked anew."]


async def test_recorded_calls_end_in_the_order_in_which_they_ended() -> None:
    ended = ["draft-3", "draft-1", "draft-2"]
    model = ReplayModel({key: record("x", key) for key in ended}, ScriptedModel({}))
    order: list[str] = []

    async def follow(key: str) -> None:
        await read(model, key)
        order.append(key)

    await asyncio.gather(*(follow(f"draft-{n}") for n in (1, 2, 3)))

    assert order == ended


async def test_closing_a_live_call_closes_the_model_behind() -> None:
    live = ScriptedModel({"draft": ["one two three four five six seven eight nine ten"]})

    async with aclosing(ReplayModel({}, live).stream(make_request("draft-1"))) as chunks:
        await anext(chunks)

    assert live.closed_early == ["draft-1"]


async def test_the_digest_is_the_one_in_call_started() -> None:
    request = make_request("draft-1")
    started = LiveCall(1, request, 0, (), offers_solution=True).started(0)

    assert digest_prompt(request) == started.prompt
