"""Which worker owns which lane: claimed, renewed and given up by the database's clock."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from webapp.runs.launching import SUSPECT_DEATHS, ask_for_work, cancel_queued
from webapp.runs.models import Event, Lane, Run, Status
from webapp.runs.recording import end_from_outside, redis_now
from workers import metrics
from workers.core.assignments import Assignment, LaneWork, Pulse, Recorded
from workers.core.errors import FencedOff
from workers.core.events import LaneFailed
from workers.core.lane import derive_seed
from workers.core.values import Usage

LEASE = timedelta(seconds=15)
HINT_AGAIN = timedelta(seconds=10)
"""A lane that waits so long was forgotten, if no other hint waits in its queue; workers may just be busy."""
HINT_ANYWAY = timedelta(minutes=10)
MOST_DEATHS = 3


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
        lane = Lane.objects.select_related("recipe", "problem").get(pk=lane_id)
        Run.objects.filter(pk=lane.run_id, status=Status.QUEUED).update(status=Status.RUNNING)
        Run.objects.filter(pk=lane.run_id, started_at=None).update(started_at=Now())
    run = Run.objects.get(pk=lane.run_id)
    is_resumed = Event.objects.filter(lane=lane).exists()
    journal = load_journal(lane_id) if is_resumed else {}
    return Assignment(_describe(lane, run, is_resumed=is_resumed), journal, run.clock_ms())


def _describe(lane: Lane, run: Run, *, is_resumed: bool) -> LaneWork:
    recipe, problem = lane.recipe, lane.problem
    return LaneWork(
        lane=lane.pk,
        fence=lane.fence,
        is_resumed=is_resumed,
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
    )


def check_in(run_id: str, fences: Mapping[int, int], renew: bool) -> Pulse:  # noqa: FBT001
    """Renew the leases of a worker's lanes, if asked to, and tell it what changed."""
    lanes = Lane.objects.filter(id__in=fences)
    if renew:
        for lane_id, fence in fences.items():
            lanes.filter(pk=lane_id, fence=fence, status=Status.RUNNING).update(lease_until=Now() + LEASE)
    now_held = dict(lanes.values_list("id", "fence"))
    lost = frozenset(lane for lane, fence in fences.items() if now_held.get(lane, fence) != fence)
    cancelled = Run.objects.filter(pk=run_id, cancel_requested_at__isnull=False).exists()
    return Pulse(cancelled, lost)


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


def load_journal(lane_id: int) -> dict[str, Recorded]:
    """Return a lane's calls that ended, by key, in the order in which they did; failed ones fail again."""
    facts = Event.objects.filter(lane_id=lane_id, kind__in=("call_started", "call_finished", "call_failed"))
    prompts: dict[str, str] = {}
    journal: dict[str, Recorded] = {}
    for body in facts.values_list("body", flat=True):
        if body["kind"] == "call_started":
            prompts[body["call"]] = body["prompt"]
            continue
        usage = Usage.model_validate(body["usage"])
        journal[body["call"]] = Recorded(
            prompts[body["call"]],
            body["text"],
            body["thinking"],
            body.get("finish_reason"),
            usage,
            body.get("error", ""),
        )
    return journal


def sweep() -> int:
    """Ask again for lanes that nobody works on; end those that killed their worker too often. Return how many."""
    left = Lane.objects.filter(status=Status.RUNNING, lease_until__lt=Now()).select_related("run")
    taken = [lane for lane in left if _take_back(lane, _count_death(lane))]
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
    if lane.fence == fence and _take_back(lane, lane.deaths + 1):
        ask_again(lane.run_id, [lane_id])


def _take_back(lane: Lane, deaths: int) -> bool:
    """Take a lane from a worker that died; its fence rises, so that nothing it writes counts. Say whether it waits."""
    mine = Lane.objects.filter(pk=lane.pk, fence=lane.fence, status=Status.RUNNING, lease_until=lane.lease_until)
    if not mine.update(status=Status.QUEUED, fence=F("fence") + 1, deaths=deaths, lease_until=None):
        return False  # it has ended, or its worker renewed the lease
    lane.refresh_from_db(fields=["fence", "deaths"])
    if lane.deaths < MOST_DEATHS:
        return True
    error = f"The worker died {lane.deaths} times while it ran this lane; it is not tried again."
    with suppress(FencedOff):  # somebody was faster
        end_from_outside(lane, LaneFailed, error=error)
    return False
