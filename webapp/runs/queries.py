"""Read-only questions about runs."""

import json
import random
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from pydantic import BaseModel

from webapp.catalog.parameters import read_parameters
from webapp.catalog.queries import what_lanes_show
from webapp.corpora.queries import read_corpus
from webapp.runs.budgets import MOST_CALLS, MOST_TOKENS
from webapp.runs.models import ENDED, Call, Event, Lane, Recipe, Run
from workers.core.estimate import Estimate, estimate_cost
from workers.core.lane import SOLUTION_ROLES
from workers.core.values import Sampling
from workers.strategies import catalog

__all__ = [
    "ENDED",
    "View",
    "call_details",
    "estimate_recipe",
    "find_view",
    "has_ended",
    "run_facts",
    "what_failures_cost",
    "what_was_written",
]


class View(NamedTuple):
    """The lanes that one page shows."""

    lane_ids: frozenset[int]
    is_whole_run: bool
    is_matrix: bool
    """More than one problem or repeat, and none chosen."""


def find_view(run_id: str, row: int | None, repeat: int | None) -> View | None:
    """Return the lanes of one problem and repeat, or all lanes; None if there is no such run or problem."""
    places = list(Lane.objects.filter(run_id=run_id).values_list("id", "row", "repeat"))
    if row is None and repeat is None:
        several = len({place[1:] for place in places}) > 1
        chosen = [place[0] for place in places]
        return View(frozenset(chosen), is_whole_run=True, is_matrix=several) if chosen else None
    chosen = [lane_id for lane_id, *place in places if place == [row or 1, repeat or 1]]
    if not chosen:
        return None
    return View(frozenset(chosen), is_whole_run=len(chosen) == len(places), is_matrix=False)


def has_ended(run_id: str) -> bool:
    """Say whether nothing more will happen in the run."""
    return Run.objects.filter(pk=run_id, status__in=ENDED).exists()


def what_failures_cost(run_id: str) -> dict[str, Any]:
    """Return how many requests the run's calls took, and what was given up on the way, by the calls alone."""
    found = Call.objects.filter(lane__run=run_id).aggregate(
        calls=Count("id"),
        retries=Coalesce(Sum("retries"), 0),
        abandoned_tokens=Coalesce(Sum(F("abandoned_tokens") + F("abandoned_prompt_tokens")), 0),
        failed_calls=Count("id", filter=Q(state="failed")),
        truncated_drafts=Count("id", filter=Q(finish_reason="length", role__in=SOLUTION_ROLES)),
        estimates=Count("id", filter=Q(is_estimate=True)),
    )
    takeovers = Event.objects.filter(run=run_id, kind="lane_resumed").count()
    attempts = found.pop("calls") + found["retries"]
    is_estimate = found.pop("estimates") > 0
    return {**found, "attempts": attempts, "takeovers": takeovers, "is_estimate": is_estimate}


def run_facts(run: Run, view: View) -> dict[str, Any]:
    """Return what a run page knows before any event: the run, its problem, its lanes and what they will cost."""
    lanes: QuerySet[Lane] = (
        run.lanes.filter(id__in=view.lane_ids).select_related("recipe", "problem").order_by("column")
    )
    problem = lanes[0].problem
    return {
        "run": {
            "id": run.id,
            "title": run.title,
            "status": run.status,
            "created_at": run.created_at.isoformat(),
            "started_at": run.started_at and run.started_at.isoformat(),
            "ended_at": run.ended_at and run.ended_at.isoformat(),
            "seed": run.seed,
            "budget_tokens": run.budget_tokens,
            "budget_seconds": run.budget_seconds,
        },
        "problem": {"question": problem.question, "answer": problem.answer, "grader": problem.grader},
        "lanes": [describe_lane(lane, problem.question) for lane in lanes],
    }


def what_was_written(lane_id: int) -> QuerySet[Event, dict[str, Any]]:
    """Return the facts of a lane that hold text to read, in the order in which they were stored."""
    kinds = ("round_opened", "call_finished", "call_failed", "call_cancelled", "workspace_written", "note_taken")
    return Event.objects.filter(lane_id=lane_id, kind__in=kinds).values_list("body", flat=True)


