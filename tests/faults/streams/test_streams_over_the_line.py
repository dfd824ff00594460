"""F11 over a real connection, and from there through a whole lane into the log and the database."""

import asyncio
from typing import Any

import orjson
import pytest
from django.conf import settings as site
from django.db import connections
from hypothesis import HealthCheck, example, given, settings
from redis.asyncio import Redis

from tests.faults.streams.lines import BRISK, Line, lines, respond
from tests.faults.streams.matrix import MAX_TOKENS, Part, Truth
from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.webapp.runs.playing import lane_ids, make_run, work
from tests.workers.backends.asking import make_request
from webapp.runs.models import Run
from workers.backends.openai_server import OpenAIServer
from workers.core.errors import ModelError, Refused
from workers.core.model import Chunk
from workers.live import stream

FEW = settings(
    max_examples=max(10, settings().max_examples // 4),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEWER = settings(FEW, max_examples=max(10, settings().max_examples // 10))
SAID = Part(
    b'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n', "a", "", "stop"
)


async def ask(address: str) -> Truth:
    """Return what is read from the server's answer."""
    chunks: list[Chunk] = []
    fails: type[ModelError] | None = None
    async with OpenAIServer(address, patience=BRISK) as model:
        try:
            async for chunk in model.stream(make_request(max_tokens=MAX_TOKENS)):
                chunks.append(chunk)
        except ModelError as error:
            fails = type(error)
    finishes = [chunk.finish_reason for chunk in chunks if chunk.finish_reason]
    counts = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
    return Truth(
        text="".join(chunk.text for chunk in chunks),
        thinking="".join(chunk.thinking for chunk in chunks),
        finish=finishes[0] if finishes else None,
        counts=counts[0] if counts else None,
        fails=fails,
    )


@FEW
@given(lines())
@example(Line([SAID], is_chunked=True, segments=1, end="cut"))
@example(Line([SAID], is_chunked=False, segments=3, end="stall"))
def test_a_line_says_what_its_parts_say(model_server_process: ModelServer, line: Line) -> None:
    model_server_process.reset()
    model_server_process.script(respond(line))

    said = asyncio.run(ask(model_server_process.base_url))

    truth = line.truth
    if line.end == "abort":  # a reset may overtake what was sent before it
        assert truth.text.startswith(said.text.rstrip("\ufffd"))
        assert said.finish in (truth.finish, None)
        assert (said.finish is None) == (said.fails is not None)
        return
    assert (said.text, said.thinking, said.finish, said.counts) == truth[:4]
    assert (said.fails is None) == (truth.fails is None)
    assert (said.fails is Refused) == (truth.fails is Refused)


@pytest.mark.django_db(transaction=True)
@FEWER
@given(lines())
def test_a_lane_stores_what_the_server_said(model_server_process: ModelServer, line: Line) -> None:
    model_server_process.reset()
    model_server_process.script(respond(line))
    run = make_run("direct")

    lived = asyncio.run(live_through(run, model_server_process.base_url, retries=0))

    ended = read_ending(run)
    assert lived.get("draft-1", "") == ended["text"]
    if line.end != "abort":
        assert ended["text"] == line.truth.text
        assert ended.get("finish_reason") == line.truth.finish
    assert ended["kind"] == "call_finished" or (ended["kind"] == "call_failed" and ended["error"])


@pytest.mark.django_db(transaction=True)
@FEWER
@given(lines())
def test_a_lane_asks_again_only_what_may_be_asked_again(model_server_process: ModelServer, line: Line) -> None:
    model_server_process.reset()
    model_server_process.script(respond(line).model_copy(update={"times": 1}), Rule(replies=("The second answer.",)))
    run = make_run("direct")

    lived = asyncio.run(live_through(run, model_server_process.base_url, retries=1))

    ended, truth = read_ending(run), line.truth
    asked = len(model_server_process.log())
    assert lived.get("draft-1", "") == ended["text"]
    if line.end == "abort":
        assert asked in (1, 2)
    elif truth.fails is None:
        assert (asked, ended["kind"], ended["text"]) == (1, "call_finished", truth.text)
    elif truth.fails is Refused:
        assert (asked, ended["kind"], ended["text"]) == (1, "call_failed", truth.text)
    else:
        assert (asked, ended["kind"], ended["text"]) == (2, "call_finished", "The second answer.")


def read_ending(run: Run) -> dict[str, Any]:
    """Return the one fact that ended the run's one call."""
    kinds = ("call_finished", "call_failed", "call_cancelled")
    ended: dict[str, Any] = run.events.get(kind__in=kinds).body
    return ended


async def live_through(run: Run, address: str, *, retries: int, backoff_seconds: float = 0) -> dict[str, str]:
    """Work on the run's lane, and return the texts that its log streamed, by call."""
    patience = BRISK._replace(retries=retries, backoff_seconds=backoff_seconds)
    async with OpenAIServer(address, patience=patience) as model:
        await work(run, await asyncio.to_thread(_lanes_of, run), model)
    redis = Redis.from_url(site.REDIS_URL)
    try:
        _, entries = await stream.read_after(redis, run.id, 0)
    finally:
        await redis.aclose()
    texts: dict[str, str] = {}
    for event in (event for entry in entries for event in orjson.loads(entry.events)):
        _add(texts, event)
    return texts


def _lanes_of(run: Run) -> list[int]:
    try:
        return lane_ids(run)
    finally:
        connections.close_all()


def _add(texts: dict[str, str], event: dict[str, Any]) -> None:
    if event["kind"] == "call_restarted":
        texts[event["call"]] = ""
    elif event["kind"] == "text_delta" and event["channel"] == "answer":
        known = texts.get(event["call"], "")
        assert len(known.encode("utf-16-le")) // 2 == event["start"], "a hole in the text"
        texts[event["call"]] = known + event["text"]
