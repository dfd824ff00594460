"""F10: what each refusal leads to, as the table in docs/reliability.md says."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.workers.backends.asking import fail, make_request
from workers.backends._patience import Patience
from workers.backends.openai_server import OpenAIServer
from workers.core.errors import ModelError, Refused, StreamCut, Unreachable

PATIENCE = Patience(connect_seconds=0.3, first_token_seconds=2, idle_seconds=0.3, backoff_seconds=0)
WAIT_SECONDS = 0.2
ENDS: dict[str, type[ModelError]] = {"unreachable": Unreachable, "refused": Refused, "cut off": StreamCut}
ASKED = {"once": 1, "3 times": 3, "3 times, after that wait": 3}
RULES = {
    "429": Rule(fault="status", status=429),
    "429 with a Retry-After of a moment": Rule(fault="status", status=429, retry_after=str(WAIT_SECONDS)),
    "429 with a Retry-After of an hour": Rule(fault="status", status=429, retry_after="3600"),
    "500": Rule(fault="status", status=500),
    "503": Rule(fault="status", status=503),
    "400": Rule(fault="status", status=400),
    "401": Rule(fault="status", status=401),
    "404": Rule(fault="status", status=404),
    "422": Rule(fault="status", status=422),
    "redirect": Rule(fault="redirect"),
    "a page of HTML": Rule(fault="html"),
    "hangs up before it answers": Rule(fault="hang_up"),
    "an empty stream": Rule(fault="empty"),
    "a close without a finish reason": Rule(fault="cut"),
    "a reset in the middle": Rule(fault="break"),
    "an error in the middle": Rule(fault="error"),
    "silence in the middle": Rule(fault="hang"),
    "comments for ever, no token": Rule(fault="comments"),
}


def read_table() -> dict[str, tuple[str, str]]:
    """Return the rows of the table: what the server does, how often it is asked, how the call ends."""
    text = (Path(__file__).parents[3] / "docs/reliability.md").read_text()
    table = text[text.index("| what the server does |") :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {what: (asked, ends) for what, asked, ends in rows}


TABLE = read_table()


@contextmanager
def nobody() -> Iterator[str]:
    """Give an address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}/v1"


@contextmanager
def deaf() -> Iterator[str]:
    """Give an address whose queue of connections is full: a new one is never accepted."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@pytest.mark.parametrize("what", RULES)
async def test_a_server_that_refuses_is_asked_as_the_table_says(model_server: ModelServer, what: str) -> None:
    model_server.script(RULES[what])
    asked, ends = TABLE[what]

    async with OpenAIServer(model_server.base_url, patience=PATIENCE) as model:
        chunks, error = await fail(model, make_request())

    log = model_server.log()
    assert len(log) == ASKED[asked]
    assert isinstance(error, ENDS[ends])
    assert sum(bool(chunk.restarted) for chunk in chunks) == len(log) - 1
    assert not any(chunk.finish_reason for chunk in chunks)
    if "wait" in asked:
        gaps = [later["at"] - entry["at"] for entry, later in pairwise(log)]
        assert min(gaps) >= WAIT_SECONDS


@pytest.mark.parametrize(("what", "place"), [("no connection", nobody), ("a connection that is never accepted", deaf)])
async def test_a_server_that_is_not_there_is_tried_as_the_table_says(what: str, place) -> None:
    with place() as address:
        async with OpenAIServer(address, patience=PATIENCE) as model:
            chunks, error = await fail(model, make_request())

    tries = sum(bool(chunk.restarted) for chunk in chunks) + 1
    assert (ASKED[TABLE[what][0]], ENDS[TABLE[what][1]]) == (tries, type(error))


async def test_a_server_that_hangs_up_where_tls_begins_is_tried_as_the_table_says(model_server: ModelServer) -> None:
    asked, ends = TABLE["hangs up where TLS was to begin"]

    async with OpenAIServer(model_server.base_url.replace("http:", "https:"), patience=PATIENCE) as model:
        chunks, error = await fail(model, make_request())

    assert (ASKED[asked], ENDS[ends]) == (sum(bool(chunk.restarted) for chunk in chunks) + 1, type(error))
    assert model_server.log() == []


def test_every_row_of_the_table_is_tried() -> None:
    aside = {"no connection", "a connection that is never accepted", "hangs up where TLS was to begin"}
    in_test_tls = {
        "an answer without TLS where https was promised",
        "a certificate that is self-signed, expired or for another name",
    }

    assert set(TABLE) == set(RULES) | aside | in_test_tls
    assert Patience().retries == PATIENCE.retries == ASKED["3 times"] - 1
