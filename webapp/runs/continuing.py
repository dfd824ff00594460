"""Take an ended run up again: lanes that were stopped or failed, and further repeats. Nothing is paid twice."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from redis.exceptions import RedisError

from webapp.runs.launching import MAX_LANES, ask_for_work
from webapp.runs.models import Call, Event, Lane, Run, Status
from webapp.runs.recording import redis_now, save_facts
from workers.core.events import CallRestarted
from workers.live import stream

_OUTCOMES = ("lane_finished", "lane_failed", "lane_cancelled", "answer_given", "verdict_reached", "draft_graded")


@transaction.atomic
def continue_run(*, run: Run, repeats: int | None = None) -> int:
    """Queue the lanes of an ended run that were stopped or failed once more, and those of further repeats.

    Finished calls are kept and answer from the journal; only what is missing is asked. Returns how many lanes wait;
    a run that is going is left alone. Raises ValueError if `repeats`, of the whole run, are fewer than there are or
    make too many lanes.
    """
    run = Run.objects.select_for_update().get(pk=run.pk)
    if not run.has_ended:
        return 0
    again = list(run.lanes.filter(status__in=(Status.CANCELLED, Status.FAILED)))
    repeats = run.repeats if repeats is None else repeats
    added = _add_repeats(run, repeats)
    if not again and not added:
        return 0
    _reopen(run, again)
    Event.objects.filter(run=run, lane=None, kind="run_ended").delete()
    # The run's clock stood still while the run was over: its age is the time in which something happened.
    Run.objects.filter(pk=run.pk).update(
        status=Status.QUEUED, started_at=F("started_at") + (Now() - F("ended_at")), ended_at=None,
        cancel_requested_at=None, repeats=repeats,
    )  # fmt: skip
    transaction.on_commit(lambda: _begin_anew(run))
    return len(again) + added


def _add_repeats(run: Run, repeats: int) -> int:
    if repeats < run.repeats:
        raise ValueError(f"The run has {run.repeats} repeats already; ask for more, not for {repeats}.")
    first = list(run.lanes.filter(repeat=1))
    if (lanes := len(first) * repeats) > MAX_LANES:
        raise ValueError(f"This run would have {lanes:,} lanes; the most is {MAX_LANES:,}.")
    new = [
        Lane(run=run, recipe_id=lane.recipe_id, problem_id=lane.problem_id, column=lane.column, row=lane.row,
             repeat=repeat)
        for repeat in range(run.repeats + 1, repeats + 1)
        for lane in first
    ]  # fmt: skip
    Lane.objects.bulk_create(new, batch_size=1000)
    return len(new)


def _reopen(run: Run, lanes: Sequence[Lane]) -> None:
    """Take back the ends of lanes, and of those calls of theirs that no later call was asked without."""
    facts = Event.objects.filter(lane__in=lanes)
    facts.filter(kind__in=_OUTCOMES).delete()
    Call.objects.filter(lane__in=lanes).update(ruling="")
    restarts: list[CallRestarted] = []
    begun = set(Call.objects.filter(lane__in=lanes).values_list("lane_id", flat=True).distinct())
    for lane in lanes:
        if lane.pk in begun:
            restarts += _reopen_calls(lane)
    Lane.objects.filter(id__in=[lane.pk for lane in lanes]).update(
        status=Status.QUEUED, fence=F("fence") + 1, started_at=None, ended_at=None, lease_until=None, deaths=0,
        hinted_at=None, answer=None, answer_note="", is_partial=False, stopped_by="", error="", ruling="",
        explanation="",
    )  # fmt: skip
    if restarts:
        save_facts(run.id, restarts, {lane.pk: lane.fence + 1 for lane in lanes}, {})


def _reopen_calls(lane: Lane) -> list[CallRestarted]:
    """Take back the ends of a lane's broken calls, as far as nothing was asked since; return them as given up.

    A call that broke before others were asked is part of what they were asked: it stays broken.
    """
    facts = list(lane.events.filter(kind__startswith="call_").values_list("id", "kind", "body"))
    last_start = max((number for number, kind, _ in facts if kind == "call_started"), default=0)
    ends = [
        (number, body)
        for number, kind, body in facts
        if kind in ("call_failed", "call_cancelled") and number > last_start
    ]
    lane.events.filter(id__in=[number for number, _ in ends]).delete()
    retries = dict(lane.call_rows.values_list("key", "retries"))
    return [_give_up(lane, body, retries[body["call"]] + 1) for _, body in ends]


def _give_up(lane: Lane, end: dict[str, Any], retry: int) -> CallRestarted:
    return CallRestarted(
        lane=lane.pk, at=end["at"], call=end["call"], retry=retry, error=end.get("error") or "The lane was stopped.",
        abandoned_tokens=end["usage"]["completion_tokens"], abandoned_prompt_tokens=end["usage"]["prompt_tokens"],
    )  # fmt: skip


def _begin_anew(run: Run) -> None:
    with suppress(RedisError):  # then its log is lost, or soon will be, without our help
        stream.forget(redis_now(), run.id)  # viewers see another epoch and fetch everything again
    ask_for_work(run=run)
