"""Save facts: the only place that writes events, and the rows that follow from them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from redis import Redis
from redis.exceptions import RedisError

from webapp.runs.models import ENDED, Call, Event, Lane, Prompt, Run, Status
from workers import metrics
from workers.core import events
from workers.core.assignments import Saved
from workers.core.errors import FencedOff
from workers.core.lane import SOLUTION_ROLES
from workers.core.ledger import CallState, GivenUp, Spent, sum_up
from workers.core.values import Usage
from workers.live import stream

log = structlog.get_logger(__name__)


@transaction.atomic
def save_facts(
    run_id: str, facts: Sequence[events.Event], fences: Mapping[int, int], prompts: Mapping[str, str]
) -> Saved:
    """Store facts and bring lanes, calls and run up to date.

    A fact that is stored already changes nothing. `fences` maps lane to the fence its writer holds: facts of a lane
    that somebody else has claimed since are refused by FencedOff, and nothing of the batch is stored.
    """
    _take_turn(run_id)
    _check_fences(facts, fences)
    # sorted: two workers that store the same prompts in another order would wait for each other
    Prompt.objects.bulk_create(
        [Prompt(digest=digest, messages=messages) for digest, messages in sorted(prompts.items())],
        ignore_conflicts=True,
    )
    fresh = _store(run_id, facts)
    _project(fresh)
    known = {} if len(fresh) == len(facts) else _find_known(facts, fresh)
    return Saved(end_run(run_id) if any(isinstance(fact, events.ENDINGS) for fact in fresh) else [], known)


def _take_turn(run_id: str) -> None:
    """Let one writer of a run commit after the other.

    So event ids rise as facts become visible, and no reader who asks for what came after an id misses one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [run_id])


def _check_fences(facts: Sequence[events.Event], fences: Mapping[int, int]) -> None:
    lane_ids = sorted({fact.lane for fact in facts})
    rows = Lane.objects.select_for_update(no_key=True).filter(id__in=lane_ids).order_by("id")
    held = {lane.pk: lane.fence for lane in rows.only("id", "fence")}
    if lost := [lane_id for lane_id in lane_ids if held.get(lane_id) != fences.get(lane_id)]:
        metrics.FENCED_WRITES.inc()
        raise FencedOff(lost)


# One statement, and JSON as it is: looking for the known ones first and Django's bulk_create took twice as long.
_STORE = """
INSERT INTO runs_event (run_id, lane_id, identity, kind, body)
SELECT %s, new.lane, new.identity, new.body->>'kind', new.body
FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (lane bigint, identity text, body jsonb)) WITH ORDINALITY
    AS new(lane, identity, body, place)
WHERE NOT EXISTS (SELECT FROM runs_event known WHERE known.lane_id = new.lane AND known.identity = new.identity)
ORDER BY new.place
RETURNING lane_id, identity
"""


def _store(run_id: str, facts: Sequence[events.Event]) -> list[events.Event]:
    """Store facts in their order; return those that were not there yet."""
    rows = (
        b'{"lane":%d,"identity":%b,"body":%b}' % (fact.lane, orjson.dumps(fact.identity), body)
        for fact, body in ((fact, fact.model_dump_json().encode()) for fact in facts)
    )
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [run_id, (b"[" + b",".join(rows) + b"]").decode()])
        stored = set(cursor.fetchall())
    return [fact for fact in facts if (fact.lane, fact.identity) in stored]


def _find_known(facts: Sequence[events.Event], fresh: Sequence[events.Event]) -> dict[tuple[int, str], events.Event]:
    """Return those of the facts that were there already, as they are stored."""
    wanted = {(fact.lane, fact.identity) for fact in facts} - {(fact.lane, fact.identity) for fact in fresh}
    rows = Event.objects.filter(
        lane_id__in={lane for lane, _ in wanted}, identity__in={identity for _, identity in wanted}
    ).values_list("lane_id", "identity", "body")
    return {
        (lane, identity): events.EVENTS.validate_python(body)
        for lane, identity, body in rows
        if (lane, identity) in wanted
    }


