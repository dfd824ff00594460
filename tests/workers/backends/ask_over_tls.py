"""Ask servers for a text, and print what came of it: `SSL_CERT_FILE=… python -m tests.workers.backends.ask_over_tls …`.

A process of its own, since which authorities are trusted is settled when it begins.
"""

import asyncio
import json
import sys

from tests.workers.backends.asking import HASTY, make_request, text_of
from workers.backends.openai_server import OpenAIServer
from workers.core.errors import ModelError
from workers.core.model import Chunk


async def ask(address: str) -> dict[str, object]:
    chunks: list[Chunk] = []
    async with OpenAIServer(address, "a-secret-key", patience=HASTY) as model:
        try:
            chunks.extend([chunk async for chunk in model.stream(make_request("2 + 2"))])
        except ModelError as error:
            return {"error": type(error).__name__, "words": str(error)}
    return {"text": text_of(chunks)}


async def main() -> None:
    for address in sys.argv[1:]:
        print(json.dumps(await ask(address)))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
