"""The model server of the tests says what vLLM says, at the speed it was told, and remembers it."""

import asyncio
import itertools
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fixtures_model_server import ModelServer, run_model_server
from tests.model_server import Piece, Rule, read_record

ASK = {"model": "scripted", "messages": [{"role": "user", "content": "How many legs?"}], "seed": 1}
COMPLETE = {"model": "scripted", "prompt": "How many legs?", "seed": 1}


async def ask(server: ModelServer, body: dict[str, Any], path: str = "/chat/completions") -> tuple[int, Any]:
    async with aiohttp.ClientSession() as client, client.post(server.base_url + path, json=body) as response:
        if response.content_type != "text/event-stream":
            return response.status, await response.json()
        text = (await response.read()).decode()
    assert text.endswith("\n\ndata: [DONE]\n\n")
    return response.status, [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n")[:-2]]


async def test_n_texts_come_interleaved_and_are_counted_together(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three", "four five six")))

    _, events = await ask(model_server, ASK | {"n": 3, "stream": True, "stream_options": {"include_usage": True}})

    choices = [event["choices"][0] for event in events if event["choices"]]
    written = [choice["index"] for choice in choices if choice["delta"].get("content")]
    assert written == [0, 1, 2] * 3
    texts = ["".join(c["delta"].get("content", "") for c in choices if c["index"] == n) for n in range(3)]
    assert set(texts) <= {"one two three", "four five six"}
    assert [choice["finish_reason"] for choice in choices[-3:]] == ["stop"] * 3
    assert events[-1]["usage"]["completion_tokens"] == 9
    assert model_server.log()[0]["text"] == texts[0]


async def test_an_answer_may_wait_until_the_script_is_set_anew(model_server: ModelServer) -> None:
    model_server.script(Rule(waits=True))
    asking = asyncio.create_task(ask(model_server, ASK))
    await model_server.wait_for(lambda log: len(log) == 1)
    assert model_server.running() == 1
    model_server.script(Rule(replies=("four legs",)))

    _, answer = await asking

    assert answer["choices"][0]["message"]["content"] == "four legs"


async def test_log_probabilities_come_with_every_token(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two",)))
    wish = ASK | {"logprobs": True, "top_logprobs": 2}

    _, whole = await ask(model_server, wish)
    _, events = await ask(model_server, wish | {"stream": True})

    content = whole["choices"][0]["logprobs"]["content"]
    assert [token["token"] for token in content] == ["one", " two"]
    assert [len(token["top_logprobs"]) for token in content] == [2, 2]
    assert content[0]["top_logprobs"][0] == {key: content[0][key] for key in ("token", "logprob", "bytes")}
    streamed = [event["choices"][0]["logprobs"]["content"] for event in events[1:-1]]
    assert [token for tokens in streamed for token in tokens] == content


async def test_completions_have_their_own_shape(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three",)))

    _, whole = await ask(model_server, COMPLETE | {"logprobs": 1, "max_tokens": 2}, "/completions")
    _, events = await ask(model_server, COMPLETE | {"stream": True}, "/completions")

    (choice,) = whole["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("one two", "length")
    assert choice["logprobs"]["tokens"] == ["one", " two"]
    assert choice["logprobs"]["text_offset"] == [0, 3]
    assert "".join(event["choices"][0]["text"] for event in events) == "one two three"


async def test_a_prompt_is_scored_on_request(model_server: ModelServer) -> None:
    _, chat = await ask(model_server, ASK | {"prompt_logprobs": 1, "max_tokens": 1})
    _, completion = await ask(model_server, COMPLETE | {"prompt_logprobs": 1, "max_tokens": 1}, "/completions")
    status, refused = await ask(model_server, ASK | {"prompt_logprobs": 1, "stream": True})

    first, *later = chat["prompt_logprobs"]
    assert first is None
    assert [next(iter(token.values()))["decoded_token"] for token in later] == [" many", " legs?"]
    assert completion["choices"][0]["prompt_logprobs"] == chat["prompt_logprobs"]
    assert (status, refused["error"]["message"]) == (400, "`prompt_logprobs` are not available when `stream=True`.")


async def test_a_final_message_is_continued(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three",)))
    begun = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "one two"}]
    wish = ASK | {"messages": begun, "continue_final_message": True}

    _, whole = await ask(model_server, wish | {"add_generation_prompt": False})
    status, _ = await ask(model_server, wish)

    assert whole["choices"][0]["message"]["content"] == " three"
    assert status == 400


async def test_token_ids_are_those_of_tokenize(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two",)))

    _, whole = await ask(model_server, ASK | {"return_token_ids": True})
    async with aiohttp.ClientSession() as client:
        async with client.post(model_server.root + "/tokenize", json={"prompt": "one two"}) as response:
            tokenized = await response.json()

    assert whole["choices"][0]["token_ids"] == tokenized["tokens"]


async def test_metrics_tell_of_running_requests(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="hang"))

    task = asyncio.create_task(ask(model_server, ASK | {"stream": True}))
    await model_server.wait_for(lambda log: len(log) == 1)
    assert model_server.running() == 1
    task.cancel()
    await model_server.wait_for(lambda log: log[0]["ended"] == "closed by client")

    assert model_server.running() == 0


async def test_tokens_come_no_earlier_than_their_pace(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three four five",), tokens_per_second=20, first_token_seconds=0.1))
    started = time.monotonic()

    await ask(model_server, ASK | {"stream": True})

    assert time.monotonic() - started >= 0.1 + 4 / 20
    (entry,) = model_server.log()
    assert entry["ended_at"] - entry["at"] >= 0.1 + 4 / 20


async def test_a_fault_twice_sends_every_event_two_times(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two",), fault="twice"))

    _, events = await ask(model_server, ASK | {"stream": True})

    contents = [event["choices"][0]["delta"].get("content") for event in events]
    assert contents == ["", "", "one", "one", " two", " two", None, None]


async def test_raw_bytes_are_sent_as_they_are(model_server: ModelServer) -> None:
    pieces = (Piece(data=b"HTTP/1.1 200 OK\r\n"), Piece(data=b"\r\n\xff\x00", wait_seconds=0.01))
    model_server.script(Rule(raw=pieces))

    reader, writer = await asyncio.open_connection("127.0.0.1", int(model_server.root.rpartition(":")[2]))
    body = json.dumps(ASK).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    received = await reader.read()
    writer.close()

    assert received == b"HTTP/1.1 200 OK\r\n\r\n\xff\x00"
    assert model_server.log()[0]["ended"] == "raw close"


async def test_the_record_outlives_a_killed_process(tmp_path: Path) -> None:
    record = tmp_path / "record"
    with run_model_server("--record", str(record)) as server:
        await ask(server, ASK | {"messages": [{"role": "user", "content": "1 + 1"}]})
        server.script(Rule(fault="hang"))
        hanging = asyncio.create_task(ask(server, ASK | {"stream": True}))
        await server.wait_for(lambda log: len(log) == 2)
        server.kill()
        with pytest.raises(aiohttp.ClientError):
            await hanging
        server.start_again()
        await ask(server, ASK)

    entries = read_record(record)
    assert [(entry["number"], entry["ended"]) for entry in entries] == [(1, "complete"), (2, ""), (1, "complete")]
    assert len({entry["process"] for entry in entries}) == 2


@pytest.mark.parametrize("jitter", [0.0, 1.0])
async def test_text_is_the_same_at_any_pace(model_server: ModelServer, jitter: float) -> None:
    text = " ".join(f"word{n}" for n in range(300))
    paces = itertools.product((0, 2000), (1, 7))

    for rate, together in paces:
        model_server.script(Rule(replies=(text,), tokens_per_second=rate, tokens_per_event=together, jitter=jitter))
        _, events = await ask(model_server, ASK | {"stream": True})
        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == text
