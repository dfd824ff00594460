"""What a viewer gets: late, again, over a socket, over HTTP, and always the same."""

import asyncio
import time
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from redis.asyncio import Redis

from tests.webapp.runs.playing import lane_ids, make_run, play, scripted, until, work
from tests.webapp.runs.sockets import Socket
from webapp.runs.models import Run
from webapp.runs.recording import redis_now
from webapp.runs.snapshots import take_snapshot
from workers.core.model import Model
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)
Frame = dict[str, Any]


class Viewer:
    """A browser without pictures: keeps the texts of calls as the page would."""

    def __init__(self, run: Run, query: str = "") -> None:
        self._socket = Socket(f"/ws/runs/{run.id}{query}")
        self.frames: list[Frame] = []
        self.texts: dict[tuple[int, str], str] = {}

    async def watch(self) -> None:
        """Take frames until the run has ended."""
        assert await self._socket.connect()
        while True:
            frame = orjson.loads((await self._socket.receive())["text"])
            if "ended" in frame:
                break
            self.frames.append(frame)
            for event in frame["events"]:
                self._apply(event)
        await self._socket.close()

    def _apply(self, event: Frame) -> None:
        call = (event["lane"], event.get("call", ""))
        if event["kind"] == "text_delta" and event["channel"] == "answer":
            text = self.texts.get(call, "")
            assert event["start"] <= len(text), "a hole in the text"
            self.texts[call] = text[: event["start"]] + event["text"]
        elif event["kind"] == "call_finished":
            assert self.texts.get(call, event["text"]) == event["text"]
            self.texts[call] = event["text"]


def stored_texts(run: Run) -> dict[tuple[int, str], str]:
    """Return the text of every finished call as the database holds it."""
    facts = run.events.filter(kind="call_finished").values_list("body", flat=True)
    return {(fact["lane"], fact["call"]): fact["text"] for fact in facts}


def watch_while_working(run: Run, model: Model, *viewers: Viewer) -> None:
    """Let the viewers watch from the beginning on while the lanes work."""

    async def both() -> None:
        watching = [asyncio.create_task(viewer.watch()) for viewer in viewers]
        await asyncio.sleep(0.3)
        await work(run, await asyncio.to_thread(_ids_of, run), model)
        await asyncio.gather(*watching)

    asyncio.run(both())


def _ids_of(run: Run) -> list[int]:
    try:
        return lane_ids(run)
    finally:
        connections.close_all()


def test_a_viewer_sees_every_text_as_it_is_stored() -> None:
    run = make_run("self_consistency", "parallel_distill_refine")
    viewer, other = Viewer(run), Viewer(run)

    watch_while_working(run, scripted(), viewer, other)

    assert viewer.texts == other.texts == stored_texts(run)
    assert any(event["kind"] == "text_delta" for frame in viewer.frames for event in frame["events"])


def test_frames_continue_each_other_without_a_hole() -> None:
    run = make_run("self_consistency")
    viewer = Viewer(run)

    watch_while_working(run, scripted(), viewer)

    first, *later = viewer.frames
    assert first["snapshot"]
    cursor = first["cursor"]
    for frame in later:
        assert frame["prev"] == cursor
        cursor = frame["cursor"]


def test_a_viewer_after_the_end_sees_the_same() -> None:
    run = play(make_run("self_consistency", "parallel_distill_refine"))
    viewer = Viewer(run)

    asyncio.run(viewer.watch())
    page = orjson.loads(Client().get(f"/r/{run.id}/snapshot").content)

    assert viewer.texts == stored_texts(run)
    assert page["events"] == viewer.frames[0]["events"]


def test_a_viewer_after_the_log_is_gone_sees_the_same() -> None:
    run = play(make_run("self_consistency"))
    before = take_snapshot(run.id, lane_ids(run)).events

    redis_now().flushdb()

    assert take_snapshot(run.id, lane_ids(run)).events == before


def test_a_viewer_with_a_cursor_gets_what_came_after_it() -> None:
    run = play(make_run("direct"))
    position = stream.read_position(redis_now(), run.id)
    last = orjson.loads(stream.read_back(redis_now(), run.id, position.offset)[0].events)
    viewer = Viewer(run, f"?after={position.offset - 1}&epoch={position.epoch}")

    asyncio.run(viewer.watch())

    continued, everything = viewer.frames  # the end comes with all facts once more: nothing stored is missed
    assert continued == {
        "events": last, "prev": position.offset - 1, "cursor": position.offset, "epoch": position.epoch
    }  # fmt: skip
    assert everything["events"] == take_snapshot(run.id, lane_ids(run)).events


@pytest.mark.parametrize("query", ["?after=1&epoch=another", "?after=999999&epoch={epoch}", "?after=x"])
def test_a_cursor_that_cannot_be_continued_gets_a_snapshot(query: str) -> None:
    run = play(make_run("direct"))
    viewer = Viewer(run, query.format(epoch=stream.read_position(redis_now(), run.id).epoch))

    asyncio.run(viewer.watch())

    assert viewer.frames[0]["snapshot"]
    assert viewer.texts == stored_texts(run)


