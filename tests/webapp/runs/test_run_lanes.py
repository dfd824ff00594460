"""What a run leaves behind: facts, calls, answers, verdicts, figures."""

import asyncio

import pytest
from django.db import connections
from django.db.models import Sum
from django.test import Client

from tests.webapp.runs.playing import lane_ids, make_run, play, scripted, until, work
from webapp.board.queries import COUNTED, EXCLUDED
from webapp.runs import claiming, recording
from webapp.runs.continuing import continue_run
from webapp.runs.launching import cancel_run
from webapp.runs.models import Call, Event, Lane, Run, Status
from workers.core import events
from workers.core.errors import FencedOff, StreamCut
from workers.core.events import Ledger
from workers.core.values import Usage

pytestmark = pytest.mark.django_db(transaction=True)
FOUR = ("direct", "self_consistency", "sequential_refinement", "parallel_distill_refine")


def test_every_lane_of_a_comparison_ends_with_a_verdict() -> None:
    run = play(make_run(*FOUR))

    assert run.status == Status.FINISHED
    assert list(run.lanes.values_list("recipe__strategy", "status", "answer", "ruling")) == [
        (strategy, "finished", "42", "right") for strategy in FOUR
    ]


def test_the_ledger_of_a_lane_is_the_sum_of_its_calls() -> None:
    run = play(make_run(*FOUR))

    for lane in run.lanes.all():
        sums = lane.call_rows.aggregate(prompt=Sum("prompt_tokens"), written=Sum("completion_tokens"))
        assert lane.total_tokens == sums["prompt"] + sums["written"] > 0
        assert lane.calls == lane.call_rows.count()
        assert 0 < lane.critical_path_tokens <= lane.total_tokens


def test_a_failed_draft_leaves_its_neighbours_and_its_reason() -> None:
    run = make_run(("self_consistency", {"drafts": 3}), "direct")

    play(run, scripted(faults={"draft-2": StreamCut("The line went dead.")}))

    voting, direct = run.lanes.order_by("column")
    assert (voting.status, voting.answer, voting.ruling) == ("finished", "42", "right")
    assert (direct.status, direct.ruling) == ("finished", "right")
    failed = Call.objects.get(state="failed")
    assert (failed.lane_id, failed.key, failed.error) == (voting.pk, "draft-2", "The line went dead.")


def test_a_lane_whose_only_call_fails_fails_alone() -> None:
    run = play(make_run("direct"), scripted(faults={"draft-1": StreamCut("The line went dead.")}))

    lane = run.lanes.get()
    assert (run.status, lane.status, lane.error) == ("failed", "failed", "The line went dead.")
    assert not lane.ruling


def test_a_lane_that_fails_late_keeps_its_best_answer_and_counts_as_failed(client: Client) -> None:
    run = play(make_run(("sequential_refinement", {"rounds": 3})), scripted(faults={"refine-2": StreamCut("Dead.")}))

    lane = run.lanes.get()
    assert (run.status, lane.status, lane.error) == ("failed", "failed", "Dead.")
    assert (lane.answer, lane.is_partial, lane.ruling) == ("42", True, "right")
    assert Lane.objects.filter(COUNTED).count() == 0
    assert Lane.objects.filter(EXCLUDED["failed"]).count() == 1

    told = client.get(f"/api/v1/runs/{run.pk}").json()["lanes"][0]
    assert (told["status"], told["answer"], told["is_partial"], told["verdict"]) == ("failed", "42", True, "right")
    assert 'title="Sequential Refinement: failed"' in client.get("/runs/").content.decode()
    assert _tell_outcome(client, run) == ["answer_given", "verdict_reached", "lane_failed"]

    continue_run(run=run)
    again = play(run).lanes.get()
    assert (again.status, again.ruling, again.is_partial, again.error) == ("finished", "right", False, "")
    assert _tell_outcome(client, run) == ["answer_given", "verdict_reached", "lane_finished"]


def _tell_outcome(client: Client, run: Run) -> list[str]:
    """Return what a late viewer hears of how the lane ended."""
    told = client.get(f"/r/{run.pk}/snapshot").json()["events"]
    wanted = ("answer_given", "verdict_reached", "lane_failed", "lane_finished")
    return [event["kind"] for event in told if event["kind"] in wanted]


def test_a_lane_ends_at_its_token_budget_with_its_best_answer() -> None:
    run = play(make_run(("sequential_refinement", {"rounds": 4}), budget_tokens=100))

    lane = run.lanes.get()
    assert (lane.status, lane.stopped_by, lane.is_partial, lane.answer) == ("finished", "budget", True, "42")
    assert lane.calls < 4


