"""Streaming from a server process that answers well."""

import asyncio

import pytest

from tests.fixtures_model_server import ModelServer, run_model_server
from tests.model_server import HOSTILE, Rule
from tests.workers.backends.asking import HASTY, LONG, fail, make_request, read, text_of
from workers.backends._patience import Patience
from workers.backends.openai_server import OpenAIServer
from workers.core.errors import Refused, Unreachable
from workers.core.model import Message, estimate_tokens
from workers.core.values import Usage

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
    model_server.script(Rule(replies=("Two cats: 8 legs.",), thinking="Four each.", tokens_per_second=20))

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


async def test_no_request_is_sent_on_a_connection_that_the_server_may_be_closing(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url) as model:
        for _ in range(5):
            await read(model, make_request())

    assert len({entry["peer"] for entry in model_server.log()}) == 5


async def test_three_hundred_streams_run_at_once(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three four",), first_token_seconds=0.5))

    async with OpenAIServer(model_server.base_url) as model:
        texts = await asyncio.gather(*(read(model, make_request(key=f"draft-{n}", seed=n)) for n in range(300)))

    assert {text_of(chunks) for chunks in texts} == {"one two three four"}
    assert max(entry["open_before"] for entry in model_server.log()) > 200


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
