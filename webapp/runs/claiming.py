"""Which worker owns which lane: claimed, renewed and given up by the database's clock."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce, Now

from webapp.runs.launching import SUSPECT_DEATHS, ask_for_work, cancel_queued
from webapp.runs.losses import find_losses
from webapp.runs.models import Event, Lane, Run, Status
from webapp.runs.queries import corpus_of
from webapp.runs.recording import announce, end_from_outside, redis_now
from workers import metrics
from workers.core.asking import derive_seed
from workers.core.assignments import Assignment, LaneWork, Pulse, Recorded
from workers.core.errors import FencedOff
from workers.core.events import CallRestarted, LaneFailed
from workers.core.ledger import NEVER, GivenUp
from workers.core.values import Odds, Usage

LEASE = timedelta(seconds=8)
"""Renewed every 2 s by workers, so that a database may be silent for 5 s and no lane is taken from its worker."""
HINT_AGAIN = timedelta(seconds=10)
"""A lane that waits so long was forgotten, if no other hint waits in its queue; workers may just be busy."""
HINT_ANYWAY = timedelta(minutes=10)
MOST_DEATHS = 3


class Journal(NamedTuple):
    """What workers before have left of a lane."""

    is_begun: bool
    calls: dict[str, Recorded]
    """Those that ended, by key, in the order in which they did."""
    given_up: dict[str, GivenUp]
    worked_ms: int


def claim_work(lane_id: int, *, alone: bool = False) -> Assignment | None:
    """Take a lane that waits. None if somebody has it, nobody wants it any more, or it is to run `alone` and shall not.

    A process may die of any of its lanes. One that was there twice is given only to a process that has no other.
    """
    waiting = Lane.objects.filter(pk=lane_id, status=Status.QUEUED)
    if not alone:
        waiting = waiting.filter(deaths__lt=SUSPECT_DEATHS)
    # The run is looked at by EXISTS: a join would make PostgreSQL check the status in a sub-select, and a second
    # claim that waited for the first one's lock would pass.
    is_wanted = Exists(Run.objects.filter(pk=OuterRef("run_id"), cancel_requested_at=None))
    with transaction.atomic():
        claimed = waiting.filter(is_wanted).update(
            status=Status.RUNNING, fence=F("fence") + 1, lease_until=Now() + LEASE, started_at=Now()
        )
        if not claimed:
            return None
        lane = Lane.objects.select_related("recipe", "problem", "run").get(pk=lane_id)
        if lane.run.status == Status.QUEUED:
            Run.objects.filter(pk=lane.run_id, status=Status.QUEUED).update(
                status=Status.RUNNING, started_at=Coalesce("started_at", Now())
            )
            lane.run.refresh_from_db()
    before = load_journal(lane_id)
    return Assignment(_describe(lane, before), before.calls, lane.run.clock_ms())


def _describe(lane: Lane, before: Journal) -> LaneWork:
    run, recipe, problem = lane.run, lane.recipe, lane.problem
    return LaneWork(
        lane=lane.pk,
        fence=lane.fence,
        is_resumed=before.is_begun,
        strategy=recipe.strategy,
        params=recipe.params,
        model_name=recipe.model,
        sampling=recipe.sampling,
        question=problem.question,
        reference=problem.answer,
        grader=problem.grader,
        grader_input=problem.grader_input,
        seed=derive_seed(run.seed, f"{lane.row}.{lane.repeat}.{lane.column}"),
        budget_tokens=run.budget_tokens,
        budget_seconds=run.budget_seconds,
        given_up=before.given_up,
        worked_ms=before.worked_ms,
        models=recipe.models,
        corpus=corpus_of(recipe.strategy, recipe.params),
        settle=recipe.settle,
    )


def check_in(run_id: str, fences: Mapping[int, int], renew: bool) -> Pulse:  # noqa: FBT001
    """Renew the leases of a worker's lanes, if asked to, and tell it what changed."""
    if renew:
        with connection.cursor() as cursor:
            cursor.execute(_RENEW, [LEASE.total_seconds(), json.dumps(fences)])
    now_held = dict(Lane.objects.filter(id__in=fences).values_list("id", "fence"))
    lost = frozenset(lane for lane, fence in fences.items() if now_held.get(lane) != fence)
    cancelled = Run.objects.filter(pk=run_id, cancel_requested_at__isnull=False).exists()
    return Pulse(cancelled, lost)


# One statement: a worker may hold 64 lanes of a run.
_RENEW = """
UPDATE runs_lane SET lease_until = now() + make_interval(secs => %s)
FROM jsonb_each_text(%s::jsonb) AS held(lane, fence)
WHERE runs_lane.id = held.lane::bigint AND runs_lane.fence = held.fence::int AND status = 'running'
"""


def give_up(run_id: str, fences: Mapping[int, int]) -> None:
    """Hand lanes over at once, for a worker that is told to stop."""
    for lane_id, fence in fences.items():
        Lane.objects.filter(pk=lane_id, fence=fence, status=Status.RUNNING).update(
            status=Status.QUEUED, lease_until=None
        )
    ask_again(run_id, list(fences))


def ask_again(run_id: str, lane_ids: Sequence[int]) -> None:
    """Send the hint for those of the lanes that still wait."""
    ask_for_work(run=Run.objects.get(pk=run_id), lane_ids=lane_ids)