def test_a_lane_that_was_left_behind_asks_no_finished_call_again() -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}))
    [lane_id] = lane_ids(run)
    first = scripted(pauses=["refine-2"])

    async def die_in_the_third_call() -> None:
        crew = asyncio.create_task(work(run, [lane_id], first))
        await until(lambda: len(first.asked) == 3)
        await asyncio.sleep(0.2)  # the facts of the second call are on their way
        crew.cancel()
        await asyncio.wait([crew])

    asyncio.run(die_in_the_third_call())
    second = scripted()
    play(run, second)

    assert [request.key for request in second.asked] == ["refine-2"]
    assert Lane.objects.get().answer == "42"
    kinds = list(Event.objects.filter(lane_id=lane_id).values_list("kind", flat=True))
    assert kinds.count("lane_resumed") == 1
    assert kinds.count("lane_finished") == 1
    assert kinds.count("call_finished") == 3


def test_a_lane_is_claimed_once() -> None:
    [lane_id] = lane_ids(make_run("direct"))

    assert claiming.claim_work(lane_id) is not None
    assert claiming.claim_work(lane_id) is None


def test_a_worker_that_lost_its_lane_can_write_nothing() -> None:
    run = make_run("direct")
    [lane_id] = lane_ids(run)
    ending = events.LaneFailed(lane=lane_id, at=1, error="late", ledger=Ledger(), seconds=0)

    claiming.claim_work(lane_id)
    Lane.objects.update(fence=2)

    with pytest.raises(FencedOff):
        recording.save_facts(run.id, [ending], {lane_id: 1}, {})
    assert Event.objects.count() == 0
    assert Lane.objects.get().status == Status.RUNNING


def test_facts_that_come_twice_change_nothing() -> None:
    run = play(make_run("direct"))
    before = list(Event.objects.values_list("id", "body"))
    facts = [events.EVENTS.validate_python(body) for _, body in before if body["lane"]]
    again = [fact.model_copy(update={"at": 1_000_000}) for fact in facts]

    saved = recording.save_facts(run.id, again, {lane.pk: lane.fence for lane in run.lanes.all()}, {})

    assert list(Event.objects.values_list("id", "body")) == before
    assert list(saved.known.values()) == facts
    assert not saved.following


def test_facts_are_stored_in_the_order_in_which_they_were_told() -> None:
    run = play(make_run("direct"))
    facts = [events.NoteTaken(lane=run.lanes.get().pk, at=1, index=index, text="So.") for index in range(300, 0, -1)]

    recording.save_facts(run.id, facts, {lane.pk: lane.fence for lane in run.lanes.all()}, {})

    stored = Event.objects.filter(kind="note_taken").order_by("id")
    assert [body["index"] for body in stored.values_list("body", flat=True)] == [fact.index for fact in facts]


def test_a_call_that_broke_and_ended_between_two_saves_is_done() -> None:
    run = make_run("direct")
    (lane_id,) = lane_ids(run)
    claiming.claim_work(lane_id)
    usage = Usage(prompt_tokens=3, completion_tokens=2)
    call = {"lane": lane_id, "call": "draft-1"}
    facts: list[events.Event] = [
        events.CallStarted(**call, at=1, round=0, role="draft", prompt="p", seed=1, max_tokens=9, after=()),
        events.CallRestarted(**call, at=2, retry=1, error="It broke off.", abandoned_tokens=5,
                             abandoned_prompt_tokens=3),
        events.CallFinished(**call, at=3, text="42", thinking="", answer="42", finish_reason="stop", usage=usage,
                            first_token_at=2, marks=(), retries=1),
    ]  # fmt: skip

    recording.save_facts(run.id, facts, {lane_id: 1}, {"p": "[]"})

    row = Call.objects.get()
    assert (row.state, row.completion_tokens, row.abandoned_tokens, row.retries) == ("done", 2, 5, 1)


def test_stopping_keeps_the_best_answer_and_ends_waiting_lanes() -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}), "direct")
    slow, _ = lane_ids(run)
    model = scripted(pauses=["refine-2"])

    def stop() -> None:
        cancel_run(run=run)
        connections.close_all()  # this thread's

    async def stop_in_the_third_call() -> None:
        crew = asyncio.create_task(work(run, [slow], model))
        await until(lambda: len(model.asked) == 3)
        await asyncio.to_thread(stop)
        await crew

    asyncio.run(stop_in_the_third_call())

    run.refresh_from_db()
    stopped, never_begun = run.lanes.order_by("column")
    assert run.status == Status.CANCELLED
    assert (stopped.status, stopped.answer, stopped.is_partial) == ("cancelled", "42", True)
    assert (never_begun.status, never_begun.calls) == ("cancelled", 0)
    assert model.closed_early == ["refine-2"]
    assert Event.objects.filter(kind="run_ended").count() == 1


def test_a_stopped_run_can_be_continued() -> None:
    run = make_run("direct")
    cancel_run(run=run)

    queued = continue_run(run=Run.objects.get())
    play(run)

    assert queued == 1
    assert (run.status, run.lanes.get().ruling) == ("finished", "right")
