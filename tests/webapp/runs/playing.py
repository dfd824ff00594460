"""Start runs and play their lanes with a scripted model, through the real database and Redis."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import connections
from redis.asyncio import Redis

from webapp.lib.patience import patient
from webapp.problems.models import Problem
from webapp.runs import claiming, recording
from webapp.runs.launching import RecipeSpec, start_run
from webapp.runs.models import Run
from workers.backends.scripted import ScriptedModel
from workers.core.model import Model
from workers.crew import Crew, Desk
from workers.live.publishing import Publisher
from workers.tasks import REDIS_OPTIONS

P = ParamSpec("P")
T = TypeVar("T")
SIX_SEVENS = {"draft": (r"It is \boxed{42}.",) * 64, "refine": (r"Still \boxed{42}.",) * 64, "distill": ("42.",) * 64}


def make_run(
    *recipes: str | tuple[str, Mapping[str, Any]], question: str = "What is 6 times 7?", **options: Any
) -> Run:
    """Create a run of one problem; a recipe is a strategy's slug, or a slug and parameters."""
    problem = Problem.objects.create(question=question, answer="42", grader="number")
    specs = [
        RecipeSpec(recipe, {}, "scripted", {})
        if isinstance(recipe, str)
        else RecipeSpec(recipe[0], dict(recipe[1]), "scripted", {})
        for recipe in recipes or ("direct",)
    ]
    return start_run(problems=[problem], recipes=specs, **{"seed": 1, **options})


def lane_ids(run: Run) -> list[int]:
    """Return the run's lanes in order."""
    return list(run.lanes.order_by("row", "repeat", "column").values_list("id", flat=True))


def scripted(replies: Mapping[str, Sequence[str]] = SIX_SEVENS, **options: Any) -> ScriptedModel:
    """Return a model that answers 42 to everything, unless told otherwise."""
    return ScriptedModel(replies, **options)


async def until(condition: Callable[[], object]) -> None:
    """Let other tasks run until `condition` holds; it depends on several of them."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def work(
    run: Run, ids: Sequence[int], model: Model, *, redis_url: str = "", patience_seconds: float = 0.0
) -> None:
    """Do what the Celery task does, with another model."""
    redis = Redis.from_url(redis_url or settings.REDIS_URL, **REDIS_OPTIONS)

    def endure(verb: Callable[P, T]) -> Callable[P, T]:
        return patient(verb, lambda: patience_seconds)

    desk = Desk(
        claim=endure(claiming.claim_work),
        check_in=endure(partial(claiming.check_in, run.id)),
        save=endure(partial(recording.save_facts, run.id)),
        give_up=endure(partial(claiming.give_up, run.id)),
        leave=connections.close_all,
    )
    try:
        await Crew(desk, model, Publisher(redis, run.id).publish, 64).work(ids)
    finally:
        await redis.aclose()


def play(run: Run, model: Model | None = None) -> Run:
    """Work on all lanes until they have ended, and return the run as it is then."""
    asyncio.run(work(run, lane_ids(run), model or scripted()))
    run.refresh_from_db()
    return run
