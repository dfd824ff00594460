"""Builders of suites and lanes that have already happened. The figures are made up, and stay in the tests."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from webapp.problems.models import Problem, Suite, SuitePlace
from webapp.runs.models import ENDED, Call, Lane, Prompt, Recipe, Run, Status

_numbers = count(1)


def make_suite(problems: int = 4, *, slug: str = "sums", version: int = 1, name: str = "Sums") -> Suite:
    suite = Suite.objects.create(slug=slug, version=version, name=name)
    made = Problem.objects.bulk_create(
        Problem(question=f"What is {number} + 1?", answer=str(number + 1)) for number in range(1, problems + 1)
    )
    SuitePlace.objects.bulk_create(
        SuitePlace(suite=suite, problem=problem, position=place, name=f"sum-{place}")
        for place, problem in enumerate(made, 1)
    )
    return suite


def make_recipe(strategy: str = "direct", *, model: str = "tiny", **params: Any) -> Recipe:
    return Recipe.objects.create(
        strategy=strategy,
        params=params,
        model=model,
        sampling={"temperature": 0.8, "top_p": 0.95, "max_tokens": 512},
        fingerprint=f"test-{next(_numbers)}",
    )


def make_run(suite: Suite | None, *, status: str = Status.FINISHED, repeats: int = 1, title: str = "Sums, v1") -> Run:
    now = timezone.now()
    return Run.objects.create(
        suite=suite, title=title, seed=1, status=status, repeats=repeats, started_at=now,
        ended_at=now if status in ENDED else None,
    )  # fmt: skip


def add_lanes(
    run: Run, recipe: Recipe, rulings: Sequence[str], *, column: int = 1, repeat: int = 1, **fields: Any
) -> list[Lane]:
    """Add a lane per ruling, on the problems of the run's suite in order.

    A ruling that is a status (`failed`, `queued`, …) makes a lane of that status without a verdict.
    """
    assert run.suite
    places = list(run.suite.places.select_related("problem"))
    return Lane.objects.bulk_create(
        _lane(run, recipe, places[row - 1].problem, ruling, row=row, column=column, repeat=repeat, **fields)
        for row, ruling in enumerate(rulings, 1)
    )


def add_drafts(lane: Lane, *rulings: str) -> None:
    """Add a draft for each ruling; empty: the grader did not rule on it."""
    prompt, _ = Prompt.objects.get_or_create(digest="0" * 64, defaults={"messages": "[]"})
    Call.objects.bulk_create(
        Call(lane=lane, key=f"draft-{place}", role="draft", round=1, prompt=prompt, seed=1, started_at_ms=0,
             state="done", ruling=ruling)
        for place, ruling in enumerate(rulings, 1)
    )  # fmt: skip


def _lane(run: Run, recipe: Recipe, problem: Problem, ruling: str, **fields: Any) -> Lane:
    status = ruling if ruling in Status.values else Status.FINISHED
    now = timezone.now() + timedelta(seconds=fields["row"])
    usual = {
        "status": status,
        "ruling": "" if ruling in Status.values else ruling,
        "started_at": None if status == Status.QUEUED else now,
        "ended_at": now if status in ENDED else None,
        "total_tokens": 400,
        "critical_path_tokens": 100,
        "wasted_tokens": 40,
        "seconds": 2.0,
    }
    return Lane(run=run, recipe=recipe, problem=problem, **(usual | fields))
