"""What a leaderboard reads: lanes counted in SQL, never one by one.

A lane counts when it finished and a grader ruled right, wrong or unreadable (an answer nobody can read solves nothing).
Every other lane is left out and said so: not graded, grader out of time, failed, cancelled, not ended yet.
A lane that its budget ended counts with the answer it had by then.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Aggregate, Case, Count, FloatField, Max, Q, QuerySet, Sum, Value, When

from webapp.board.statistics import Tally
from webapp.problems.models import Suite
from webapp.runs.models import ENDED, Lane, Recipe, Run, Status

COUNTED = Q(status=Status.FINISHED, ruling__in=("right", "wrong", "unreadable"))
EXCLUDED = {
    "ungraded": Q(status=Status.FINISHED, ruling__in=("", "ungraded")),
    "timeout": Q(status=Status.FINISHED, ruling="timeout"),
    "failed": Q(status=Status.FAILED),
    "cancelled": Q(status=Status.CANCELLED),
    "open": ~Q(status__in=ENDED),
}
"""Why a lane does not count; with COUNTED, every lane is in exactly one."""


class Median(Aggregate):
    """PostgreSQL's continuous median."""

    function = "PERCENTILE_CONT"
    name = "Median"
    output_field = FloatField()
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


class Medians(NamedTuple):
    """The middle of one recipe's lanes that count."""

    total: float = 0.0
    critical: float = 0.0
    seconds: float = 0.0


class RunBehind(NamedTuple):
    """A run that gave lanes to a row."""

    id: str
    title: str
    created_at: datetime
    lanes: int


class Result(NamedTuple):
    """Everything that one recipe did on one suite."""

    recipe: Recipe
    tallies: Mapping[int, Tally]
    """Problem to what became of it; only problems with a lane that counts."""
    lanes: int
    """Lanes that count."""
    partial: int
    """Those of them that their budget ended."""
    total: float
    """Mean tokens of a lane, as the next two."""
    critical: float
    seconds: float
    wasted_share: float
    """Tokens of failed and cancelled calls and of cut-off and unreadable drafts, as a share of all."""
    excluded: Mapping[str, int]
    """Reason to lanes; reasons with none are absent."""
    changed_at: datetime | None

    @property
    def excluded_lanes(self) -> int:
        """Return how many lanes are left out, whatever the reason."""
        return sum(self.excluded.values())


class Leader(NamedTuple):
    """A suite and model with lanes that count, and who leads."""

    suite_id: int
    model: str
    recipes: int
    complete: int
    """Recipes with a verdict on every problem."""
    recipe_id: int | None
    """None while no recipe is complete."""
    rate: float | None
    changed_at: datetime


def results_on(suite: Suite, model: str) -> list[Result]:
    """Return a result for every recipe with `model` that has lanes on the suite, in the order they first came.

    Four queries, whatever the number of lanes; one while nothing is new: lanes of runs that have ended do not change.
    """
    runs = tuple(suite.runs.order_by("id").values_list("id", "ended_at"))
    is_over = all(ended_at for _, ended_at in runs)
    return list(_count(suite, model, runs) if is_over else _count.__wrapped__(suite, model, runs))


@lru_cache(maxsize=8)
def _count(suite: Suite, model: str, runs: Sequence[tuple[str, datetime | None]]) -> Sequence[Result]:
    recipes = _recipes_on(suite).filter(model=model).in_bulk()
    lanes = lanes_of([run_id for run_id, _ in runs], recipes)
    tallies = defaultdict[int, dict[int, Tally]](dict)
    for recipe_id, problem_id, right, counted in _tallies(lanes):
        tallies[recipe_id][problem_id] = Tally(right, counted)
    sums = defaultdict[int, dict[str, dict[str, Any]]](dict)
    for row in _sums(lanes):
        sums[row["recipe_id"]][row["kind"]] = row
    return tuple(_result(recipes[recipe_id], tallies[recipe_id], kinds) for recipe_id, kinds in sums.items())


def _recipes_on(suite: Suite) -> QuerySet[Recipe]:
    """Return the columns of the suite's runs, by the lanes of each run's first problem."""
    return Recipe.objects.filter(lanes__run__suite=suite, lanes__row=1, lanes__repeat=1).distinct()


def lanes_of(run_ids: Iterable[str], recipe_ids: Iterable[int]) -> QuerySet[Lane]:
    """Return lanes by ids of runs and recipes alone.

    Joins to their tables cost ten times as much: for want of good figures PostgreSQL loops over all lanes of a recipe.
    """
    return Lane.objects.filter(run_id__in=list(run_ids), recipe_id__in=list(recipe_ids))


def _tallies(lanes: QuerySet[Lane]) -> QuerySet[Lane, tuple[int, int, int, int]]:
    return (
        lanes.filter(COUNTED)
        .order_by()
        .values_list("recipe_id", "problem_id")
        .annotate(right=Count("id", filter=Q(ruling="right")), counted=Count("id"))
    )


