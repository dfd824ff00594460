"""Streaming from a server process that answers well, badly, or not at all."""

import asyncio
import random
import socket
from contextlib import aclosing

import pytest

from tests.fixtures_model_server import ModelServer, run_model_server
from tests.model_server import HOSTILE, Rule
from workers.backends._patience import Patience
from workers.backends.limits import LimitedModel
from workers.backends.openai_server import OpenAIServer
from workers.core.errors import ModelError, Refused, StreamCut, Unreachable
from workers.core.model import Chunk, Message, Model, Request, estimate_tokens
from workers.core.values import Usage

LONG = " ".join(f"word{n}" for n in range(5000))
HASTY = Patience(backoff_seconds=0)
IMPATIENT = Patience(first_token_seconds=0.4, idle_seconds=0.2, retries=0)


def make_request(prompt: str = "How many legs have two cats?", **fields: object) -> Request:
    known: dict[str, object] = {
        "key": "draft-1",
        "role": "draft",
        "messages": (Message("user", prompt),),
        "model": "scripted",
        "temperature": 0.8,
        "top_p": 0.95,
        "max_tokens": 100,
        "seed": 7,
    }
    return Request.model_validate(known | fields)


async def read(model: Model, request: Request) -> list[Chunk]:
    return [chunk async for chunk in model.stream(request)]


async def fail(model: Model, request: Request) -> tuple[list[Chunk], ModelError]:
    """Return the chunks before the error, and the error."""
    chunks: list[Chunk] = []
    with pytest.raises(ModelError) as failure:
        async for chunk in model.stream(request):
            chunks.append(chunk)
    return chunks, failure.value


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


# --- what is asked ----------------------------------------------------------------------------------------


async def test_a_request_carries_these_fields_and_no_others(model_server: ModelServer) -> None:
    messages = (Message("system", "Be brief."), Message("user", "Hi"))

    async with OpenAIServer(model_server.base_url, "a-key") as model:
        await read(model, make_request(messages=messages, stop=("\n\n",)))

    (asked,) = model_server.log()
    assert asked["has_key"]
    assert asked["body"] == {
        "model": "scripted",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "temperature": 0.8,
        "top_p": 0.95,
        "max_tokens": 100,
        "seed": 7,
        "stop": ["\n\n"],
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }


async def test_without_a_key_none_is_sent(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url.removesuffix("/v1") + "/") as model:
        await read(model, make_request())

    (asked,) = model_server.log()
    assert not asked["has_key"]
    assert "stop" not in asked["body"]


@pytest.mark.parametrize("address", ["gpu:8000/v1", "ftp://gpu/v1", "", "http://", "http://me:secret@gpu/v1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="The model server's address must begin with http") as failure:
        OpenAIServer(address)

    assert "secret" not in str(failure.value)


async def test_a_server_that_was_not_entered_says_how() -> None:
    with pytest.raises(RuntimeError, match=r"write: async with OpenAIServer\(…\) as model\."):
        await read(OpenAIServer("http://127.0.0.1:9/v1"), make_request())


# --- what comes -------------------------------------------------------------------------------------------


async def test_text_thinking_and_usage_arrive(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("Two cats: 8 legs.",), thinking="Four each.", tokens_per_second=200))

    async with OpenAIServer(model_server.base_url) as model:
        chunks = await read(model, make_request())

    assert text_of(chunks) == "Two cats: 8 legs."
    assert "".join(chunk.thinking for chunk in chunks) == "Four each."
    assert sum(chunk.tokens for chunk in chunks) == 6
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    assert [chunk.usage for chunk in chunks if chunk.usage] == [
        Usage(prompt_tokens=6, completion_tokens=6, reasoning_tokens=2)
    ]
    assert len(chunks) > 3


async def test_the_older_name_of_thinking_is_read(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("8",), thinking="Four each.", thinking_field="reasoning_content"))

    async with OpenAIServer(model_server.base_url) as model:
        chunks = await read(model, make_request())

    assert "".join(chunk.thinking for chunk in chunks) == "Four each."
    assert text_of(chunks) == "8"


