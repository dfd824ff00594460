"""What a lane's calls may wish for, on the real vLLM: through our client, as strategies use it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.vllm.server import MODEL, Vllm
from workers.backends.openai_server import OpenAIServer
from workers.core.asking import LaneSettings
from workers.core.lane import LiveLane
from workers.core.values import Measure, Sampling

COUNT = "Count from 1 to 1000, with commas."


@asynccontextmanager
async def lane_on(vllm: Vllm) -> AsyncIterator[LiveLane]:
    async with OpenAIServer(vllm.base_url) as model:
        yield LiveLane(
            LaneSettings(1, MODEL, Sampling(max_tokens=64, temperature=0), seed=1),
            model=model, emit=lambda event, prompt: None, clock=lambda: 0, random=random.Random(0),
        )  # fmt: skip


async def test_an_answer_goes_on_where_it_was_stopped(vllm: Vllm) -> None:
    async with lane_on(vllm) as lane:
        first = await lane.ask(COUNT, role="count", stop=("5",))
        rest = await lane.ask(COUNT, role="count", begun=f"{first.text}5,", max_tokens=4)

    assert first.stopped_by == "5"
    assert rest.text.strip().startswith("6")


async def test_odds_cover_every_token_that_was_written(vllm: Vllm) -> None:
    async with lane_on(vllm) as lane:
        reply = await lane.ask(COUNT, role="count", measure=Measure(keep=3), max_tokens=12)

    odds = reply.measured
    assert odds.tokens == reply.usage.completion_tokens
    assert reply.text.startswith("".join(token.token for token in odds.kept))
    assert all(
        len(token.top) == 20 and token.logprob == token.top[0][1] for token in odds.kept
    )  # the likeliest, at T=0
    assert odds.confidence > 0 > odds.sum_logprob
    assert 0 <= odds.mean_entropy <= odds.entropy_floor + 0.5


async def test_a_text_is_as_likely_when_scored_as_when_written(vllm: Vllm) -> None:
    async with lane_on(vllm) as lane:
        written = await lane.ask(COUNT, role="count", measure=Measure(), max_tokens=10)
        scored = await lane.ask(COUNT, role="score", scored=written.text)
        in_two = [
            await lane.ask(COUNT, role="score", scored=written.text[:5]),
            await lane.ask(COUNT, role="score", begun=written.text[:5], scored=written.text[5:]),
        ]
        alone = await lane.ask("", role="score", scored=written.text)

    assert scored.measured.tokens == written.measured.tokens
    assert scored.measured.sum_logprob == pytest.approx(written.measured.sum_logprob, abs=0.2)
    assert sum(part.measured.tokens for part in in_two) >= scored.measured.tokens
    assert alone.measured.sum_logprob < scored.measured.sum_logprob  # it answers the question


async def test_the_wrong_text_is_less_likely_than_the_right_one(vllm: Vllm) -> None:
    async with lane_on(vllm) as lane:
        right, wrong = [
            await lane.ask(
                "What is the capital of France?", role="score", begun="The capital of France is", scored=text
            )
            for text in (" Paris.", " Bread.")
        ]

    assert right.measured.mean_logprob > wrong.measured.mean_logprob


async def test_a_pruned_call_frees_the_server(vllm: Vllm) -> None:
    before = await vllm.wait_idle()
    async with lane_on(vllm) as lane:
        reply = await lane.ask(COUNT, role="count", until=lambda writing: writing.tokens >= 8)
        await vllm.wait_for(lambda counters: counters.running == counters.waiting == 0, within_seconds=5)
    grown = (await asyncio.wait_for(vllm.wait_idle(), 10)).since(before)

    assert reply.is_pruned
    assert reply.usage.completion_tokens >= 8
    assert reply.usage.completion_tokens <= grown.written_tokens <= reply.usage.completion_tokens + 8
    assert reply.usage.prompt_tokens == grown.prompt_tokens


async def test_texts_are_compared_by_their_embeddings(embedding_vllm: Vllm) -> None:
    texts = ["Zebras run in herds.", "Bread costs two coins.", *(f"Line {number}." for number in range(70))]

    async with lane_on(embedding_vllm) as lane:
        reply = await lane.ask("Zebras run in herds.", role="embed", compared=texts)

    same, other, *lines = reply.similarities
    assert same == pytest.approx(1, abs=1e-3)
    assert other < 0.999
    assert len(lines) == 70
    assert reply.usage.prompt_tokens > 72
    assert reply.usage.completion_tokens == 0