def _sums(lanes: QuerySet[Lane]) -> QuerySet[Lane, dict[str, Any]]:
    """Add lanes up by what became of them, asked once for each: a FILTER for every sum takes twice as long."""
    reasons = (When(condition, then=Value(reason)) for reason, condition in EXCLUDED.items())
    return (
        lanes.order_by("recipe_id")
        .values("recipe_id", kind=Case(When(COUNTED, then=Value("counted")), *reasons))
        .annotate(
            lanes=Count("id"),
            partial=Count("id", filter=Q(is_partial=True)),
            total=Sum("total_tokens"),
            critical=Sum("critical_path_tokens"),
            all_seconds=Sum("seconds"),
            wasted=Sum("wasted_tokens"),
            changed_at=Max("ended_at"),
        )
    )


_NONE = {"lanes": 0, "partial": 0, "total": 0, "critical": 0, "all_seconds": 0.0, "wasted": 0}


def _result(recipe: Recipe, tallies: Mapping[int, Tally], kinds: Mapping[str, Mapping[str, Any]]) -> Result:
    row = kinds.get("counted", _NONE)
    lanes = row["lanes"] or 1
    return Result(
        recipe=recipe,
        tallies=tallies,
        lanes=row["lanes"],
        partial=row["partial"],
        total=float(row["total"] / lanes),
        critical=float(row["critical"] / lanes),
        seconds=row["all_seconds"] / lanes,
        wasted_share=float(row["wasted"] / row["total"]) if row["total"] else 0.0,
        excluded={reason: kinds[reason]["lanes"] for reason in EXCLUDED if reason in kinds},
        changed_at=max((row["changed_at"] for row in kinds.values() if row["changed_at"]), default=None),
    )


def medians_on(suite: Suite, recipe_ids: Collection[int]) -> dict[int, Medians]:
    """Return the medians of recipes. Apart from the means: sorting the lanes costs several times as much."""
    rows = (
        lanes_of(suite.runs.values_list("id", flat=True), recipe_ids)
        .filter(COUNTED)
        .order_by()
        .values_list("recipe_id")
        .annotate(
            total=Median("total_tokens"), critical=Median("critical_path_tokens"), middle_seconds=Median("seconds")
        )
    )
    return {recipe_id: Medians(*figures) for recipe_id, *figures in rows}


def runs_behind(suite: Suite, recipe_id: int) -> list[RunBehind]:
    """Return the runs that gave lanes to a row, newest first."""
    rows = (
        Lane.objects.filter(run__suite=suite, recipe_id=recipe_id)
        .order_by("-run__created_at")
        .values_list("run_id", "run__title", "run__created_at")
        .annotate(Count("id"))
    )
    return [RunBehind(*row) for row in rows]


def models_on(suite: Suite) -> list[str]:
    """Return the models with lanes on the suite, the one of the newest run first."""
    used = Run.objects.filter(suite=suite, lanes__row=1, lanes__repeat=1).values_list("lanes__recipe__model")
    return [model for model, _ in used.annotate(newest=Max("created_at")).order_by("-newest", "lanes__recipe__model")]


_LEADERS = """
WITH tally AS (
    SELECT run.suite_id, lane.recipe_id, lane.problem_id,
           avg(CASE WHEN lane.ruling = 'right' THEN 1.0 ELSE 0.0 END) AS rate,
           max(lane.ended_at) AS changed_at
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE run.suite_id IS NOT NULL AND lane.status = 'finished' AND lane.ruling IN ('right', 'wrong', 'unreadable')
    GROUP BY 1, 2, 3
), row AS (
    SELECT tally.suite_id, recipe.model, tally.recipe_id, avg(rate) AS rate, max(changed_at) AS changed_at,
           count(*) >= (
               SELECT count(DISTINCT problem_id) FROM problems_suiteplace place WHERE place.suite_id = tally.suite_id
           ) AS is_complete
    FROM tally JOIN runs_recipe recipe ON recipe.id = tally.recipe_id
    GROUP BY 1, 2, 3
)
SELECT suite_id, model, count(*), count(*) FILTER (WHERE is_complete),
       (array_agg(recipe_id ORDER BY rate DESC, recipe_id) FILTER (WHERE is_complete))[1],
       max(rate) FILTER (WHERE is_complete), max(changed_at)
FROM row GROUP BY 1, 2 ORDER BY 7 DESC
"""


def leaders() -> list[Leader]:
    """Return every suite version and model with lanes that count, the one that changed last first."""
    with connection.cursor() as cursor:
        cursor.execute(_LEADERS)
        found = [Leader(*row) for row in cursor.fetchall()]
    return [leader._replace(rate=None if leader.rate is None else float(leader.rate)) for leader in found]
