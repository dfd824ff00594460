"""A leaderboard as a file: CSV for spreadsheets, JSON with everything."""

import csv
import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from webapp.board.board_page import Board, load_board
from webapp.board.filters import read_filters
from webapp.board.queries import EXCLUDED, Medians, medians_on
from webapp.board.ranking import Group, Row
from webapp.board.views import find_versions, pick_version

METHOD = {
    "counted": "Finished lanes ruled right, wrong or unreadable; unreadable counts as not right.",
    "accuracy": "Mean over problems of the share of right lanes.",
    "interval": "Wilson, 95 %, at the effective number of problems (problems are clusters of their repeats).",
    "paired_tests": "Exact McNemar; with repeats the exact sign-flip test, which it is a case of. Two-sided.",
    "correction": "Holm, over all pairs of ranked recipes of this suite version and model.",
    "tokens": "Mean and median over the lanes that count.",
}


@require_safe
def leaderboard_csv(request: HttpRequest, suite_slug: str) -> HttpResponse:
    """Return the rows that the page shows, as CSV that no spreadsheet takes for formulas."""
    board = _load(request, suite_slug)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{_file_name(board)}.csv"'
    writer = csv.writer(response, quoting=csv.QUOTE_ALL)
    records = [_flat(record) for record in rows_as_records(board)]
    writer.writerow(_COLUMNS)
    writer.writerows([defuse(record[name]) for name in _COLUMNS] for record in records)
    return response


@require_safe
def leaderboard_json(request: HttpRequest, suite_slug: str) -> HttpResponse:
    """Return the rows and the paired tests, with how they were computed."""
    board = _load(request, suite_slug)
    response = JsonResponse(board_as_record(board), json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{_file_name(board)}.json"'
    return response


def _load(request: HttpRequest, suite_slug: str) -> Board:
    suite = pick_version(find_versions(suite_slug), request.GET.get("version", ""))
    return load_board(suite, read_filters(request.GET))


def _file_name(board: Board) -> str:
    return f"{board.suite.slug}-v{board.suite.version}"


def board_as_record(board: Board) -> dict[str, Any]:
    """Return a board as plain values for JSON."""
    shown = {row.id for row in board.shown}
    return {
        "suite": board.suite.slug,
        "version": board.suite.version,
        "problems": board.suite_problems,
        "model": board.model,
        "method": METHOD,
        "rows": rows_as_records(board),
        "pairs": [
            {
                "first": first,
                "second": second,
                "gain_problems": pair.gain,
                "only_first": pair.only_first,
                "only_second": pair.only_second,
                "adjusted_p": pair.p_value,
            }
            for (first, second), pair in board.pairs.items()
            if first < second and {first, second} <= shown
        ],
    }


def rows_as_records(board: Board) -> list[dict[str, Any]]:
    """Return the rows that are shown, in their order."""
    ranks = {row.id: group for group in board.groups for row in group.rows}
    medians = medians_on(board.suite, [row.id for row in board.shown])
    return [_record(row, ranks.get(row.id), medians[row.id], board) for row in board.shown]


def _record(row: Row, group: Group | None, medians: Medians, board: Board) -> dict[str, Any]:
    result = row.result
    return {
        "rank_first": group.first if group else None,
        "rank_last": group.last if group else None,
        "recipe": row.id,
        "name": str(row.name.saved or ""),
        "strategy": result.recipe.strategy,
        "params": result.recipe.params,
        "model": result.recipe.model,
        "models": result.recipe.models,
        "sampling": result.recipe.sampling,
        "accuracy": row.accuracy,
        "interval_low": row.interval.low,
        "interval_high": row.interval.high,
        "problems": row.problems,
        "suite_problems": board.suite_problems,
        "lanes": result.lanes,
        "lanes_ended_by_budget": result.partial,
        "mean_critical_path_tokens": result.critical,
        "median_critical_path_tokens": medians.critical,
        "mean_total_tokens": result.total,
        "median_total_tokens": medians.total,
        "mean_seconds": result.seconds,
        "median_seconds": medians.seconds,
        "wasted_share": result.wasted_share,
        "excluded": {reason: result.excluded.get(reason, 0) for reason in EXCLUDED},
    }


_EXCLUDED_COLUMNS = {reason: f"lanes_{reason}" for reason in EXCLUDED}
_COLUMNS = [
    "rank_first", "rank_last", "recipe", "name", "strategy", "params", "model", "models", "sampling", "accuracy",
    "interval_low", "interval_high", "problems", "suite_problems", "lanes", "lanes_ended_by_budget",
    "mean_critical_path_tokens", "median_critical_path_tokens", "mean_total_tokens", "median_total_tokens",
    "mean_seconds", "median_seconds", "wasted_share", *_EXCLUDED_COLUMNS.values(),
]  # fmt: skip


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    excluded = {_EXCLUDED_COLUMNS[reason]: count for reason, count in record["excluded"].items()}
    texts = {
        name: json.dumps(record[name], sort_keys=True, ensure_ascii=False) for name in ("params", "models", "sampling")
    }
    return {**record, **texts, **excluded}


def defuse(value: object) -> object:
    """Return a cell that no spreadsheet runs as a formula: text that could start one gets an apostrophe.

    Source: OWASP, CSV injection; leading blanks do not protect.

    >>> [defuse(cell) for cell in ("=1+1", "  @SUM(A1)", "plain", -2, None)]
    ["'=1+1", "'  @SUM(A1)", 'plain', -2, '']
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    return f"'{value}" if _starts_formula(value) else value


def _starts_formula(text: str) -> bool:
    starts: Iterable[str] = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    return text.startswith(tuple(starts)) or text.lstrip().startswith(tuple(starts))
