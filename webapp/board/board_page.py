"""A leaderboard as it is shown: sections of rows, a chart, a table of paired tests."""

from collections.abc import Sequence
from typing import NamedTuple

from webapp.board import charts
from webapp.board.charts import IntervalDrawing, Point, Scatter
from webapp.board.drafts import DraftsFound, find_drafts
from webapp.board.filters import Filters
from webapp.board.queries import Medians, RunBehind, medians_on, models_on, results_on, runs_behind
from webapp.board.ranking import (
    Group,
    Pairs,
    Row,
    compare_all,
    difference_interval,
    find_detectable,
    group_rows,
    make_rows,
)
from webapp.problems.models import Suite

MATRIX_SIZE = 8
"""Recipes in the table of paired tests; more would not fit beside the board."""


class Line(NamedTuple):
    """A row and where its marks go."""

    row: Row
    ranks: str
    interval: IntervalDrawing
    total_width: float
    """Of the bar, in percent of the longest on the page."""
    critical_width: float
    is_chosen: bool


class Section(NamedTuple):
    """Rows under one heading."""

    title: str
    kind: str
    """`first`, `behind`, `provisional` or `flat` (sorted otherwise: no groups)."""
    lines: list[Line]


class Cell(NamedTuple):
    """One recipe against another in the table of paired tests."""

    text: str
    kind: str
    """`gain`, `win`, `p` or `self`."""
    title: str = ""


class MatrixRow(NamedTuple):
    """One recipe against all."""

    label: str
    cells: list[Cell]


class Board(NamedTuple):
    """Everything a leaderboard's page and its downloads show."""

    suite: Suite
    suite_problems: int
    model: str
    models: list[str]
    filters: Filters
    rows: list[Row]
    """All rows, filtered or not, the most accurate first."""
    shown: list[Row]
    groups: list[Group]
    """Of the complete rows that are shown."""
    pairs: Pairs
    waiting: int
    """Recipes with no lane that counts yet."""

    @property
    def chosen(self) -> Row | None:
        """Return the row that the address names."""
        return next((row for row in self.rows if row.id == self.filters.recipe), None)


def load_board(suite: Suite, filters: Filters) -> Board:
    """Read a leaderboard, with the newest model where the address names none."""
    models = models_on(suite)
    model = filters.model or (models[0] if models else "")
    problems = frozenset(suite.places.values_list("problem_id", flat=True))
    results = results_on(suite, model)
    rows = make_rows(results, problems=problems)
    pairs = compare_all(rows)
    shown = filters.keep(rows)
    ranked = [row for row in rows if row in shown]
    return Board(
        suite, len(problems), model, models, filters, rows, shown, group_rows(ranked, pairs), pairs,
        waiting=len(results) - len(rows),
    )  # fmt: skip


def make_sections(board: Board) -> list[Section]:
    """Return the table: groups that are tied, or one flat list when sorted otherwise; provisional rows last."""
    lines = _lines(board)
    provisional = [lines[row.id] for row in board.shown if not row.is_complete]
    if board.filters.sort:
        sections = [Section("", "flat", [lines[row.id] for row in board.shown if row.is_complete])]
    else:
        sections = [
            Section(_heading(group, alone=len(board.groups) == 1), "behind" if group.number > 1 else "first",
                    [lines[row.id] for row in group.rows])
            for group in board.groups
        ]  # fmt: skip
    title = f"Provisional. No verdict yet on some of the suite's {board.suite_problems} problems; not ranked."
    return [section for section in [*sections, Section(title, "provisional", provisional)] if section.lines]


def _heading(group: Group, *, alone: bool) -> str:
    if len(group.rows) == 1:
        if alone:
            return "The only recipe that is ranked here."
        return "First. Paired tests separate it from every other." if group.number == 1 else "Behind the leader."
    if group.number == 1:
        return "Tied for first. Paired tests do not separate these recipes from the leader."
    return "Tied. Behind the leader, not separable from the first row of this group."


def bounds_of(board: Board) -> tuple[int, int]:
    """Return the percents between which all intervals of the table are drawn."""
    return charts.accuracy_bounds([row.interval for row in board.shown])


def longest_of(board: Board) -> float:
    """Return the tokens that the longest bar of the table stands for."""
    return max((row.result.total for row in board.shown), default=0) or 1


def _lines(board: Board) -> dict[int, Line]:
    bounds, longest = bounds_of(board), longest_of(board)
    ranks = {row.id: group.ranks for group in board.groups for row in group.rows}
    return {
        row.id: Line(
            row,
            ranks.get(row.id, "–"),
            charts.draw_interval(row.accuracy, row.interval, bounds),
            round(100 * row.result.total / longest, 1),
            round(100 * row.result.critical / longest, 1),
            row.id == board.filters.recipe,
        )
        for row in board.shown
    }


def make_chart(board: Board) -> Scatter:
    """Return accuracy against the tokens of the axis that the address names."""
    by_total = board.filters.axis == "total"
    return charts.draw_scatter([
        Point(
            row.id,
            row.label,
            row.result.total if by_total else row.result.critical,
            row.accuracy,
            row.interval,
            row.is_complete,
        )
        for row in board.shown
    ])  # fmt: skip


def make_matrix(board: Board) -> list[MatrixRow]:
    """Return the best ranked recipes against each other: gains above the diagonal, p-values below."""
    best = [row for group in board.groups for row in group.rows][:MATRIX_SIZE]
    return [
        MatrixRow(one.label, [_cell(one, other, board.pairs, above=at > place) for at, other in enumerate(best)])
        for place, one in enumerate(best)
    ]


def _cell(one: Row, other: Row, pairs: Pairs, *, above: bool) -> Cell:
    if one.id == other.id:
        return Cell("·", "self")
    pair = pairs[one.id, other.id]
    if not above:
        return Cell(_p_text(pair.p_value), "p", f"{one.label} and {other.label}: adjusted p = {pair.p_value:.4f}")
    low, high = difference_interval(one, other)
    return Cell(
        f"{pair.gain:+.0f}",
        "win" if pair.is_separable else "gain",
        f"{one.label} does better on {pair.only_first} problems, {other.label} on {pair.only_second}; "
        f"difference {100 * pair.gain / one.problems:+.1f} points, 95 % {100 * low:+.0f} to {100 * high:+.0f} "
        f"(paired bootstrap); adjusted p = {pair.p_value:.4f}",
    )


def _p_text(p_value: float) -> str:
    if p_value < 0.001:
        return "<.001"
    return "1" if p_value >= 0.9995 else f"{p_value:.3f}".removeprefix("0")


class Behind(NamedTuple):
    """Where a row's numbers come from."""

    row: Row
    medians: Medians
    drafts: DraftsFound
    runs: Sequence[RunBehind]
    left_out: list[str]


REASONS = {
    "ungraded": "not graded",
    "timeout": "grader out of time",
    "failed": "failed",
    "cancelled": "stopped",
    "open": "not ended yet",
}


def look_behind(board: Board) -> Behind | None:
    """Return what stands behind the chosen row."""
    row = board.chosen
    if row is None:
        return None
    left_out = [f"{count} {REASONS[reason]}" for reason, count in row.result.excluded.items()]
    medians = medians_on(board.suite, [row.id]).get(row.id, Medians())
    return Behind(row, medians, find_drafts(board.suite, row.id), runs_behind(board.suite, row.id), left_out)


def detectable_points(board: Board) -> float | None:
    """Return in points of accuracy what a paired test on this board can show."""
    found = find_detectable([row for row in board.rows if row.is_complete], board.pairs)
    return None if found is None else 100 * found