def describe_lane(lane: Lane, question: str) -> dict[str, Any]:
    """Return a lane's place and recipe, in words and figures."""
    return {
        "id": lane.pk,
        "column": lane.column,
        "row": lane.row,
        "repeat": lane.repeat,
        "status": lane.status,
        **describe_recipe(lane.recipe, question),
    }


def describe_recipe(recipe: Recipe, question: str) -> dict[str, Any]:
    """Return a recipe in words, with what it will cost at most."""
    strategy = catalog()[recipe.strategy]
    params = strategy.params.model_validate(recipe.params)
    sampling = Sampling.model_validate(recipe.sampling)
    cost = estimate_recipe(
        strategy.slug, params.model_dump_json(), sampling, len(question.encode("utf-8", "replace")),
        MOST_CALLS, 2 * MOST_TOKENS,  # no lane may begin that is larger, but a recipe may be saved
    )  # fmt: skip
    return {
        "strategy": strategy.slug,
        "title": strategy.title,
        "short": strategy.short,
        "family": strategy.family,
        "describe": " · ".join([strategy.describe(params), *describe_models(recipe.models)]),
        "params": recipe.params,
        "sampling": recipe.sampling,
        "model": recipe.model,
        "shows": what_lanes_show(strategy.slug)._asdict(),
        "models": recipe.models,
        "estimate": cost._asdict(),
    }


def corpus_names(settings: type[BaseModel]) -> list[str]:
    """Return the settings that name a corpus."""
    return [parameter.name for parameter in read_parameters(settings) if parameter.kind == "corpus"]


def corpus_of(slug: str, params: Mapping[str, Any]) -> str | None:
    """Return the text of the corpus that a recipe names; None when it names none, or one that was deleted."""
    references = [params.get(name) for name in corpus_names(catalog()[slug].params)]
    return next((read_corpus(reference) for reference in references if reference), None)


def describe_models(models: Mapping[str, str]) -> list[str]:
    """Return in words which parts have a model of their own.

    >>> describe_models({"judge": "org/Big-8B"})
    ['judge by Big-8B']
    """
    return [f"{part.replace('_', ' ')} by {name.rsplit('/', 1)[-1]}" for part, name in models.items()]


@lru_cache(maxsize=8_192)
def estimate_recipe(  # noqa: PLR0913  # what the cost depends on
    slug: str, params: str, sampling: Sampling, question_bytes: int,
    most_calls: int | None = None, most_tokens: int | None = None,
) -> Estimate:  # fmt: skip
    """Return the cost of a recipe on a question of some size; what the question says changes nothing.

    Playing a lane of 256 drafts takes a tenth of a second, and fitting one plays it some 20 times, so it is remembered.
    """
    strategy = catalog()[slug]
    return async_to_sync(estimate_cost)(
        strategy, strategy.params.model_validate_json(params), question="x" * question_bytes, sampling=sampling,
        random=random.Random(0),  # any subset costs the same
        most_calls=most_calls, most_tokens=most_tokens, corpus=corpus_of(slug, json.loads(params)),
    )  # fmt: skip


def call_details(lane_id: int, key: str) -> dict[str, Any] | None:
    """Return the request behind a call: messages, sampling, and which calls used its text."""
    call = Call.objects.select_related("prompt", "lane__recipe").filter(lane_id=lane_id, key=key).first()
    if call is None:
        return None
    started = Event.objects.get(lane_id=lane_id, identity=f"CallStarted:{key}").body
    used_in = Call.objects.filter(lane_id=lane_id, after__contains=[key]).values_list("key", flat=True)
    return {
        "messages": json.loads(call.prompt.messages),
        "model": started.get("model") or call.lane.recipe.model,
        "sampling": {**call.lane.recipe.sampling, "max_tokens": started["max_tokens"], "seed": call.seed},
        "used_in": list(used_in),
    }
