"""What a token costs in each client library: `python -m tests.bench.clients`, half a minute to a minute.

A server process sends STREAMS streams of TOKENS one-token events, one event of each stream every PAUSE seconds; each
client reads all text. Only the client's own CPU time counts, so other work on the machine changes the ratios little.
httpx and openai are measured when they are installed; the product needs neither. docs/decisions/0007 has results.
"""

import asyncio
import importlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import orjson
import uvloop

from workers.backends.openai_server import OpenAIServer
from workers.core.model import Message, Request

STREAMS = 32
TOKENS = 500
PAUSE = 0.004
WORD = " word"
_CHOICE = b'"choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]'
_EVENT = (
    b'data: {"id":"chatcmpl-5f3a9c0d1e2b4f60","object":"chat.completion.chunk","created":1795356539,'
    b'"model":"Qwen/Qwen3-8B",%b}\n\n'
)
_END = _CHOICE.replace(b'" word"', b'""').replace(b'"finish_reason":null', b'"finish_reason":"stop"')

Client = Callable[[str], Awaitable[int]]
"""Reads one stream to its end and returns the characters."""


# --- the server ---------------------------------------------------------------------------------------------


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    await reader.readexactly(size)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for event in (_EVENT % _CHOICE,) * TOKENS + (_EVENT % _END, b"data: [DONE]\n\n"):
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await asyncio.sleep(PAUSE)
    writer.write(b"0\r\n\r\n")
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_serve_one, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)  # noqa: T201
    await server.serve_forever()


# --- the clients --------------------------------------------------------------------------------------------

_BODY = {"model": "m", "messages": [{"role": "user", "content": "Go on."}], "stream": True}


async def _with_ours(address: str) -> None:
    request = Request(
        key="draft-1", role="draft", messages=(Message("user", "Go on."),), model="m",
        temperature=0.8, top_p=0.95, max_tokens=TOKENS, seed=1,
    )  # fmt: skip

    async with OpenAIServer(address) as model:

        async def read(_: str) -> int:
            return sum([len(chunk.text) async for chunk in model.stream(request)])

        await _read_all(read, address)


async def _with_aiohttp(address: str) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def read(url: str) -> int:
            characters, rest = 0, b""
            async with session.post(f"{url}/chat/completions", json=_BODY) as response:
                async for data in response.content.iter_any():
                    *events, rest = (rest + data).split(b"\n\n")
                    characters += sum(map(_measure, events))
            return characters

        await _read_all(read, address)


async def _with_httpx(address: str) -> None:
    import httpx  # type: ignore[import-not-found, unused-ignore]

    async with httpx.AsyncClient(timeout=None, limits=httpx.Limits()) as client:

        async def read(url: str) -> int:
            characters, rest = 0, b""
            async with client.stream("POST", f"{url}/chat/completions", json=_BODY) as response:
                async for data in response.aiter_raw():
                    *events, rest = (rest + data).split(b"\n\n")
                    characters += sum(map(_measure, events))
            return characters

        await _read_all(read, address)


async def _with_openai(address: str) -> None:
    from openai import AsyncOpenAI  # type: ignore[import-not-found, unused-ignore]

    async with AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:

        async def read(_: str) -> int:
            characters = 0
            messages = [{"role": "user", "content": "Go on."}]
            stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
            async for event in stream:
                characters += len(event.choices[0].delta.content or "")
            return characters

        await _read_all(read, address)


def _measure(event: bytes) -> int:
    if event == b"data: [DONE]":
        return 0
    return len(orjson.loads(event[6:])["choices"][0]["delta"].get("content") or "")


async def _read_all(read: Client, address: str) -> None:
    characters = await asyncio.gather(*(read(address) for _ in range(STREAMS)))
    assert characters == [TOKENS * len(WORD)] * STREAMS, "a client lost text"


# --- measuring ----------------------------------------------------------------------------------------------

CLIENTS = {
    "aiohttp, bare": ("aiohttp", _with_aiohttp),
    "OpenAIServer": ("aiohttp", _with_ours),
    "httpx, bare": ("httpx", _with_httpx),
    "openai": ("openai", _with_openai),
}


def main() -> None:
    """Print one line for each client and loop: CPU seconds for a million tokens, and the ratio to the best."""
    costs: dict[str, float] = {}
    command = [sys.executable, "-m", "tests.bench.clients", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        address = server.stdout.readline().strip()
        for loop, factory in (("uvloop", uvloop.new_event_loop), ("asyncio", asyncio.new_event_loop)):
            for name, (package, run) in CLIENTS.items():
                if importlib.util.find_spec(package):
                    importlib.import_module(package)  # takes a second with openai; not what is measured
                    with asyncio.Runner(loop_factory=factory) as runner:
                        started = time.process_time()
                        runner.run(run(address))
                        costs[f"{name}, {loop}"] = (time.process_time() - started) / (STREAMS * TOKENS) * 1e6
        server.kill()
    for name, seconds in sorted(costs.items(), key=lambda item: item[1]):
        print(f"{name:24} {seconds:6.0f} s CPU per million tokens   {seconds / min(costs.values()):5.2f}")  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        main()
