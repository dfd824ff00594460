"""Which worker owns which lane: claimed, renewed and given up by the database's clock."""

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from webapp.runs.launching import ask_for_work, cancel_queued
from webapp.runs.models import Event, Lane, Run, Status
from webapp.runs.recording import announce
from workers.core.assignments import Assignment, LaneWork, Pulse, Recorded
from workers.core.events import LaneFailed, Ledger
from workers.core.lane import derive_seed
from workers.core.values import Usage

LEASE = timedelta(seconds=15)
HINT_AGAIN = timedelta(seconds=60)
MOST_CLAIMS = 4


def claim_work(lane_id: int) -> Assignment | None:
    """Take a lane that is free: queued, or left behind by a worker that died. None if somebody has it."""
    free = Q(status=Status.QUEUED) | Q(status=Status.RUNNING, lease_until__lt=Now())
    with transaction.atomic():
        claimed = Lane.objects.filter(free, pk=lane_id, run__cancel_requested_at=None).update(
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
    held = Lane.objects.filter(id__in=fences, status=Status.RUNNING)
    if renew:
        for lane_id, fence in fences.items():
            held.filter(pk=lane_id, fence=fence).update(lease_until=Now() + LEASE)
    now_held = dict(held.values_list("id", "fence"))
    lost = frozenset(lane for lane, fence in fences.items() if now_held.get(lane, fence) != fence)
    cancelled = Run.objects.filter(pk=run_id, cancel_requested_at__isnull=False).exists()
    return Pulse(cancelled, lost)


def give_up(run_id: str, fences: Mapping[int, int]) -> None:
    """Hand lanes over at once, for a worker that is told to stop."""
    for lane_id, fence in fences.items():
        Lane.objects.filter(pk=lane_id, fence=fence, status=Status.RUNNING).update(
            status=Status.QUEUED, lease_until=None
        )
    ask_for_work(run=Run.objects.get(pk=run_id))


def load_journal(lane_id: int) -> dict[str, Recorded]:
    """Return a lane's finished calls by key, in the order in which they ended."""
    facts = Event.objects.filter(lane_id=lane_id, kind__in=("call_started", "call_finished"))
    prompts: dict[str, str] = {}
    journal: dict[str, Recorded] = {}
    for body in facts.values_list("body", flat=True):
        if body["kind"] == "call_started":
            prompts[body["call"]] = body["prompt"]
            continue
        usage = Usage.model_validate(body["usage"])
        journal[body["call"]] = Recorded(
            prompts[body["call"]], body["text"], body["thinking"], body["finish_reason"], usage
        )
    return journal


def sweep() -> int:
    """Ask again for lanes that nobody works on; end those that killed their worker too often. Return how many."""
    left = Lane.objects.filter(status=Status.RUNNING, lease_until__lt=Now())
    for lane in left.filter(fence__gte=MOST_CLAIMS):
        error = f"The worker died {MOST_CLAIMS} times while it ran this lane; it is not tried again."
        announce(
            lane.run_id,
            [LaneFailed(lane=lane.pk, at=0, error=error, ledger=Ledger(), seconds=0.0)],
            fences={lane.pk: lane.fence},
        )
    forgotten = Q(status=Status.QUEUED) & (Q(hinted_at=None) | Q(hinted_at__lt=Now() - HINT_AGAIN))
    stale = Lane.objects.filter(forgotten | Q(status=Status.RUNNING, lease_until__lt=Now()))
    run_ids = set(stale.values_list("run_id", flat=True))
    Lane.objects.filter(status=Status.RUNNING, lease_until__lt=Now()).update(status=Status.QUEUED, lease_until=None)
    for run in Run.objects.filter(id__in=run_ids):
        if run.cancel_requested_at is not None:
            cancel_queued(run=run)
        else:
            ask_for_work(run=run)
    return len(run_ids)