def end_run(run_id: str) -> list[events.Event]:
    """End the run if all its lanes have ended; return its last fact, once."""
    run = Run.objects.select_for_update().get(pk=run_id)
    statuses = set(run.lanes.values_list("status", flat=True))
    if run.has_ended or not statuses <= set(ENDED):
        return []
    if Status.CANCELLED in statuses:
        run.status = Status.CANCELLED
    else:
        run.status = Status.FINISHED if Status.FINISHED in statuses else Status.FAILED
    Run.objects.filter(pk=run_id).update(status=run.status, ended_at=Now())
    ended = events.RunEnded(lane=0, at=run.clock_ms(), status=run.status)
    log.info("run_ended", run=run_id, status=run.status)
    Event.objects.create(run=run, identity=ended.identity, kind=ended.kind, body=ended.model_dump(mode="json"))
    return [ended]


def announce(run_id: str, facts: Sequence[events.Event], *, fences: Mapping[int, int]) -> None:
    """Save and publish facts that did not come from a lane at work, e.g. that a queued lane was stopped."""
    following: Sequence[events.Event] = []
    if facts:
        following = save_facts(run_id, facts, fences, {}).following
    else:
        with transaction.atomic():
            _take_turn(run_id)
            following = end_run(run_id)
    if everything := [*facts, *following]:
        try:
            for entry in stream.encode(everything):
                stream.append_now(redis_now(), run_id, entry)
        except RedisError as error:  # the facts are stored; viewers lose their sockets too, and fetch everything anew
            log.warning("not_announced", run=run_id, error=type(error).__name__)


def end_from_outside(lane: Lane, ending: type[events.LaneFailed | events.LaneCancelled], **fields: Any) -> None:
    """End a lane that no worker runs, with what its calls cost; calls left open are told to have failed."""
    rows = list(lane.call_rows.all())
    at = lane.run.clock_ms()
    cut = [
        events.CallFailed(
            lane=lane.pk, at=at, call=row.key, error="The worker died while it was written.", text="", thinking="",
            usage=Usage(),
        )
        for row in rows
        if row.state == "running"
    ]  # fmt: skip
    seconds = max((row.ended_at_ms or 0 for row in rows), default=0) / 1000
    end = ending(lane=lane.pk, at=at, ledger=sum_up(_spent(row) for row in rows), seconds=seconds, **fields)
    announce(lane.run_id, [*cut, end], fences={lane.pk: lane.fence})


def _spent(row: Call) -> Spent:
    usage = Usage(
        prompt_tokens=row.prompt_tokens, completion_tokens=row.completion_tokens,
        reasoning_tokens=row.reasoning_tokens, cached_tokens=row.cached_tokens,
    )  # fmt: skip
    is_lost = row.role in SOLUTION_ROLES and (row.finish_reason == "length" or row.answer is None)
    is_wasted = row.state != "done" or is_lost
    state: CallState = "done" if row.state == "done" else "failed"
    given_up = GivenUp(row.retries, row.abandoned_tokens, row.abandoned_prompt_tokens)
    return Spent(row.key, tuple(row.after), usage, state, is_wasted, given_up)


@cache
def redis_now() -> Redis:
    """Return this process's client of the Redis server, for code that is not asynchronous."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5, **settings.REDIS_OVER_TCP)


# --- what follows from a fact ---------------------------------------------------------------------------------


def _project(facts: Sequence[events.Event]) -> None:
    """Bring rows up to date, kind by kind: in this order none undoes what an earlier one does to the same row."""
    by_kind: dict[type[events.EventBase], list[events.Event]] = {}
    for fact in facts:
        by_kind.setdefault(type(fact), []).append(fact)
    _start_calls(by_kind.pop(events.CallStarted, []))
    for restarted in by_kind.pop(events.CallRestarted, []):  # a try that broke comes before the one that ended
        _restart_call(restarted)
    _change_calls(_FINISH_CALLS, by_kind.pop(events.CallFinished, []))
    _change_calls(_GRADE_DRAFTS, by_kind.pop(events.DraftGraded, []))
    for kind, found in by_kind.items():
        if (project := _PROJECTIONS.get(kind)) is not None:
            for fact in found:
                project(fact)


def _start_calls(facts: Sequence[Any]) -> None:
    Call.objects.bulk_create(
        Call(
            lane_id=fact.lane, key=fact.call, role=fact.role, round=fact.round, prompt_id=fact.prompt,
            seed=fact.seed, after=list(fact.after), started_at_ms=fact.at,
        )
        for fact in facts
    )  # fmt: skip


# One statement for all calls of a flush: 256 drafts that end together took 256 of them, a third of a second.
_FINISH_CALLS = """
UPDATE runs_call SET
    state = 'done', ended_at_ms = new.at, first_token_at_ms = new.first_token_at, answer = new.answer,
    finish_reason = new.finish_reason, retries = new.retries,
    prompt_tokens = (new.usage->>'prompt_tokens')::int, completion_tokens = (new.usage->>'completion_tokens')::int,
    reasoning_tokens = (new.usage->>'reasoning_tokens')::int, cached_tokens = (new.usage->>'cached_tokens')::int
