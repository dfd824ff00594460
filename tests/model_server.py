"""A scriptable OpenAI-compatible model server that records everything: `python -m tests.model_server --port 0`.

It prints its address, e.g. `http://127.0.0.1:40001/v1`. A token is a word with the white space before it.

    GET  /v1/models                what it serves; also /version and /health
    POST /v1/chat/completions      a stream, or a whole answer without `"stream": true`
    POST /v1/completions           the same in the older shape
    POST /v1/embeddings            vectors that count words, by the model that `--embedder` names
    POST /tokenize                 vLLM's shape, or llama.cpp's with `--dialect llama.cpp`
    GET  /metrics                  counters under vLLM's names: running requests, tokens, prefix hits
    PUT  /_script                  a JSON list of rules; the first whose `match` is found in the prompt answers
    GET  /_log                     every request: its body, whether it had a key, what was sent, how it ended
    POST /_reset                   forget the log and the script, close all streams

Both kinds of answer know n, logprobs, prompt_logprobs, continue_final_message and return_token_ids, as vLLM does.
Without a rule it answers `a + b` (also −, ×) found in the prompt, right with `--probability`, chosen by the seed.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import uvloop

from tests.serving.http import Connection
from tests.serving.rules import HOSTILE, Piece, Rule
from tests.serving.server import Server

__all__ = ["HOSTILE", "Piece", "Rule", "parse", "read_record", "serve"]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", help="a JSON file with a list of rules")
    parser.add_argument("--record", help="a file that the log is added to as it happens; it outlives the process")
    parser.add_argument("--model", default="scripted", help="or several, with commas between")
    parser.add_argument("--embedder", default="", help="one more model, which embeds texts and answers no chats")
    parser.add_argument("--api-key", default="", help="refuse requests without this key")
    parser.add_argument("--context", type=int, default=32_768, help="longest prompt and answer together, in tokens")
    parser.add_argument("--dialect", choices=["vllm", "llama.cpp", "none"], default="vllm", help="of /tokenize")
    parser.add_argument("--drop-thoughts", action="store_true", help="from begun answers, as some templates do")
    parser.add_argument("--probability", type=float, default=0.6, help="of a right answer where no rule matches")
    parser.add_argument("--tokens-per-second", type=float, default=0, help="of each stream; 0: as fast as can be")
    parser.add_argument("--first-token-seconds", type=float, default=0)
    return parser.parse_args(arguments)


def read_record(path: Path) -> list[dict[str, Any]]:
    """Return the log of all processes that wrote into a record; `process` is added to each entry."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return list({(entry["process"], entry["number"]): entry for entry in entries}.values())


async def serve(settings: argparse.Namespace) -> None:
    server = Server(settings)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: Connection(server.answer), "127.0.0.1", settings.port, backlog=4096, reuse_address=True
    )
    port = listening.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}/v1", flush=True)  # noqa: T201
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(parse()))