def test_a_trimmed_log_is_answered_with_a_snapshot() -> None:
    run = play(make_run("self_consistency"))
    position = stream.read_position(redis_now(), run.id)
    newest = stream.read_back(redis_now(), run.id, position.offset)[0]
    stream.append_now(redis_now(), run.id, newest.events)  # a short run may be one entry
    redis_now().xtrim(f"run:{{{run.id}}}:log", maxlen=1, approximate=False)
    viewer = Viewer(run, f"?after=0&epoch={position.epoch}")

    asyncio.run(viewer.watch())

    assert viewer.frames[0]["snapshot"]


def test_a_late_viewer_gets_the_text_that_is_still_being_written() -> None:
    run = make_run("direct")
    model = scripted({"draft": ("one two three four five six seven eight",)}, pauses=["draft-1"])

    async def look_in_the_middle() -> list[Frame]:
        crew = asyncio.create_task(work(run, await asyncio.to_thread(_ids_of, run), model))
        await until(lambda: model.asked)
        await asyncio.sleep(0.4)
        events = await asyncio.to_thread(_snapshot_of, run)
        crew.cancel()
        await asyncio.wait([crew])
        return events

    deltas = [event for event in asyncio.run(look_in_the_middle()) if event["kind"] == "text_delta"]

    assert [(delta["start"], delta["text"].strip()) for delta in deltas] == [(0, "one two three four")]


def test_a_late_viewer_is_told_when_the_text_began() -> None:
    run = make_run("direct")
    [lane] = lane_ids(run)
    started = {"kind": "call_started", "lane": lane, "call": "draft-1", "at": 1}
    run.events.create(lane_id=lane, identity="CallStarted:draft-1", kind="call_started", body=started)
    delta = {"kind": "text_delta", "lane": lane, "call": "draft-1", "channel": "answer"}
    for at, start, text in ((5, 0, "one "), (9, 4, "two")):
        stream.append_now(redis_now(), run.id, orjson.dumps([{**delta, "at": at, "start": start, "text": text}]))

    events = take_snapshot(run.id, [lane]).events

    assert events == [started, {**delta, "at": 5, "start": 0, "text": "one two"}]


@pytest.mark.parametrize(
    ("kept", "text"),
    [([0, 1, 2], "one two six"), ([1, 2], "…   two six"), ([0, 2], "one …   six"), ([0, 1, 1, 2], "one two six")],
    ids=["all", "beginning lost", "middle lost", "told twice"],
)
def test_text_that_the_log_has_lost_is_filled_up(kept: list[int], text: str) -> None:
    """So that what is written next joins on; a viewer whose text is shorter would ask for snapshots without end."""
    run = make_run("direct")
    [lane] = lane_ids(run)
    started = {"kind": "call_started", "lane": lane, "call": "draft-1", "at": 1}
    run.events.create(lane_id=lane, identity="CallStarted:draft-1", kind="call_started", body=started)
    for place in kept:
        delta = {"kind": "text_delta", "lane": lane, "call": "draft-1", "channel": "answer", "at": 2}
        piece = {**delta, "start": 4 * place, "text": ("one ", "two ", "six")[place]}
        stream.append_now(redis_now(), run.id, orjson.dumps([piece]))

    assert take_snapshot(run.id, [lane]).events[1]["text"] == text


def test_a_redis_that_was_started_again_begins_another_epoch_and_keeps_the_text() -> None:
    run = make_run("direct")
    stream.append_now(redis_now(), run.id, b"[]")
    before = stream.read_position(redis_now(), run.id)

    redis_now().hset(f"run:{{{run.id}}}:meta", "server", "the one before")
    stream.append_now(redis_now(), run.id, b"[]")

    after = stream.read_position(redis_now(), run.id)
    assert after.epoch != before.epoch
    assert [entry.offset for entry in stream.read_back(redis_now(), run.id, after.offset)] == [2, 1]


def _snapshot_of(run: Run) -> list[Frame]:
    try:
        return take_snapshot(run.id, lane_ids(run)).events
    finally:
        connections.close_all()


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example:8000"]
)
def test_a_socket_from_another_page_is_refused(origin: str) -> None:
    run = make_run("direct")

    assert asyncio.run(Socket(f"/ws/runs/{run.id}", origin).connect()) is False


def test_a_run_that_is_not_there_closes_the_socket_with_4404() -> None:
    async def knock() -> Any:
        socket = Socket("/ws/runs/nothing")
        await socket.connect()
        return await socket.receive()

    assert asyncio.run(knock())["code"] == 4404


async def test_the_doorbell_rings_inside_the_channel_layer() -> None:
    from channels.layers import get_channel_layer

    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(stream.group_name("bell"), channel)
    redis = Redis.from_url(settings.REDIS_URL)

    await stream.append(redis, "bell", b"[]", time.time())

    assert await asyncio.wait_for(layer.receive(channel), 5) == {"type": "run.stirred"}
    await redis.aclose()
    await layer.flush()
