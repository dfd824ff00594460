"""Workers that die, stop or hang: who gets their lanes, and what is kept."""

import asyncio
import base64
import json
from datetime import timedelta
from threading import Barrier, Thread

import orjson
import pytest
from django.db import connections
from django.utils import timezone

from tests.webapp.runs.playing import lane_ids, make_run, play, scripted, until, work
from webapp.runs import claiming, recording
from webapp.runs.continuing import continue_run
from webapp.runs.launching import cancel_run
from webapp.runs.models import Event, Lane, Run, Status
from webapp.runs.recording import redis_now
from workers.backends.scripted import ScriptedModel
from workers.core import events
from workers.core.errors import FencedOff, StreamCut
from workers.core.events import Ledger
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)


def let_lease_run_out() -> None:
    Lane.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_lane_is_claimed_once_however_many_ask_at_the_same_time() -> None:
    [lane_id] = lane_ids(make_run("direct"))
    together, claims = Barrier(4), list[bool]()

    def ask() -> None:
        together.wait()
        claims.append(claiming.claim_work(lane_id) is not None)
        connections.close_all()

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claims) == [False, False, False, True]


def test_a_lane_whose_lease_ran_out_goes_to_another_worker() -> None:
    run = make_run("direct")
    [lane_id] = lane_ids(run)
    claiming.claim_work(lane_id)
    let_lease_run_out()

    assert claiming.sweep() == 1
    play(run)

    lane = Lane.objects.get()
    assert (lane.status, lane.ruling, lane.deaths) == ("finished", "right", 1)


def test_a_worker_that_comes_back_too_late_hears_that_its_lane_is_lost() -> None:
    run = make_run("direct")
    [lane_id] = lane_ids(run)
    claiming.claim_work(lane_id)
    let_lease_run_out()
    claiming.sweep()

    assert claiming.check_in(run.id, {lane_id: 1}, True).lost == {lane_id}
    with pytest.raises(FencedOff):
        late = events.LaneFailed(lane=lane_id, at=1, error="late", ledger=Ledger(), seconds=0)
        recording.save_facts(run.id, [late], {lane_id: 1}, {})


def test_a_lane_that_was_there_when_workers_died_twice_is_only_a_suspect() -> None:
    run = make_run("direct")
    [lane_id] = lane_ids(run)

    for _ in range(5):
        claiming.claim_work(lane_id, alone=True)
        let_lease_run_out()
        claiming.sweep()

    lane = Lane.objects.get()
    assert (lane.status, lane.deaths) == ("queued", 2)
    assert claiming.claim_work(lane_id) is None
    assert claiming.claim_work(lane_id, alone=True) is not None


def test_a_lane_that_gets_on_between_deaths_is_no_suspect() -> None:
    run = make_run(("sequential_refinement", {"rounds": 5}))
    [lane_id] = lane_ids(run)
    for asked in (1, 2, 3):
        die(run, scripted(pauses=[f"refine-{asked}"]), asked=2)

    lane = Lane.objects.get()
    assert (lane.status, lane.deaths, lane.fence) == ("queued", 1, 6)
    assert claiming.claim_work(lane_id) is not None


def test_a_suspect_that_kills_the_process_in_which_it_is_alone_is_ended() -> None:
    run = make_run("direct")
    [lane_id] = lane_ids(run)
    Lane.objects.update(deaths=2)
    claiming.claim_work(lane_id, alone=True)

    claiming.blame(lane_id, fence=1)

    run.refresh_from_db()
    lane = Lane.objects.get()
    assert (run.status, lane.status) == ("failed", "failed")
    assert lane.error == "The worker died 3 times while it ran this lane; it is not tried again."


def test_a_lane_that_somebody_else_has_meanwhile_is_not_blamed() -> None:
    run = make_run("direct")
    [lane_id] = lane_ids(run)
    claiming.claim_work(lane_id)

    claiming.blame(lane_id, fence=2)

    assert Lane.objects.get().status == "running"


