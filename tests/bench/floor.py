"""The floor under every client: `python -m tests.bench.floor ADDRESS STREAMS TOKENS` reads streams, throws them away.

Bare aiohttp on uvloop, the same requests and so the same bytes as the worker reads. Prints the CPU seconds it took.
"""

import asyncio
import sys
import time
from typing import Any

import aiohttp
import orjson
import uvloop

_OPTIONS = {"include_usage": True, "continuous_usage_stats": True}


async def read_all(address: str, streams: int, tokens: int) -> int:
    """Read all streams at once; return the tokens in them."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        counts = await asyncio.gather(*(_read_one(session, address, tokens, seed) for seed in range(streams)))
    return sum(counts)


async def _read_one(session: aiohttp.ClientSession, address: str, tokens: int, seed: int) -> int:
    body = {
        "model": "scripted", "messages": [{"role": "user", "content": "Go on."}], "stream": True, "seed": seed,
        "max_tokens": tokens, "stream_options": _OPTIONS,
    }  # fmt: skip
    count, rest = 0, b""
    async with session.post(f"{address}/chat/completions", json=body) as response:
        async for data in response.content.iter_any():
            *events, rest = (rest + data).split(b"\n\n")
            count += sum(map(_has_text, events))
    return count


def _has_text(event: bytes) -> bool:
    if event == b"data: [DONE]":
        return False
    choices: list[dict[str, Any]] = orjson.loads(event[6:])["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


def main(address: str, streams: int, tokens: int) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        began = time.process_time()
        count = runner.run(read_all(address, streams, tokens))
        seconds = time.process_time() - began
    assert count == streams * tokens, f"{count} of {streams * tokens} tokens came"
    print(seconds)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