def load_journal(lane_id: int) -> Journal:
    """Return what workers before have left of a lane; failed calls are part of it and fail again."""
    prompts: dict[str, str] = {}
    calls: dict[str, Recorded] = {}
    given_up: dict[str, GivenUp] = {}
    facts = list(Event.objects.filter(lane_id=lane_id).values_list("kind", "body"))
    for kind, body in facts:
        if kind == "call_started":
            prompts[body["call"]] = body["prompt"]
        elif kind == "call_restarted":
            before = given_up.get(body["call"], NEVER)
            given_up[body["call"]] = GivenUp(
                body["retry"],
                before.tokens + body["abandoned_tokens"],
                before.prompt_tokens + body.get("abandoned_prompt_tokens", 0),  # older facts have none
            )
        elif kind in ("call_finished", "call_failed"):
            calls[body["call"]] = _recall(prompts[body["call"]], body)
    return Journal(bool(facts), calls, given_up, _measure_work(facts))


def _recall(prompt: str, body: dict[str, Any]) -> Recorded:
    odds = body.get("odds")
    return Recorded(
        prompt, body["text"], body["thinking"], body.get("finish_reason"), Usage.model_validate(body["usage"]),
        body.get("error", ""), body.get("stopped_by", ""), Odds.model_validate(odds) if odds else None,
    )  # fmt: skip


def _measure_work(facts: Sequence[tuple[str, dict[str, Any]]]) -> int:
    """Return how many milliseconds workers spent on a lane; what passed between two of them does not count."""
    worked, began, last = 0, 0, 0
    for kind, body in facts:
        if kind in ("lane_started", "lane_resumed"):
            worked, began, last = worked + last - began, body["at"], body["at"]
        elif not body.get("is_estimate"):  # what a dead worker lost is told only when that is noticed
            last = max(last, body["at"])
    return worked + last - began


def sweep() -> int:
    """Ask again for lanes that nobody works on; end those that killed their worker too often. Return how many."""
    left = list(Lane.objects.filter(status=Status.RUNNING, lease_until__lt=Now()).select_related("run"))
    losses = find_losses(left)
    taken = [lane for lane in left if _take_back(lane, _count_death(lane), losses[lane.pk])]
    stale = Lane.objects.filter(Q(id__in=[lane.pk for lane in taken]) | _is_forgotten(), status=Status.QUEUED)
    lane_ids = defaultdict[str, list[int]](list)
    for run_id, lane_id in stale.values_list("run_id", "id"):
        lane_ids[run_id].append(lane_id)
    metrics.SWEEPS.inc()
    metrics.LANES_SWEPT.labels("lease_ran_out").inc(len(taken))
    metrics.LANES_SWEPT.labels("waited").inc(sum(map(len, lane_ids.values())) - len(taken))
    for run in Run.objects.filter(id__in=lane_ids):
        if run.cancel_requested_at is not None:
            cancel_queued(run=run)
        else:
            ask_for_work(run=run, lane_ids=lane_ids[run.pk])
    return len(lane_ids)


def _is_forgotten() -> Q:
    forgotten = Q(hinted_at=None) | Q(hinted_at__lt=Now() - HINT_ANYWAY) | Q(run__cancel_requested_at__isnull=False)
    for queue, is_its_run in (("runs", Q(run__suite=None)), ("suites", Q(run__suite__isnull=False))):
        if not redis_now().llen(queue):  # the broker keeps a queue as a list of that name
            forgotten |= is_its_run & Q(hinted_at__lt=Now() - HINT_AGAIN)
    return forgotten


def _count_death(lane: Lane) -> int:
    """Return how many deaths stand against a lane whose worker let its lease run out.

    It may have been any of the worker's lanes, or none, so this makes no more than a suspect; and a lane that got on
    since it was claimed is none.
    """
    claimed_at_ms = lane.run.clock_ms(lane.started_at)
    has_moved = lane.call_rows.filter(state="done", ended_at_ms__gt=claimed_at_ms).exists()
    return 1 if has_moved else min(lane.deaths + 1, SUSPECT_DEATHS)


def find_fence(lane_id: int) -> int:
    """Return how often the lane was claimed or taken back."""
    return Lane.objects.values_list("fence", flat=True).get(pk=lane_id)


def blame(lane_id: int, fence: int) -> None:
    """Take a lane back from a process that died of it: it held this fence, and no other lane."""
    lane = Lane.objects.select_related("run").get(pk=lane_id)
    if lane.fence == fence and _take_back(lane, lane.deaths + 1, find_losses([lane])[lane_id]):
        ask_again(lane.run_id, [lane_id])


def _take_back(lane: Lane, deaths: int, losses: Sequence[CallRestarted]) -> bool:
    """Take a lane from a worker that died; its fence rises, so that nothing it writes counts. Say whether it waits."""
    mine = Lane.objects.filter(pk=lane.pk, fence=lane.fence, status=Status.RUNNING, lease_until=lane.lease_until)
    if not mine.update(fence=F("fence") + 1, deaths=deaths, lease_until=Now() + LEASE):
        return False  # it has ended, or its worker renewed the lease
    lane.refresh_from_db(fields=["fence", "deaths"])
    if losses:  # told before anybody can claim the lane, and go on counting
        announce(lane.run_id, losses, fences={lane.pk: lane.fence})
    if lane.deaths < MOST_DEATHS:
        ours = Lane.objects.filter(pk=lane.pk, fence=lane.fence, status=Status.RUNNING)
        return bool(ours.update(status=Status.QUEUED, lease_until=None))
    error = f"The worker died {lane.deaths} times while it ran this lane; it is not tried again."
    with suppress(FencedOff):  # somebody was faster
        end_from_outside(lane, LaneFailed, error=error)
    return False
