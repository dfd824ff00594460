"""A vLLM whose model thinks, and which sends several tokens in one chunk."""

import asyncio

from tests.vllm.server import Vllm
from tests.vllm.test_streams import make_draft, usage_of
from tests.workers.backends.asking import read, text_of
from workers.backends._reading import StreamReader
from workers.backends.openai_server import OpenAIServer
from workers.core.model import Chunk

QUESTION = "What is 2+2? <think>"


async def ask(vllm: Vllm, prompt: str, **fields: float) -> list[Chunk]:
    async with OpenAIServer(vllm.base_url) as model:
        return await read(model, make_draft(prompt, 1, **fields))


async def test_thinking_arrives_on_its_own_channel(thinking_vllm: Vllm) -> None:
    chunks = await ask(thinking_vllm, QUESTION)

    assert not text_of(chunks)  # it never ends its thinking by itself
    assert "".join(chunk.thinking for chunk in chunks).strip()
    assert sum(chunk.tokens for chunk in chunks) == usage_of(chunks).completion_tokens


async def test_several_tokens_in_a_chunk_are_counted_one_by_one(thinking_vllm: Vllm) -> None:
    before = await thinking_vllm.wait_idle()

    chunks = await ask(thinking_vllm, "Tell me a story.")
    grown = (await thinking_vllm.wait_idle()).since(before)

    assert max(chunk.tokens for chunk in chunks) >= 4
    assert sum(chunk.tokens for chunk in chunks) == usage_of(chunks).completion_tokens == grown.written_tokens


async def test_what_is_streamed_is_what_is_answered_whole(thinking_vllm: Vllm) -> None:
    prompt = "Repeat this five times: Café 🍡🍔"
    chunks = await ask(thinking_vllm, prompt, temperature=0.0)

    whole = await asyncio.to_thread(
        thinking_vllm.ask, "/v1/chat/completions", temperature=0.0, top_p=0.95, max_tokens=48, seed=1,
        messages=[{"role": "user", "content": prompt}],
    )  # fmt: skip

    assert "".join(chunk.thinking for chunk in chunks) == whole["choices"][0]["message"]["reasoning"]


async def test_an_answer_after_a_budget_of_thinking_is_read_on_both_channels(thinking_vllm: Vllm) -> None:
    fields = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 24, "seed": 1, "temperature": 0.8}
    fields |= {"thinking_token_budget": 8, "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
    recorded = await asyncio.to_thread(thinking_vllm.stream, **fields)
    reader = StreamReader("vLLM", max_tokens=24)

    chunks = [chunk for chunk in (reader.feed(recorded), reader.end()) if chunk]

    assert reader.error is None
    assert all("".join(parts).strip() for parts in ((c.thinking for c in chunks), (c.text for c in chunks)))
    assert sum(chunk.tokens for chunk in chunks) == usage_of(chunks).completion_tokens <= 24
