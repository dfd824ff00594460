"""Continue a run: what was stopped or failed goes on, further repeats are added, and nothing is paid twice."""

import asyncio

import pytest
from django.db import connections

from tests.webapp.runs.playing import lane_ids, make_run, play, scripted, until, work
from webapp.runs.continuing import continue_run
from webapp.runs.launching import cancel_run
from webapp.runs.models import Call, Event, Lane, Run, Status
from webapp.runs.recording import redis_now
from workers.backends.scripted import ScriptedModel
from workers.core.errors import StreamCut
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)
PDR = ("parallel_distill_refine", {"widths": [3, 1]})


def stop_when_asked(run: Run, model: ScriptedModel, asked: int) -> None:
    """Work on the run, and stop it once so many calls were asked."""
    ids = lane_ids(run)

    def stop() -> None:
        cancel_run(run=run)
        connections.close_all()  # this thread's

    async def play_and_stop() -> None:
        crew = asyncio.create_task(work(run, ids, model))
        await until(lambda: len(model.asked) == asked)
        await asyncio.sleep(0.2)  # the facts of the calls before are on their way
        await asyncio.to_thread(stop)
        await crew

    asyncio.run(play_and_stop())


def keys(model: ScriptedModel) -> list[str]:
    return [request.key for request in model.asked]


def test_a_stopped_lane_asks_only_what_is_missing() -> None:
    run = make_run(PDR)
    first, second = scripted(pauses=["draft-2"]), scripted()
    stop_when_asked(run, first, asked=3)

    assert continue_run(run=run) == 1
    play(run, second)

    lane = run.lanes.get()
    assert keys(first) == ["draft-1", "draft-2", "draft-3"]
    assert keys(second) == ["draft-2", "distill-1", "refine-1"]
    assert (run.status, lane.status, lane.ruling, lane.is_partial) == ("finished", "finished", "right", False)
    assert set(lane.call_rows.values_list("state", flat=True)) == {"done"}
    assert Event.objects.filter(kind__in=("lane_cancelled", "call_cancelled")).count() == 0
    assert Event.objects.filter(kind="run_ended").count() == 1


def test_what_the_stopped_call_had_written_stays_in_the_account() -> None:
    run = make_run(PDR)
    stop_when_asked(run, scripted(pauses=["draft-2"]), asked=3)
    cut = Call.objects.get(key="draft-2")

    continue_run(run=run)
    play(run)

    lane, again = run.lanes.get(), Call.objects.get(key="draft-2")
    assert cut.completion_tokens > 0
    assert (again.retries, again.abandoned_tokens, again.is_estimate) == (1, cut.completion_tokens, False)
    assert again.abandoned_prompt_tokens == cut.prompt_tokens > 0
    rows = Call.objects.values_list("prompt_tokens", "completion_tokens", "abandoned_tokens", "abandoned_prompt_tokens")
    assert lane.total_tokens == sum(sum(row) for row in rows)
    assert lane.wasted_tokens == cut.completion_tokens + cut.prompt_tokens


def test_a_run_may_be_stopped_and_continued_many_times() -> None:
    run = make_run(PDR)
    for _ in range(3):
        stop_when_asked(run, scripted(pauses=["draft-2"]), asked=1 if Call.objects.exists() else 3)
        assert continue_run(run=run) == 1

    play(run)

    restarts = Event.objects.filter(kind="call_restarted", body__call="draft-2")
    assert [event.body["retry"] for event in restarts] == [1, 2, 3]
    assert Event.objects.get(kind="call_finished", body__call="draft-2").body["retries"] == 3
    assert run.lanes.get().ruling == "right"


def test_a_failed_lane_asks_its_failed_call_again() -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}))
    play(run, scripted(faults={"refine-2": StreamCut("The line went dead.")}))
    before, second = run.status, scripted()

    continue_run(run=run)
    play(run, second)

    assert (before, run.status) == ("failed", "finished")
    assert keys(second) == ["refine-2"]


def test_a_call_that_broke_before_others_were_asked_stays_broken() -> None:
    run = make_run(PDR)
    first = scripted(faults={"draft-1": StreamCut("The line went dead.")}, pauses=["refine-1"])
    stop_when_asked(run, first, asked=5)
    second = scripted()

    continue_run(run=run)
    play(run, second)

    assert keys(second) == ["refine-1"]
    assert Call.objects.get(key="draft-1").state == "failed"