async def test_a_text_that_reached_its_limit_says_so(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three four",)))

    async with OpenAIServer(model_server.base_url) as model:
        chunks = await read(model, make_request(max_tokens=3))

    assert text_of(chunks) == "one two three"
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["length"]


async def test_a_server_without_usage_is_counted_by_pieces(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three",), has_usage=False))

    async with OpenAIServer(model_server.base_url) as model:
        chunks = await read(model, make_request())

    assert sum(chunk.tokens for chunk in chunks) == 3
    assert not any(chunk.usage for chunk in chunks)


async def test_a_cut_text_is_counted_exactly_though_several_tokens_come_together(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(LONG,), fault="cut", after=40, tokens_per_event=8))

    async with OpenAIServer(model_server.base_url, patience=Patience(retries=0)) as model:
        chunks, error = await fail(model, make_request())

    assert sum(chunk.tokens for chunk in chunks) == 40
    assert "after 40 tokens" in str(error)


async def test_a_strict_server_is_asked_without_what_it_does_not_know(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("Eight.",), is_strict=True))

    async with OpenAIServer(model_server.base_url) as model:
        texts = [text_of(await read(model, make_request())) for _ in range(2)]

    assert texts == ["Eight.", "Eight."]
    assert [entry["ended"] for entry in model_server.log()] == ["status 400", "complete", "complete"]


async def test_hostile_text_arrives_fit_for_storage(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(HOSTILE,)))

    async with OpenAIServer(model_server.base_url) as model:
        text = text_of(await read(model, make_request()))

    assert text == HOSTILE.replace("\0", "\ufffd").replace("\ud83d", "\ufffd").replace("\ude00", "\ufffd")


async def test_connections_are_used_again(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url) as model:
        for _ in range(5):
            await read(model, make_request())

    assert len({entry["peer"] for entry in model_server.log()}) == 1


async def test_three_hundred_streams_run_at_once(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three four",), first_token_seconds=0.5))

    async with OpenAIServer(model_server.base_url) as model:
        texts = await asyncio.gather(*(read(model, make_request(key=f"draft-{n}", seed=n)) for n in range(300)))

    assert {text_of(chunks) for chunks in texts} == {"one two three four"}
    assert max(entry["open_before"] for entry in model_server.log()) > 200


# --- faults -----------------------------------------------------------------------------------------------

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

    assert chunks == []
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


# --- closing ----------------------------------------------------------------------------------------------


async def test_closing_the_stream_stops_the_server(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(LONG,), tokens_per_second=100))

    async with OpenAIServer(model_server.base_url) as model:
        async with aclosing(model.stream(make_request(max_tokens=5000))) as chunks:
            await anext(chunks)
        (entry,) = await model_server.wait_for(lambda log: bool(log[0]["ended"]))

    assert entry["ended"] == "closed by client"


@pytest.mark.parametrize(
    "rule",
    [Rule(first_token_seconds=60), Rule(fault="hang", after=0), Rule(fault="hang"), Rule(tokens_per_second=20)],
    ids=["waiting for headers", "waiting for the first token", "waiting for more", "reading"],
)
async def test_cancelling_the_task_stops_the_server(model_server: ModelServer, rule: Rule) -> None:
    model_server.script(rule)

    async with OpenAIServer(model_server.base_url) as model:
        task = asyncio.create_task(read(model, make_request()))
        await model_server.wait_for(lambda log: len(log) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (entry,) = await model_server.wait_for(lambda log: bool(log[0]["ended"]))

    assert entry["ended"] == "closed by client"


async def test_cancelling_while_waiting_to_try_again_asks_no_more(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="status", status=429, retry_after="30"))

    async with OpenAIServer(model_server.base_url) as model:
        async with aclosing(model.stream(make_request())) as chunks:
            assert (await anext(chunks)).restarted

    assert len(model_server.log()) == 1


