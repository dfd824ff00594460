"""Streaming from a server process that answers badly, or not at all."""

import asyncio
import socket

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.workers.backends.asking import HASTY, IMPATIENT, LONG, fail, make_request, read, text_of
from workers.backends._patience import Patience
from workers.backends.openai_server import OpenAIServer
from workers.core.errors import ModelError, Refused, StreamCut, Unreachable
from workers.core.model import Chunk

FAULTS = {
    "cut": (StreamCut, "closed the stream after 3 tokens with no finish reason; the text is kept as cut off."),
    "break": (StreamCut, "broke the stream off after 3 tokens; the text is kept as cut off."),
    "error": (Unreachable, "reported an error after 3 tokens: “The engine died.”. The text is kept as cut off."),
    "garbage": (
        StreamCut,
        "sent an event that is not a JSON object after 3 tokens; the text before it is kept as cut off.",
    ),
    "huge": (
        StreamCut,
        "sent an event of more than 1,048,576 bytes after 3 tokens; a token takes a few hundred. "
        "The text before it is kept as cut off.",
    ),
    "hang": (
        StreamCut,
        "sent no token for 0.2 s; the stream was closed after 3 tokens; the text is kept as cut off. "
        "It may be overloaded: use fewer drafts at once.",
    ),
    "comments": (
        StreamCut,
        "sent no token for 0.2 s; the stream was closed after 3 tokens; the text is kept as cut off. "
        "It may be overloaded: use fewer drafts at once.",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_stream_that_breaks_is_never_done(model_server: ModelServer, fault: str) -> None:
    model_server.script(Rule.model_validate({"fault": fault, "replies": ["one two three four"]}))
    kind, message = FAULTS[fault]

    async with OpenAIServer(model_server.base_url, patience=IMPATIENT) as model:
        chunks, error = await fail(model, make_request())

    assert text_of(chunks) == "one two three"
    assert not any(chunk.finish_reason for chunk in chunks)
    assert type(error) is kind
    assert str(error) == f"The model server at {model_server.base_url} {message}"
    await model_server.wait_for(lambda log: len(log) == 1 and bool(log[0]["ended"]))


@pytest.mark.parametrize(
    ("rule", "kind", "message"),
    [
        (
            Rule(fault="status", status=500),
            Unreachable,
            "failed with HTTP 500: “Something went wrong, <b>by script</b>.”. Its own log says more.",
        ),
        (
            Rule(fault="status", status=503),
            Unreachable,
            "is too busy or still starting (HTTP 503): “Something went wrong, <b>by script</b>.”. "
            "It is asked again later.",
        ),
        (
            Rule(fault="status", status=401),
            Refused,
            "does not accept the API key (HTTP 401). Set VLLM_API_KEY to a valid one.",
        ),
        (
            Rule(fault="status", status=422),
            Refused,
            "refuses the request (HTTP 422): “Something went wrong, <b>by script</b>.”. Asking again will not help.",
        ),
        (
            Rule(fault="redirect"),
            Refused,
            "redirects elsewhere (HTTP 307), which is not followed. Set VLLM_BASE_URL to the final address.",
        ),
        (
            Rule(fault="html"),
            Refused,
            "answered with 'text/html' where a stream of events was expected. "
            "Set VLLM_BASE_URL to an OpenAI-compatible server, ending in /v1.",
        ),
        (Rule(fault="hang_up"), Unreachable, "hung up before it answered. It may be restarting."),
        (
            Rule(fault="hang", after=0),
            StreamCut,
            "sent no token for 0.4 s; the stream was closed after 0 tokens; the text is kept as cut off. "
            "It may be overloaded: use fewer drafts at once.",
        ),
        (Rule(first_token_seconds=60), StreamCut, "gave no answer within 0.4 s. It may be overloaded."),
    ],
    ids=["500", "503", "401", "422", "redirect", "html", "hang up", "silence", "no headers"],
)
async def test_a_refusal_says_what_to_do(
    model_server: ModelServer, rule: Rule, kind: type[ModelError], message: str
) -> None:
    model_server.script(rule)

    async with OpenAIServer(model_server.base_url, "a-secret-key", patience=IMPATIENT) as model:
        chunks, error = await fail(model, make_request())

    assert not any(chunk.text or chunk.thinking for chunk in chunks)
    assert isinstance(error, kind)
    assert str(error) == f"The model server at {model_server.base_url} {message}"
    assert len(model_server.log()) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

    async with OpenAIServer(address, patience=HASTY) as model:
        chunks, error = await fail(model, make_request())

    assert type(error) is Unreachable
    assert str(error) == (
        f"The model server at {address} cannot be reached: Connection refused. Is it running? "
        "VLLM_BASE_URL says where it is. It was tried 3 times."
    )
    assert [bool(chunk.restarted) for chunk in chunks] == [True, True]


async def test_an_unknown_model_is_named(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url) as model:
        _, error = await fail(model, make_request(model="gpt-9"))

    assert type(error) is Refused
    assert str(error) == (
        f"The model server at {model_server.base_url} has no model 'gpt-9', or answers no chats at this address "
        "(HTTP 404): “The model `gpt-9` does not exist.”. Choose a model that it lists, and check VLLM_BASE_URL."
    )


async def test_a_prompt_that_is_too_long_is_refused_with_the_limit(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url) as model:
        _, error = await fail(model, make_request(" ".join([LONG] * 7)))

    assert type(error) is Refused
    assert str(error) == (
        f"The model server at {model_server.base_url} says that the prompt and its answer of at most 100 tokens "
        "do not fit the model's context of 32,768 tokens. Use fewer or shorter drafts, or a lower max_tokens."
    )


async def test_the_deadline_of_a_call_spans_all_its_tries(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(LONG,), tokens_per_second=50))
    patience = Patience(total_seconds=0.3, backoff_seconds=0)

    async with OpenAIServer(model_server.base_url, patience=patience) as model:
        chunks, error = await fail(model, make_request(max_tokens=5000))

    assert type(error) is StreamCut
    assert "needed more than the 0.3 s that a call may take; the stream was closed after" in str(error)
    assert not any(chunk.restarted for chunk in chunks)
    assert len(model_server.log()) == 1


# --- retries ----------------------------------------------------------------------------------------------


async def test_a_cut_stream_is_asked_again_and_tells(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="cut", times=1), Rule(replies=("Eight.",)))

    async with OpenAIServer(model_server.base_url, patience=HASTY) as model:
        chunks = await read(model, make_request())

    restart = next(index for index, chunk in enumerate(chunks) if chunk.restarted)
    assert sum(chunk.tokens for chunk in chunks[:restart]) == 3
    assert chunks[restart] == Chunk(
        restarted=f"The model server at {model_server.base_url} closed the stream after 3 tokens with no finish "
        "reason; the text is kept as cut off."
    )
    assert text_of(chunks[restart:]) == "Eight."
    assert [entry["ended"] for entry in model_server.log()] == ["fault cut", "complete"]


