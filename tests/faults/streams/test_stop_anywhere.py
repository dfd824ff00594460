"""F22 and F23: a lane of any strategy is stopped between any two steps of its loop; a run is deleted while it works."""

import asyncio
import random

import pytest
from django.db import connections, transaction
from hypothesis import event, given
from hypothesis import strategies as st

from tests.webapp.runs.playing import lane_ids, make_run, scripted, work
from tests.workers.strategies.playing import AnyReplies
from tests.workers.test_stop_lanes import check_end, make_lane
from webapp.runs import recording
from webapp.runs.models import Call, Event, Lane, Run
from workers.backends.scripted import ScriptedModel
from workers.core import events
from workers.strategies import catalog

MOST_TURNS = 400


async def stop_after(strategy: str, turns: int) -> tuple[list[events.Event], ScriptedModel]:
    """Stop a lane after so many turns of the loop, and return what it told."""
    heard: list[events.Event] = []
    model = ScriptedModel(AnyReplies())
    lane = make_lane(strategy, model, heard)
    task = lane.start()
    for _ in range(turns):
        if task.done():
            break
        await asyncio.sleep(0)
    lane.stop()
    await asyncio.wait_for(task, 20)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return heard, model


@given(strategy=st.sampled_from(sorted(catalog())), turns=st.integers(0, MOST_TURNS))
def test_a_lane_stopped_between_any_two_steps_ends_once_and_leaves_nothing(strategy: str, turns: int) -> None:
    heard, model = asyncio.run(stop_after(strategy, turns))

    end = heard[-1]
    event(end.kind)
    check_end(heard, type(end))
    assert isinstance(end, events.LaneFinished | events.LaneCancelled)
    stopped = [told.call for told in heard if isinstance(told, events.CallCancelled)]
    assert set(model.closed_early) <= set(stopped)
    if isinstance(end, events.LaneFinished):
        assert stopped == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(6))
def test_a_run_that_is_deleted_while_it_works_leaves_nothing_and_ends_its_work(seed: int) -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}), "self_consistency")
    ids, wait = lane_ids(run), random.Random(seed).random() * 0.2
    model = scripted(pauses=["refine-2"])

    def delete() -> None:
        with transaction.atomic():
            recording._take_turn(run.pk)  # no page deletes a run; who does it by hand must let no fact in between
            Run.objects.get(pk=run.pk).delete()
        connections.close_all()

    async def work_and_delete() -> None:
        working = asyncio.create_task(work(run, ids, model))
        await asyncio.sleep(wait)
        await asyncio.to_thread(delete)
        await asyncio.wait_for(working, 20)

    asyncio.run(work_and_delete())

    for rows in (Run, Lane, Event, Call):
        assert not rows.objects.exists()