async def test_streams_cancelled_anywhere_leave_none_open(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(LONG,), tokens_per_second=2000))
    chance = random.Random(1)

    async def follow(model: Model, number: int) -> None:
        turns = chance.randrange(400)
        async with aclosing(model.stream(make_request(seed=number, max_tokens=5000))) as chunks:
            async for _ in chunks:
                if turns <= 0:
                    return
                turns -= 1
                await asyncio.sleep(0)

    async with OpenAIServer(model_server.base_url) as model:
        tasks = [asyncio.create_task(follow(model, number)) for number in range(40)]
        for task in tasks[::2]:
            await asyncio.sleep(0.01 * chance.random())
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log = await model_server.wait_for(lambda entries: all(entry["ended"] for entry in entries))

    assert sum(entry["ended"] == "closed by client" for entry in log) >= 10


# --- aside ------------------------------------------------------------------------------------------------


async def test_models_are_listed_with_their_context(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url) as model:
        assert await model.list_models() == ("scripted",)
        assert (await model.ask_server()).context_tokens == {"scripted": 32_768}


@pytest.mark.parametrize("dialect", ["vllm", "llama.cpp"])
async def test_tokens_are_counted_by_the_server(dialect: str) -> None:
    with run_model_server("--dialect", dialect, "--context", "4096", "--api-key", "right") as server:
        async with OpenAIServer(server.base_url, "right") as model:
            assert await model.count_tokens("one two three") == 3
            assert await model.count_tokens("") == 0
            assert (await model.ask_server()).context_tokens == {"scripted": 4096}


async def test_tokens_are_estimated_where_the_server_cannot_count() -> None:
    with run_model_server("--dialect", "none") as server:
        async with OpenAIServer(server.base_url) as model:
            assert await model.count_tokens(LONG) == estimate_tokens(LONG)


async def test_tokens_are_estimated_while_the_server_is_away() -> None:
    async with OpenAIServer("http://127.0.0.1:9/v1", patience=HASTY) as model:
        assert await model.count_tokens(LONG) == estimate_tokens(LONG)


async def test_models_of_a_server_that_is_away_are_an_error() -> None:
    async with OpenAIServer("http://127.0.0.1:9/v1", patience=HASTY) as model:
        with pytest.raises(Unreachable, match=r"cannot be reached: Connection refused\. Is it running\?"):
            await model.list_models()


async def test_a_wrong_key_is_never_repeated() -> None:
    with run_model_server("--api-key", "right") as server:
        async with OpenAIServer(server.base_url, "wrong-secret") as model:
            _, error = await fail(model, make_request())

    assert type(error) is Refused
    assert "Set VLLM_API_KEY to a valid one." in str(error)
    assert "wrong-secret" not in str(error)
    assert "wrong-secret" not in repr(vars(error))


# --- limits -----------------------------------------------------------------------------------------------


async def test_no_more_streams_are_open_than_allowed(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three",), tokens_per_second=50))

    async with OpenAIServer(model_server.base_url) as server:
        model = LimitedModel(server, streams=3)
        texts = await asyncio.gather(*(read(model, make_request(seed=n)) for n in range(12)))

    assert {text_of(chunks) for chunks in texts} == {"one two three"}
    assert max(entry["open_before"] for entry in model_server.log()) == 2


async def test_a_place_is_free_again_after_a_failure_and_a_cancellation(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="cut", times=1), Rule(fault="hang", times=1), Rule(replies=("Eight.",)))

    async with OpenAIServer(model_server.base_url, patience=Patience(retries=0)) as server:
        model = LimitedModel(server, streams=1)
        await fail(model, make_request())
        hanging = asyncio.create_task(read(model, make_request()))
        waiting = asyncio.create_task(read(model, make_request()))
        await model_server.wait_for(lambda log: len(log) == 2)
        hanging.cancel()

        assert text_of(await waiting) == "Eight."


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="At least one stream must be allowed, got 0"):
        LimitedModel(OpenAIServer("http://127.0.0.1:9/v1"), streams=0)
