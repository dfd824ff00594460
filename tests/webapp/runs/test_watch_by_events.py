"""Watching a run by server-sent events: the same frames as over a socket, and the same rules."""

import asyncio

import pytest

from tests.webapp.runs.event_stream import EventStream
from tests.webapp.runs.playing import lane_ids, make_run, play
from webapp.runs import frames
from webapp.runs.recording import redis_now
from webapp.runs.snapshots import take_snapshot
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stream_has_everything_and_ends_with_the_run():
    run = play(make_run("self_consistency"))
    events = EventStream(f"/r/{run.id}/events")

    asyncio.run(events.take())

    snapshot, end = events.frames
    assert snapshot["snapshot"]
    assert snapshot["events"] == take_snapshot(run.id, lane_ids(run)).events
    assert end == {"ended": True}


@pytest.mark.parametrize("by", ["header", "query"])
def test_a_stream_goes_on_from_where_its_reader_was(by):
    run = play(make_run("direct"))
    epoch, top = stream.read_position(redis_now(), run.id)
    place = {"last_event": f"{epoch}:{top - 1}"} if by == "header" else {}
    query = f"?after={top - 1}&epoch={epoch}" if by == "query" else "?after=0&epoch=another"
    events = EventStream(f"/r/{run.id}/events{query}", **place)

    asyncio.run(events.take())

    first = events.frames[0]
    assert (first["prev"], first["cursor"], first["epoch"]) == (top - 1, top, epoch)
    assert events.last_event == f"{epoch}:{top}"


def test_a_stream_cut_in_the_middle_of_a_snapshot_gets_another():
    run = play(make_run("direct"))
    epoch = stream.read_position(redis_now(), run.id).epoch
    events = EventStream(f"/r/{run.id}/events", last_event=f"{epoch}:{frames.NOWHERE}")

    asyncio.run(events.take())

    assert events.frames[0]["snapshot"]


def test_a_stream_of_a_run_that_is_not_there_is_refused():
    events = EventStream("/r/nothing/events")

    asyncio.run(events.take())

    assert events.status == 404


@pytest.mark.parametrize(("options", "status"), [({"host": "evil.example"}, 400), ({"method": "POST"}, 405)])
def test_what_no_reader_of_ours_would_ask_is_refused(options, status):
    run = make_run("direct")
    events = EventStream(f"/r/{run.id}/events", **options)

    asyncio.run(events.take())

    assert events.status == status


def test_a_reader_who_leaves_is_noticed():
    run = make_run("direct")
    events = EventStream(f"/r/{run.id}/events")

    async def leave() -> None:
        await events.take(1)
        await events.close()

    asyncio.run(leave())

    assert events.frames[0]["status"] == "queued"
