"""Stopping a run in the moment in which it ends, or is taken up: one of the two wins, and there is one ending."""

import asyncio
import random
from threading import Barrier, Thread

import pytest
from django.db import connections

from tests.webapp.runs.playing import lane_ids, make_run, scripted, work
from webapp.runs import claiming, recording
from webapp.runs.launching import cancel_run
from webapp.runs.models import Event, Run
from workers.core import events
from workers.core.errors import FencedOff

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*verbs) -> None:
    """Do all of them in the same moment, each in a thread of its own."""
    together = Barrier(len(verbs))

    def do(verb) -> None:
        together.wait()
        verb()
        connections.close_all()

    threads = [Thread(target=do, args=[verb]) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def check_one_ending(run: Run) -> None:
    run.refresh_from_db()
    [lane] = run.lanes.all()
    [end] = Event.objects.filter(lane=lane, identity="LaneEnd")
    [run_end] = Event.objects.filter(run=run, kind="run_ended")
    assert end.kind == f"lane_{lane.status}"
    assert (run_end.body["status"], run.status) == (run.status, lane.status)


def test_stopping_in_the_moment_of_the_last_fact_has_one_winner() -> None:
    for _ in range(10):
        run = make_run("direct")
        [lane_id] = lane_ids(run)
        claiming.claim_work(lane_id)
        end = events.LaneFinished(lane=lane_id, at=1, stopped_by="", ledger=events.Ledger(), seconds=0)

        at_once(
            lambda run=run: cancel_run(run=run),
            lambda run=run, end=end, lane_id=lane_id: recording.save_facts(run.id, [end], {lane_id: 1}, {}),
        )

        check_one_ending(run)
        assert run.status == "finished"


def test_stopping_in_the_moment_of_a_claim_has_one_winner() -> None:
    won = set()
    for _ in range(20):
        run = make_run("direct")
        [lane_id] = lane_ids(run)
        claims: list[object] = []

        at_once(
            lambda run=run: cancel_run(run=run),
            lambda lane_id=lane_id, claims=claims: claims.append(claiming.claim_work(lane_id)),
        )

        won.add(claims[0] is not None)
        if claims[0] is not None:  # the worker has it, and is told with its next pulse
            assert claiming.check_in(run.id, {lane_id: 1}, False).is_cancelled
            stopped = events.LaneCancelled(lane=lane_id, at=1, ledger=events.Ledger(), seconds=0)
            recording.save_facts(run.id, [stopped], {lane_id: 1}, {})
        check_one_ending(run)
        with pytest.raises(FencedOff):
            recording.save_facts(run.id, [events.LaneStarted(lane=lane_id, at=1)], {lane_id: 9}, {})
    assert won


@pytest.mark.parametrize("seed", range(8))
def test_stopping_a_run_at_any_moment_of_its_work_ends_it_once(seed: int) -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}))
    ids, wait = lane_ids(run), random.Random(seed).random() * 0.15

    def stop() -> None:
        cancel_run(run=run)
        connections.close_all()

    async def work_and_stop() -> None:
        crew = asyncio.create_task(work(run, ids, scripted()))
        await asyncio.sleep(wait)
        await asyncio.to_thread(stop)
        await crew

    asyncio.run(work_and_stop())

    check_one_ending(run)
