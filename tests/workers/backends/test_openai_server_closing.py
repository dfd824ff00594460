"""Closing a stream stops the server; a limit bounds how many are open."""

import asyncio
import random
from contextlib import aclosing

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.workers.backends.asking import LONG, fail, make_request, read, text_of
from workers.backends._patience import Patience
from workers.backends.limits import LimitedModel
from workers.backends.openai_server import OpenAIServer
from workers.core.model import Model


async def test_closing_the_stream_stops_the_server(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(LONG,), tokens_per_second=100))

    async with OpenAIServer(model_server.base_url) as model:
        async with aclosing(model.stream(make_request(max_tokens=5000))) as chunks:
            await anext(chunks)
        (entry,) = await model_server.wait_for(lambda log: bool(log[0]["ended"]))

    assert entry["ended"] == "closed by client"


@pytest.mark.parametrize(
    "rule",
    [Rule(first_token_seconds=60), Rule(fault="hang", after=0), Rule(fault="hang"), Rule(tokens_per_second=20)],
    ids=["waiting for headers", "waiting for the first token", "waiting for more", "reading"],
)
async def test_cancelling_the_task_stops_the_server(model_server: ModelServer, rule: Rule) -> None:
    model_server.script(rule)

    async with OpenAIServer(model_server.base_url) as model:
        task = asyncio.create_task(read(model, make_request()))
        await model_server.wait_for(lambda log: len(log) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (entry,) = await model_server.wait_for(lambda log: bool(log[0]["ended"]))

    assert entry["ended"] == "closed by client"


async def test_cancelling_while_waiting_to_try_again_asks_no_more(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="status", status=429, retry_after="30"))

    async with OpenAIServer(model_server.base_url) as model:
        async with aclosing(model.stream(make_request())) as chunks:
            assert (await anext(chunks)).restarted

    assert len(model_server.log()) == 1


async def test_streams_cancelled_anywhere_leave_none_open(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(LONG,), tokens_per_second=2000))
    chance = random.Random(1)

    async def follow(model: Model, number: int) -> None:
        turns = chance.randrange(400)
        async with aclosing(model.stream(make_request(seed=number, max_tokens=5000))) as chunks:
            async for _ in chunks:
                if turns <= 0:
                    return
                turns -= 1
                await asyncio.sleep(0)

    async with OpenAIServer(model_server.base_url) as model:
        tasks = [asyncio.create_task(follow(model, number)) for number in range(40)]
        for task in tasks[::2]:
            await asyncio.sleep(0.01 * chance.random())
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log = await model_server.wait_for(lambda entries: all(entry["ended"] for entry in entries))

    assert sum(entry["ended"] == "closed by client" for entry in log) >= 10


async def test_no_more_streams_are_open_than_allowed(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three",), tokens_per_second=50))

    async with OpenAIServer(model_server.base_url) as server:
        model = LimitedModel(server, streams=3)
        texts = await asyncio.gather(*(read(model, make_request(seed=n)) for n in range(12)))

    assert {text_of(chunks) for chunks in texts} == {"one two three"}
    assert max(entry["open_before"] for entry in model_server.log()) == 2


async def test_a_place_is_free_again_after_a_failure_and_a_cancellation(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="cut", times=1), Rule(fault="hang", times=1), Rule(replies=("Eight.",)))

    async with OpenAIServer(model_server.base_url, patience=Patience(retries=0)) as server:
        model = LimitedModel(server, streams=1)
        await fail(model, make_request())
        hanging = asyncio.create_task(read(model, make_request()))
        waiting = asyncio.create_task(read(model, make_request()))
        await model_server.wait_for(lambda log: len(log) == 2)
        hanging.cancel()

        assert text_of(await waiting) == "Eight."


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="At least one stream must be allowed, got 0"):
        LimitedModel(OpenAIServer("http://127.0.0.1:9/v1"), streams=0)
