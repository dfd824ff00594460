"""The list of runs: filters from the address, a page at a time, three queries however many lanes there are."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum

from webapp.problems.models import Suite
from webapp.runs.models import Lane, Run, Status
from workers.strategies import catalog

PAGE = 25


class Filters(NamedTuple):
    """What the address asks for; empty means all."""

    status: str = ""
    strategy: str = ""
    suite: str = ""
    q: str = ""
    before: str = ""
    """Id of a run: only older ones."""

    @property
    def are_set(self) -> bool:
        """Say whether something narrows the list."""
        return any(self[:4])


class Column(NamedTuple):
    """One recipe of a run, over all its lanes."""

    title: str
    lanes: int
    right: int
    state: str
    """State of the only lane, or of all together; a name of `_state.html`."""
    label: str

    @property
    def counts(self) -> str:
        """Return `41/60` where there are several lanes."""
        return f"{self.right}/{self.lanes}" if self.lanes > 1 else ""


class Row(NamedTuple):
    """One run in the list."""

    run: Run
    state: str
    columns: list[Column]
    problems: int
    total_tokens: int
    critical_path_tokens: int
    """The longest of all lanes."""

    @property
    def seconds(self) -> float | None:
        """Return how long the run took, once it has ended."""
        run = self.run
        return (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else None


class Page(NamedTuple):
    """One page of the list."""

    rows: list[Row]
    filters: Filters
    next_before: str
    """Id of the last run, when there are older ones."""


_STATES = {
    Status.QUEUED: "queued",
    Status.RUNNING: "streaming",
    Status.FINISHED: "done",
    Status.FAILED: "failed",
    Status.CANCELLED: "pruned",
}


def read_filters(asked: Mapping[str, str]) -> Filters:
    """Return the filters in an address, as far as they mean something."""
    texts = {name: asked.get(name, "").replace("\x00", "").strip()[:200] for name in Filters._fields}
    if texts["status"] not in Status.values:
        texts["status"] = ""
    return Filters(**texts)


def list_runs(filters: Filters) -> Page:
    """Return the runs that match, newest first."""
    found = list(_matching(filters)[: PAGE + 1])
    shown = found[:PAGE]
    columns = _columns(shown)
    rows = [_row(run, columns.get(run.pk, [])) for run in shown]
    return Page(rows, filters, shown[-1].pk if len(found) > PAGE else "")


def filter_choices() -> dict[str, list[tuple[str, str]]]:
    """Return what each filter may be set to."""
    suites = Suite.objects.filter(runs__isnull=False).order_by("slug", "-version").distinct("slug")
    return {
        "status": [(status.value, status.label) for status in Status],
        "strategy": [(strategy.slug, strategy.title) for strategy in catalog().values()],
        "suite": [(suite.slug, suite.name) for suite in suites],
    }


def _matching(filters: Filters) -> QuerySet[Run]:
    runs = Run.objects.select_related("suite").order_by("-created_at", "-id")
    lanes = Lane.objects.filter(run=OuterRef("pk"))
    if filters.status:
        runs = runs.filter(status=filters.status)
    if filters.suite:
        runs = runs.filter(suite__slug=filters.suite)
    if filters.strategy:
        runs = runs.filter(Exists(lanes.filter(recipe__strategy=filters.strategy)))
    if filters.q:
        in_question = Exists(lanes.filter(problem__question__icontains=filters.q))
        runs = runs.filter(Q(title__icontains=filters.q) | in_question)
    last = (
        Run.objects.filter(pk=filters.before).values_list("created_at", flat=True).first() if filters.before else None
    )
    if last:
        runs = runs.filter(Q(created_at__lt=last) | Q(created_at=last, pk__lt=filters.before))
    return runs


def _columns(runs: list[Run]) -> dict[str, list[dict[str, Any]]]:
    """Return the recipes of each run, with sums over their lanes, in one query."""
    by_run: dict[str, list[dict[str, Any]]] = {}
    sums = (
        Lane.objects.filter(run__in=[run.pk for run in runs])
        .values("run_id", "column", "recipe__strategy")
        .order_by("run_id", "column")
        .annotate(
            lanes=Count("pk"),
            problems=Max("row"),
            right=Count("pk", filter=Q(ruling="right") & ~Q(status=Status.FAILED)),
            ended=Count("pk", filter=Q(ended_at__isnull=False)),
            ruling=Max("ruling"),
            status=Max("status"),
            total=Sum("total_tokens"),
            critical=Max("critical_path_tokens"),
        )
    )
    for column in sums:
        by_run.setdefault(column["run_id"], []).append(column)
    return by_run


def _row(run: Run, columns: list[dict[str, Any]]) -> Row:
    return Row(
        run=run,
        state=_STATES[Status(run.status)],
        columns=[_column(column) for column in columns],
        problems=max((column["problems"] for column in columns), default=0),
        total_tokens=sum(column["total"] for column in columns),
        critical_path_tokens=max((column["critical"] for column in columns), default=0),
    )


def _column(column: dict[str, Any]) -> Column:
    strategy = catalog().get(column["recipe__strategy"])
    title = strategy.title if strategy else column["recipe__strategy"]
    state, label = _state(column)
    return Column(title, column["lanes"], column["right"], state, f"{title}: {label}")


def _state(column: dict[str, Any]) -> tuple[str, str]:
    if column["lanes"] > 1:
        open_lanes = column["lanes"] - column["ended"]
        words = f"{column['right']} of {column['lanes']} right"
        return ("streaming", f"{words}, {open_lanes} open") if open_lanes else ("done", words)
    if column["ruling"] in ("right", "wrong", "unreadable") and column["status"] != Status.FAILED:
        return column["ruling"], column["ruling"]
    return _STATES[Status(column["status"])], Status(column["status"]).label.lower()
