"""Streams of the real vLLM through our client: abort, stop strings, seeds, the prefix cache, its own count."""

import asyncio
import sys
from contextlib import aclosing

import pytest

from tests.vllm.server import MODEL, Vllm
from tests.workers.backends.asking import fail, make_request, read, text_of
from workers.backends.openai_server import OpenAIServer
from workers.core.errors import Refused
from workers.core.model import Chunk, Request
from workers.core.values import Usage

ENDLESS = "Count from 1 to 1000, one a line."
LONG = "Here are the rules of the game. " * 40
"""Longer than a block of the prefix cache, which is 128 tokens on the CPU."""


def make_draft(prompt: str, seed: int = 1, **fields: object) -> Request:
    return make_request(prompt, key=f"draft-{seed}", model=MODEL, seed=seed, **{"max_tokens": 48, **fields})


def usage_of(chunks: list[Chunk]) -> Usage:
    (usage,) = (chunk.usage for chunk in chunks if chunk.usage)
    return usage


async def ask(vllm: Vllm, *requests: Request) -> list[list[Chunk]]:
    async with OpenAIServer(vllm.base_url) as model:
        return await asyncio.gather(*(read(model, request) for request in requests))


async def test_drafts_stream_token_by_token_and_are_counted_as_vllm_does(vllm: Vllm) -> None:
    before = await vllm.wait_idle()

    drafts = await ask(vllm, *(make_draft("Tell me a story.", seed) for seed in range(1, 9)))
    grown = (await vllm.wait_idle()).since(before)

    usages = [usage_of(chunks) for chunks in drafts]
    assert sum(usage.prompt_tokens for usage in usages) == grown.prompt_tokens
    assert sum(usage.completion_tokens for usage in usages) == grown.written_tokens
    for chunks, usage in zip(drafts, usages, strict=True):
        assert len([chunk for chunk in chunks if chunk.text]) > usage.completion_tokens // 2
        assert sum(chunk.tokens for chunk in chunks) == usage.completion_tokens
        assert [chunk.prompt_tokens for chunk in chunks if chunk.prompt_tokens] == [usage.prompt_tokens]
        assert usage.completion_tokens == 48 or chunks[-1].finish_reason == "stop"


async def test_closing_a_stream_stops_vllm(vllm: Vllm) -> None:
    before = await vllm.wait_idle()

    async with OpenAIServer(vllm.base_url) as model, aclosing(model.stream(make_draft(ENDLESS, max_tokens=2000))) as it:
        await anext(it)
        assert (await asyncio.to_thread(vllm.counters)).running == 1
        await it.aclose()
        await vllm.wait_for(lambda counters: counters.running == 0, within_seconds=5)

    assert (await vllm.wait_idle()).since(before).written_tokens < 500


async def test_a_process_that_dies_stops_vllm(vllm: Vllm) -> None:
    program = (
        "import asyncio, sys; from tests.vllm.test_streams import *\n"
        "async def main():\n"
        "    async with OpenAIServer(sys.argv[1]) as model:\n"
        "        async for chunk in model.stream(make_draft(ENDLESS, max_tokens=2000)): print('.', flush=True)\n"
        "asyncio.run(main())"
    )
    await vllm.wait_idle()
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, vllm.base_url, stdout=asyncio.subprocess.PIPE
    )
    assert client.stdout
    await client.stdout.readline()
    assert (await asyncio.to_thread(vllm.counters)).running == 1

    client.kill()
    await client.wait()

    await vllm.wait_for(lambda counters: counters.running == 0, within_seconds=5)


async def test_a_stop_string_ends_the_text_before_it(vllm: Vllm) -> None:
    request = make_draft("Count from 1 to 10, with commas.", temperature=0.0, max_tokens=60)
    (whole,) = await ask(vllm, request)
    stop = text_of(whole).strip()[4:6]

    (stopped,) = await ask(vllm, request.model_copy(update={"stop": (stop,)}))

    assert text_of(stopped) == text_of(whole).partition(stop)[0]
    assert stopped[-1].finish_reason == "stop"
    assert usage_of(stopped).completion_tokens < usage_of(whole).completion_tokens


async def test_a_seed_repeats_a_draft_and_another_writes_another(vllm: Vllm) -> None:
    one, again, other = [
        text_of((await ask(vllm, make_draft("Tell me a story.", seed, temperature=1.0)))[0]) for seed in (1, 1, 2)
    ]

    assert one == again != other


async def test_drafts_of_one_prompt_find_it_in_the_prefix_cache(vllm: Vllm) -> None:
    prompt = f"{LONG} Which rule is the third?"
    await ask(vllm, make_draft(prompt, max_tokens=1))
    before = await vllm.wait_idle()

    drafts = await ask(vllm, *(make_draft(prompt, seed, max_tokens=8) for seed in (1, 2, 3)))
    grown = (await vllm.wait_idle()).since(before)

    cached = [usage_of(chunks).cached_tokens for chunks in drafts]
    assert all(128 <= tokens <= usage_of(drafts[0]).prompt_tokens for tokens in cached)
    assert sum(cached) == grown.prefix_hits


async def test_a_prompt_that_is_too_long_is_refused_in_words(vllm: Vllm) -> None:
    async with OpenAIServer(vllm.base_url) as model:
        _, error = await fail(model, make_draft("word " * 5000))

    assert type(error) is Refused
    assert str(error).endswith(
        "says that the prompt and its answer of at most 48 tokens do not fit the model's context of 4,096 tokens. "
        "Use fewer or shorter drafts, or a lower max_tokens."
    )


async def test_an_unknown_model_is_refused_in_words(vllm: Vllm) -> None:
    async with OpenAIServer(vllm.base_url) as model:
        _, error = await fail(model, make_draft("Hi").model_copy(update={"model": "missing"}))

    assert type(error) is Refused
    assert "has no model 'missing'" in str(error)


async def test_it_tells_its_name_its_context_and_the_size_of_texts(vllm: Vllm) -> None:
    async with OpenAIServer(vllm.base_url) as model:
        told = await model.ask_server()

        assert told.models == (MODEL,)
        assert told.context_tokens == {MODEL: 4096}
        assert await model.count_tokens("Hello world, two cats") == 5


@pytest.mark.parametrize("text", ["Café 🍡🍔", "\N{ZERO WIDTH JOINER}👩‍🚀 x\u0301", "# $x^2$\n\n| a |\n"])
async def test_what_is_streamed_is_what_is_answered_whole(vllm: Vllm, text: str) -> None:
    prompt = f"Repeat this five times: {text}"
    (chunks,) = await ask(vllm, make_draft(prompt, temperature=0.0))

    whole = await asyncio.to_thread(
        vllm.ask, "/v1/chat/completions", messages=[{"role": "user", "content": prompt}], temperature=0.0, top_p=0.95,
        max_tokens=48, seed=1,
    )  # fmt: skip

    assert text_of(chunks) == whole["choices"][0]["message"]["content"]
    assert usage_of(chunks).completion_tokens == whole["usage"]["completion_tokens"]
