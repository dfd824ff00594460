"""The embedded model: a real llama.cpp with real weights, asked as in production."""

import asyncio
import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.workers.backends.asking import fail, make_request, read, text_of
from webapp.local import model_server
from workers.backends.openai_server import OpenAIServer
from workers.core import events
from workers.core.asking import LaneSettings
from workers.core.errors import Refused
from workers.core.lane import LiveLane
from workers.core.model import Chunk, Message, Request
from workers.core.prompts import fill
from workers.core.values import Answer, Reply, Sampling, Usage
from workers.strategies._judging import VERIFY, read_verdict
from workers.strategies._settling import ANSWER_TOKENS, settle_answer, settle_verdict

T = TypeVar("T")


class RealModel:
    """A handle on the running server, for what it says of itself."""

    def __init__(self, address: model_server.Address) -> None:
        self.address = address

    def counters(self) -> dict[str, int]:
        """Return its metrics by name, without their prefix."""
        lines = self._get("/metrics").decode().splitlines()
        pairs = (line.removeprefix("llamacpp:").split() for line in lines if line.startswith("llamacpp:"))
        return {name: int(float(value)) for name, value in pairs}

    def busy_slots(self) -> int:
        return sum(slot["is_processing"] for slot in json.loads(self._get("/slots")))

    async def wait_for(self, ask: Callable[[], T], wanted: Callable[[T], bool]) -> T:
        async with asyncio.timeout(60):
            while not wanted(found := await asyncio.to_thread(ask)):  # noqa: ASYNC110 (another process changes it)
                await asyncio.sleep(0.02)
        return found

    def _get(self, path: str) -> bytes:
        url = self.address.base_url.removesuffix("/v1") + path
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.address.api_key}"})
        with urllib.request.urlopen(request, timeout=20) as response:
            body: bytes = response.read()
        return body


@pytest.fixture(scope="module")
def real_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealModel]:
    with model_server.running(Path(tmp_path_factory.mktemp("model") / "log")) as address:
        yield RealModel(address)


def make_draft(number: int, prompt: str = "What is the capital of France?", **fields: Any) -> Request:
    fields = {"max_tokens": 24, "seed": number} | fields
    return make_request(prompt, key=f"draft-{number}", model=model_server.NAME, **fields)


def usage_of(chunks: list[Chunk]) -> Usage:
    (usage,) = (chunk.usage for chunk in chunks if chunk.usage)
    return usage


async def test_drafts_stream_and_their_tokens_are_the_servers_own_count(real_model: RealModel) -> None:
    before = real_model.counters()

    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        replies = await asyncio.gather(*(read(model, make_draft(number)) for number in (1, 2, 3)))
    after = await real_model.wait_for(real_model.counters, lambda counters: counters["requests_processing"] == 0)

    assert all(text_of(chunks).strip() for chunks in replies)
    assert all(chunks[-1].usage or chunks[-1].finish_reason for chunks in replies)
    assert all(len(chunks) > 5 for chunks in replies)
    grown = {name: after[name] - before[name] for name in after}
    usages = [usage_of(chunks) for chunks in replies]
    assert sum(usage.completion_tokens for usage in usages) == grown["tokens_predicted_total"]
    assert (
        sum(usage.prompt_tokens for usage in usages)
        == grown["prompt_tokens_total"] + grown["prompt_tokens_cached_total"]
    )


async def test_closing_the_stream_frees_the_slot(real_model: RealModel) -> None:
    endless = make_draft(1, "Count from 1 to 1000.", max_tokens=1500)
    before = real_model.counters()["tokens_predicted_total"]

    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        async with aclosing(model.stream(endless)) as chunks:
            await anext(chunks)
            assert await asyncio.to_thread(real_model.busy_slots) == 1
        await real_model.wait_for(real_model.busy_slots, lambda busy: busy == 0)

    assert real_model.counters()["tokens_predicted_total"] - before < 1500


async def test_different_seeds_write_different_drafts(real_model: RealModel) -> None:
    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        texts = [text_of(await read(model, make_draft(seed, "Tell me a story.", temperature=1.0))) for seed in (1, 2)]

    assert texts[0] != texts[1]


async def test_a_repeated_prompt_is_told_as_cached(real_model: RealModel) -> None:
    prompt = "Which of the three primary colors is the color of a clear sky at noon?"
    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        await read(model, make_draft(1, prompt))

        usage = usage_of(await read(model, make_draft(2, prompt)))

    assert 0 < usage.cached_tokens < usage.prompt_tokens


async def test_it_tells_its_name_its_context_and_the_size_of_texts(real_model: RealModel) -> None:
    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        told = await model.ask_server()

        assert told.models == (model_server.NAME,)
        assert told.context_tokens == {model_server.NAME: model_server.CONTEXT_TOKENS_PER_SLOT}
        assert await model.count_tokens("Hello world, two cats") == 5


async def test_a_prompt_that_is_too_long_is_refused_in_words(real_model: RealModel) -> None:
    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        _, error = await fail(model, make_draft(1, "word " * 3000))

    assert type(error) is Refused
    assert str(error).endswith(
        "says that the prompt and its answer of at most 24 tokens do not fit the model's context of 2,048 tokens. "
        "Use fewer or shorter drafts, or a lower max_tokens."
    )


async def test_a_begun_answer_goes_on_where_it_ends_and_is_measured(real_model: RealModel) -> None:
    begun = (Message("user", "Count from 1 to 9."), Message("assistant", "1, 2, 3, 4, 5,"))
    request = make_draft(1, messages=begun, continues=True, temperature=0, max_tokens=6, top_logprobs=5)

    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        chunks = await read(model, request)

    odds = [token for chunk in chunks for token in chunk.odds]
    assert text_of(chunks).strip().startswith("6")
    assert len(odds) == usage_of(chunks).completion_tokens
    assert all(len(token.top) == 5 for token in odds)
    assert "".join(token.token for token in odds).startswith(text_of(chunks))


async def test_ends_that_cannot_be_read_are_asked_for_once_more(real_model: RealModel) -> None:
    heard: list[events.Event] = []
    question = "What is the capital of Japan?"
    settings = LaneSettings(1, model_server.NAME, Sampling(), seed=1, settle=True)
    judge = Reply("judge-1", "The city is named.", "", "stop", Usage(), None)

    async with OpenAIServer(real_model.address.base_url, real_model.address.api_key) as model:
        lane = LiveLane(
            settings, model=model, emit=lambda event, _: heard.append(event), clock=lambda: 0, random=random.Random(1)
        )
        answer = await settle_answer(lane, question, Answer(text="The capital of Japan is the city of Tokyo."))
        prompt = fill(VERIFY, question=question, solution="It is \\boxed{Tokyo}.")
        verdict = await settle_verdict(lane, prompt, judge, numbers=1)

    assert answer is not None
    assert answer.answer
    assert read_verdict(verdict, most=1) in (0, 1)
    ends = [event for event in heard if isinstance(event, events.CallFinished)]
    assert [event.call for event in ends] == ["settle-1", "judge-1.settle-1"]
    assert all(0 < event.usage.completion_tokens <= ANSWER_TOKENS for event in ends)
