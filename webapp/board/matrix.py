"""The matrix of a run with several problems: problems x recipes, filling as verdicts come."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.board.naming import RecipeName, name_recipes
from webapp.board.queries import COUNTED, EXCLUDED
from webapp.problems.models import SuitePlace
from webapp.runs.models import ENDED, Recipe, Run, Status

_RECENT = 40
"""Lanes that the pace is taken from: a run that was continued goes at today's pace."""
_SMALL = 1500
"""Cells that are drawn in less than half a second."""
_LEAST = 4
"""Ended lanes below which no end is foretold."""


class Square(NamedTuple):
    """One recipe on one problem, all repeats together."""

    column: int
    state: str
    """Glyph of the one lane; with repeats, of the worst news: failed before open before done."""
    word: str
    text: str
    """With repeats: how many are right, of those ruled."""


class MatrixLine(NamedTuple):
    """One problem."""

    number: int
    name: str
    question: str
    squares: list[Square]


class Column(NamedTuple):
    """One recipe."""

    name: RecipeName
    right: int
    counted: int
    total_tokens: int

    @property
    def accuracy(self) -> float | None:
        """Return the share of right lanes so far."""
        return self.right / self.counted if self.counted else None


class Progress(NamedTuple):
    """How far a run is."""

    lanes: int
    ended: int
    running: int
    again: int
    """Lanes that Continue would queue: stopped or failed."""
    failed: int
    seconds_left: float | None

    @property
    def percent(self) -> float:
        """Return the share of lanes that have ended."""
        return round(100 * self.ended / self.lanes, 1) if self.lanes else 0


class Matrix(NamedTuple):
    """Everything the page shows."""

    run: Run
    columns: list[Column]
    lines: list[MatrixLine]
    progress: Progress

    @property
    def poll_seconds(self) -> int:
        """Return how often the page asks for news: a large matrix is slow to draw."""
        return 2 if len(self.columns) * len(self.lines) <= _SMALL else 10


@require_safe
@vary_on_headers("HX-Request")
def run_matrix(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show a run's matrix; to a page that already shows it, only what is new: nothing, if nothing is."""
    run = get_object_or_404(Run.objects.select_related("suite"), pk=run_id)
    matrix = load_matrix(run)
    mark = _mark(matrix)
    is_poll = "seen" in request.GET and request.headers.get("HX-Request") == "true"
    if is_poll and request.GET["seen"] == mark:
        return HttpResponse(status=204)
    template = "board/_matrix.html" if is_poll else "board/matrix.html"
    return render(request, template, {"matrix": matrix, "run": run, "mark": mark, "repeats": range(1, run.repeats + 1)})


def _mark(matrix: Matrix) -> str:
    """Name this state of the matrix: it changes when a lane does, and every ten seconds for the time left."""
    progress, run = matrix.progress, matrix.run
    tick = 0 if run.has_ended else int(timezone.now().timestamp()) // 10
    return f"{run.status}-{progress.ended}-{progress.running}-{tick}"


def load_matrix(run: Run) -> Matrix:
    """Read a run's matrix: six queries, whatever its size."""
    cells = _count_cells(run)
    recipes = _recipes(run)
    names = name_recipes(recipes.values())
    columns = [_column(column, names[recipe.pk], cells) for column, recipe in recipes.items()]
    lines = [
        MatrixLine(row, name, question, [_square(cells[row, column], column) for column in recipes])
        for row, name, question in _problems(run)
    ]
    return Matrix(run, columns, lines, _progress(run, cells))


Counts = Mapping[str, Any]


def _count_cells(run: Run) -> dict[tuple[int, int], Counts]:
    counts = (
        run.lanes.order_by("row", "column")
        .values("row", "column")
        .annotate(
            lanes=Count("id"),
            counted=Count("id", filter=COUNTED),
            right=Count("id", filter=COUNTED & Q(ruling="right")),
            unreadable=Count("id", filter=COUNTED & Q(ruling="unreadable")),
            running=Count("id", filter=Q(status=Status.RUNNING)),
            tokens=Sum("total_tokens"),
            **{reason: Count("id", filter=condition) for reason, condition in EXCLUDED.items()},
        )
    )
    return {(cell["row"], cell["column"]): cell for cell in counts}


def _recipes(run: Run) -> dict[int, Recipe]:
    lanes = run.lanes.filter(row=1, repeat=1).select_related("recipe").order_by("column")
    return {lane.column: lane.recipe for lane in lanes}


def _problems(run: Run) -> list[tuple[int, str, str]]:
    lanes = run.lanes.filter(column=1, repeat=1).order_by("row").values_list("row", "problem_id", "problem__question")
    places = SuitePlace.objects.filter(suite_id=run.suite_id).values_list("problem_id", "name") if run.suite_id else []
    names = dict(places)
    return [(row, names.get(problem, ""), question) for row, problem, question in lanes]


def _square(cell: Counts, column: int) -> Square:
    state, word = _state(cell)
    text = f"{cell['right']}/{cell['counted']}" if cell["lanes"] > 1 else ""
    return Square(column, state, word, text)


def _state(cell: Counts) -> tuple[str, str]:
    """Return the glyph and the word for a cell; the first that holds wins."""
    waiting = cell["open"] - cell["running"]
    for holds, state, word in (
        (cell["running"], "streaming", "working"),
        (waiting, "queued", "waiting"),
        (cell["failed"], "failed", "failed"),
        (cell["cancelled"], "pruned", "stopped"),
        (cell["timeout"], "unreadable", "grader out of time"),
        (cell["ungraded"], "done", "not graded"),
        (cell["right"] == cell["counted"], "right", "right"),
        (cell["right"], "done", "partly right"),
        (cell["unreadable"], "unreadable", "unreadable"),
    ):
        if holds:
            return state, word
    return "wrong", "wrong"


def _column(column: int, name: RecipeName, cells: Mapping[tuple[int, int], Counts]) -> Column:
    mine = [cell for (_, place), cell in cells.items() if place == column]
    return Column(
        name,
        right=sum(cell["right"] for cell in mine),
        counted=sum(cell["counted"] for cell in mine),
        total_tokens=sum(cell["tokens"] or 0 for cell in mine),
    )


def load_progress(run: Run) -> Progress:
    """Read how far a run is."""
    return _progress(run, _count_cells(run))


def _progress(run: Run, cells: Mapping[tuple[int, int], Counts]) -> Progress:
    def total(name: str) -> int:
        return sum(cell[name] for cell in cells.values())

    lanes, still_open = total("lanes"), total("open")
    return Progress(
        lanes=lanes,
        ended=lanes - still_open,
        running=total("running"),
        again=total("failed") + total("cancelled"),
        failed=total("failed"),
        seconds_left=None if run.has_ended else _foretell(run, still_open),
    )


def _foretell(run: Run, still_open: int) -> float | None:
    """Return the seconds that the open lanes will take at the pace of the last ones."""
    ends = list(
        run.lanes.filter(status__in=ENDED, started_at__isnull=False)
        .order_by("-ended_at")
        .values_list("ended_at", flat=True)[:_RECENT]
    )
    span = ends[0] - ends[-1] if len(ends) >= _LEAST else timedelta(0)  # type: ignore[operator]  # ended lanes have a time
    return still_open * span.total_seconds() / (len(ends) - 1) if span else None
