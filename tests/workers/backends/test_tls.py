"""A model server behind TLS: trusted, or refused at once in words that say what to do."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fixtures_model_server import ROOT, ModelServer
from tests.model_server import Rule

CERTIFICATES = Path(__file__).parent / "certificates"
WHAT_TO_DO = (
    "Expected is one for the name in VLLM_BASE_URL, valid today, from an authority that this machine trusts; "
    "name an authority of your own in SSL_CERT_FILE."
)


@asynccontextmanager
async def behind_tls(server: ModelServer, certificate: str) -> AsyncIterator[str]:
    """Put a proxy with that certificate before a server; gives its address."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", urlsplit(server.root).port)
        await asyncio.gather(carry(reader, to_server), carry(from_server, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context) as proxy:
        yield f"https://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/v1"


async def ask(address: str) -> dict[str, Any]:
    """Ask from a process that trusts the authority of this test and no other."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.workers.backends.ask_over_tls", address),
        cwd=ROOT, env={**os.environ, "SSL_CERT_FILE": str(CERTIFICATES / "authority.crt")},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    *_, last = (await process.communicate())[0].splitlines()  # those before are its log
    told: dict[str, Any] = json.loads(last)
    return told


async def test_a_server_with_a_trusted_certificate_is_asked(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("It is 4.",)))
    async with behind_tls(model_server, "right") as address:
        told = await ask(address)

    assert told == {"text": "It is 4."}


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ("self_signed", "self-signed certificate"),
        ("wrong_name", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("expired", "certificate has expired"),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_refused_at_once(
    model_server: ModelServer, certificate: str, why: str
) -> None:
    async with behind_tls(model_server, certificate) as address:
        told = await ask(address)

    assert told == {
        "error": "Refused",
        "words": f"The model server at {address} shows a certificate that is not trusted: {why}. {WHAT_TO_DO}",
    }
    assert model_server.log() == []


async def test_a_server_that_answers_without_tls_is_refused_at_once() -> None:
    asked = 0

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        told = await ask(address)

    what_to_do = "Set VLLM_BASE_URL to an address that begins with http://, or to where its TLS is."
    assert told == {"error": "Refused", "words": f"The model server at {address} speaks no TLS. {what_to_do}"}
    assert asked == 1