async def test_the_same_request_is_sent_again(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="status", times=2))

    async with OpenAIServer(model_server.base_url, patience=HASTY) as model:
        await read(model, make_request())

    first, second, third = (entry["body"] for entry in model_server.log())
    assert first == second == third


async def test_retries_are_counted_and_then_given_up(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="break", after=1))

    async with OpenAIServer(model_server.base_url, patience=HASTY) as model:
        chunks, error = await fail(model, make_request())

    assert sum(bool(chunk.restarted) for chunk in chunks) == 2
    assert str(error).endswith("It was tried 3 times.")
    assert len(model_server.log()) == 3


async def test_a_wait_that_the_server_asks_for_is_kept(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="status", status=429, retry_after="0.3", times=1))
    loop = asyncio.get_running_loop()

    async with OpenAIServer(model_server.base_url, patience=HASTY) as model:
        started = loop.time()
        chunks = await read(model, make_request())

    assert loop.time() - started >= 0.3  # a floor that was promised, not a speed
    assert "is too busy or still starting (HTTP 429)" in chunks[0].restarted
    assert [entry["ended"] for entry in model_server.log()] == ["fault status", "complete"]


async def test_a_server_that_asks_for_an_hour_is_given_up(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="status", status=429, retry_after="3600"))

    async with OpenAIServer(model_server.base_url, patience=HASTY) as model:
        chunks, error = await fail(model, make_request())

    assert isinstance(error, Unreachable)
    assert chunks == []
    assert len(model_server.log()) == 1