def test_lanes_that_were_never_started_just_start() -> None:
    run = make_run("direct", "self_consistency")
    cancel_run(run=run)

    assert continue_run(run=run) == 2
    play(run)

    assert run.status == "finished"
    assert Event.objects.filter(kind="lane_resumed").count() == 0


def test_viewers_of_a_continued_run_fetch_everything_anew() -> None:
    run = make_run("direct")
    play(run, scripted(faults={"draft-1": StreamCut("The line went dead.")}))
    before = stream.read_position(redis_now(), run.id)

    continue_run(run=run)
    play(run)

    assert stream.read_position(redis_now(), run.id).epoch not in ("", before.epoch)


def test_more_repeats_are_added_to_a_finished_run() -> None:
    run = play(make_run("direct", "self_consistency"))
    facts = list(Event.objects.filter(lane__isnull=False).values_list("id", flat=True))
    second = scripted()

    assert continue_run(run=run, repeats=3) == 4
    play(run, second)

    assert (run.status, run.repeats, run.lanes.count()) == ("finished", 3, 6)
    assert set(run.lanes.values_list("status", "ruling")) == {(Status.FINISHED, "right")}
    assert list(Event.objects.filter(id__in=facts).values_list("id", flat=True)) == facts
    assert len({(lane.row, lane.repeat, lane.column) for lane in Lane.objects.all()}) == 6
    seeds = Call.objects.filter(key="draft-1", lane__column=1).values_list("seed", flat=True)
    assert len(set(seeds)) == 3


def test_fewer_repeats_are_refused() -> None:
    run = play(make_run("direct", repeats=2))

    with pytest.raises(ValueError, match="2 repeats already"):
        continue_run(run=run, repeats=1)


def test_a_finished_run_has_nothing_to_continue() -> None:
    assert continue_run(run=play(make_run("direct"))) == 0


def test_the_time_between_stop_and_continue_is_nobodys() -> None:
    run = make_run(PDR)
    stop_when_asked(run, scripted(pauses=["draft-2"]), asked=3)
    worked = Lane.objects.get().seconds
    Run.objects.update(started_at="2026-01-01T00:00:00Z", ended_at="2026-01-01T00:00:01Z")

    continue_run(run=run)
    play(run)

    lane = Lane.objects.get()
    assert worked > 0.2
    assert worked <= lane.seconds < worked + 10
    assert not Call.objects.filter(ended_at_ms__gt=60_000).exists()


def test_a_program_continues_a_run_and_adds_repeats(client) -> None:
    run = make_run("direct", "self_consistency")
    play(run, scripted(faults={"draft-1": StreamCut("The line went dead.")}))
    address = f"/api/v1/runs/{run.id}/continue"

    answer = client.post(address, {"repeats": 2}, content_type="application/json").json()
    play(run)
    refused = client.post(address, {"repeats": 1}, content_type="application/json")
    nothing = client.post(address, content_type="application/json").json()

    assert (answer["status"], len(answer["lanes"])) == ("queued", 4)
    assert set(run.lanes.values_list("ruling", flat=True)) == {"right"}
    assert (refused.status_code, nothing["status"]) == (422, "finished")


def test_the_json_of_a_run_says_what_failures_cost(client) -> None:
    run = make_run(PDR)
    stop_when_asked(run, scripted(pauses=["draft-2"]), asked=3)
    continue_run(run=run)
    play(run, scripted(faults={"draft-2": StreamCut("The line went dead.")}))

    failures = client.get(f"/api/v1/runs/{run.id}").json()["failures"]

    abandoned = failures.pop("abandoned_tokens")
    assert abandoned > 0
    assert failures == {
        "attempts": 6, "retries": 1, "failed_calls": 1, "truncated_drafts": 0, "is_estimate": False, "takeovers": 1
    }  # fmt: skip


def test_a_person_asks_for_more_repeats(client) -> None:
    run = play(make_run("direct"))

    answer = client.post(f"/r/{run.id}/continue", {"repeats": "3"})

    assert answer.status_code == 302
    assert run.lanes.count() == 3