def test_a_lost_hint_is_sent_again_if_no_other_waits() -> None:
    run = make_run("direct")
    Lane.objects.update(hinted_at=timezone.now() - timedelta(seconds=11))
    swept_while_busy = claiming.sweep()
    redis_now().delete("runs")  # the hint is lost

    assert (swept_while_busy, claiming.sweep()) == (0, 1)
    [hint] = redis_now().lrange("runs", 0, -1)
    assert run.id in base64.b64decode(json.loads(hint)["body"]).decode()


def test_a_lane_ended_from_outside_keeps_what_its_calls_cost() -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}))
    interrupt(run, scripted(pauses=["refine-2"]), asked=3)

    cancel_run(run=run)

    lane = Lane.objects.get()
    rows = list(lane.call_rows.values_list("key", "state"))
    assert (lane.status, lane.calls) == ("cancelled", 3)
    assert lane.total_tokens > 0
    assert rows == [("draft-1", "done"), ("refine-1", "done"), ("refine-2", "failed")]


def test_a_draft_that_failed_before_the_crash_fails_again_after_it() -> None:
    run = make_run(("parallel_distill_refine", {"widths": [2, 1]}))
    fault = {"draft-2": StreamCut("The line went dead.")}
    interrupt(run, scripted(faults=fault, pauses=["refine-1"]), asked=4)
    second = scripted()

    play(run, second)

    assert [request.key for request in second.asked] == ["refine-1"]
    assert list(Lane.objects.get().call_rows.values_list("key", "state")) == [
        ("draft-1", "done"), ("draft-2", "failed"), ("distill-1", "done"), ("refine-1", "done")
    ]  # fmt: skip


def test_who_goes_on_shows_what_was_stored_before_and_not_its_own_times() -> None:
    run = make_run(("parallel_distill_refine", {"widths": [2, 1]}))
    interrupt(run, scripted(pauses=["refine-1"]), asked=4)
    redis_now().flushdb()  # as if the worker had died between storing and publishing

    play(run)

    log = stream.read_back(redis_now(), run.id, stream.read_position(redis_now(), run.id).offset)
    shown = [event for entry in log for event in orjson.loads(entry.events) if event["kind"] != "text_delta"]
    stored = list(run.events.values_list("body", flat=True))
    assert "call_finished" in {event["kind"] for event in shown}
    assert [event for event in shown if event not in stored] == []


def test_a_run_that_is_going_is_not_continued() -> None:
    run = make_run("direct", "self_consistency")
    first, _ = lane_ids(run)
    Lane.objects.filter(pk=first).update(status=Status.FAILED, ended_at=timezone.now())

    assert continue_run(run=run) == 0
    assert Lane.objects.get(pk=first).status == Status.FAILED


def test_a_stopped_lane_that_nobody_runs_ends_with_the_next_sweep() -> None:
    run = make_run("direct")
    [lane_id] = lane_ids(run)
    claiming.claim_work(lane_id)
    cancel_run(run=run)
    let_lease_run_out()

    claiming.sweep()

    run.refresh_from_db()
    assert (run.status, Lane.objects.get().status) == ("cancelled", "cancelled")
    assert Event.objects.filter(kind="run_ended").count() == 1


def die(run: Run, model: ScriptedModel, *, asked: int) -> None:
    """Let a worker die once it has asked so many calls, so that its lease must run out."""
    Lane.objects.update(hinted_at=timezone.now())
    interrupt(run, model, asked=asked)
    Lane.objects.update(status=Status.RUNNING)
    let_lease_run_out()
    claiming.sweep()


def interrupt(run: Run, model: ScriptedModel, *, asked: int) -> None:
    """Let a worker be interrupted once it has asked so many calls; what ended before is stored."""

    async def stop() -> None:
        ids = await asyncio.to_thread(_ids)
        crew = asyncio.create_task(work(run, ids, model))
        await until(lambda: len(model.asked) == asked)
        await asyncio.sleep(0.2)  # the facts of the calls before are on their way
        crew.cancel()
        await asyncio.wait([crew])

    def _ids() -> list[int]:
        try:
            return list(Lane.objects.values_list("id", flat=True))
        finally:
            connections.close_all()

    asyncio.run(stop())