FROM jsonb_to_recordset(%s::jsonb) AS new(
    lane bigint, call text, at int, first_token_at int, answer text, finish_reason text, retries int, usage jsonb
)
WHERE runs_call.lane_id = new.lane AND runs_call.key = new.call
"""
_GRADE_DRAFTS = """
UPDATE runs_call SET ruling = new.ruling
FROM jsonb_to_recordset(%s::jsonb) AS new(lane bigint, call text, ruling text)
WHERE runs_call.lane_id = new.lane AND runs_call.key = new.call
"""


def _change_calls(statement: str, facts: Sequence[events.Event]) -> None:
    if facts:
        left_out = {"text", "thinking", "marks"}
        fields = b"[" + b",".join(fact.model_dump_json(exclude=left_out).encode() for fact in facts) + b"]"
        with connection.cursor() as cursor:
            cursor.execute(statement, [fields.decode()])


def _change_call(fact: events.CallEvent, **fields: Any) -> None:
    Call.objects.filter(lane_id=fact.lane, key=fact.call).update(**fields)


def _fail_call(fact: events.CallFailed) -> None:
    _change_call(fact, state="failed", ended_at_ms=fact.at, error=fact.error, **fact.usage.model_dump())


def _cancel_call(fact: events.CallCancelled) -> None:
    _change_call(fact, state="cancelled", ended_at_ms=fact.at, **fact.usage.model_dump())


def _restart_call(fact: Any) -> None:
    _change_call(
        fact, state="running", ended_at_ms=None, first_token_at_ms=None, error="", **Usage().model_dump(),
        retries=fact.retry, abandoned_tokens=F("abandoned_tokens") + fact.abandoned_tokens,
        abandoned_prompt_tokens=F("abandoned_prompt_tokens") + fact.abandoned_prompt_tokens,
        **({"is_estimate": True} if fact.is_estimate else {}),
    )  # fmt: skip


def _give_answer(fact: events.AnswerGiven) -> None:
    Lane.objects.filter(pk=fact.lane).update(
        answer=fact.answer, answer_note=fact.note[:200], is_partial=fact.is_partial
    )


def _reach_verdict(fact: events.VerdictReached) -> None:
    Lane.objects.filter(pk=fact.lane).update(ruling=fact.ruling, explanation=fact.explanation)


def _end_lane(status: Status, fact: events.LaneEnd, **fields: Any) -> None:
    ledger = fact.ledger
    Lane.objects.filter(pk=fact.lane).update(
        status=status, ended_at=Now(), lease_until=None, seconds=fact.seconds,
        prompt_tokens=ledger.prompt_tokens, completion_tokens=ledger.completion_tokens,
        total_tokens=ledger.total_tokens, critical_path_tokens=ledger.critical_path_tokens,
        calls=ledger.calls, depth=ledger.depth, peak_context=ledger.peak_context,
        wasted_tokens=ledger.wasted_tokens, **fields,
    )  # fmt: skip


def _finish_lane(fact: events.LaneFinished) -> None:
    _end_lane(Status.FINISHED, fact, stopped_by=fact.stopped_by)


def _fail_lane(fact: events.LaneFailed) -> None:
    _end_lane(Status.FAILED, fact, error=fact.error)


def _cancel_lane(fact: events.LaneCancelled) -> None:
    _end_lane(Status.CANCELLED, fact)


_PROJECTIONS: dict[type[events.EventBase], Callable[[Any], None]] = {
    events.CallFailed: _fail_call,
    events.CallCancelled: _cancel_call,
    events.AnswerGiven: _give_answer,
    events.VerdictReached: _reach_verdict,
    events.LaneFinished: _finish_lane,
    events.LaneFailed: _fail_lane,
    events.LaneCancelled: _cancel_lane,
}
