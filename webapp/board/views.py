"""Leaderboards: the list, one board, its downloads."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.board.board_page import (
    Board,
    bounds_of,
    detectable_points,
    load_board,
    longest_of,
    look_behind,
    make_chart,
    make_matrix,
    make_sections,
)
from webapp.board.filters import AXES, Filters, read_filters
from webapp.board.naming import RecipeName, name_recipes
from webapp.board.queries import Leader, leaders
from webapp.problems.models import Suite
from webapp.runs.models import Recipe
from workers.core.strategy import FAMILIES


class Entry(NamedTuple):
    """A leaderboard in the list."""

    suite: Suite
    leader: Leader
    name: RecipeName | None


@require_safe
def leaderboards(request: HttpRequest) -> HttpResponse:
    """List every suite and model that has verdicts, with who leads."""
    found = leaders()
    suites = Suite.objects.in_bulk([leader.suite_id for leader in found])
    recipes = Recipe.objects.in_bulk([leader.recipe_id for leader in found if leader.recipe_id])
    names = name_recipes(recipes.values())
    entries = [
        Entry(suites[leader.suite_id], leader, names.get(leader.recipe_id) if leader.recipe_id else None)
        for leader in found
    ]
    idle = Suite.objects.exclude(pk__in=suites).exclude(slug__in=[suite.slug for suite in suites.values()])
    return render(request, "board/leaderboards.html", {"entries": entries, "idle": idle})


@require_safe
@vary_on_headers("HX-Request")
def leaderboard(request: HttpRequest, suite_slug: str) -> HttpResponse:
    """Show one board; the part alone when htmx asks for it."""
    versions = find_versions(suite_slug)
    suite = pick_version(versions, request.GET.get("version", ""))
    board = load_board(suite, read_filters(request.GET))
    template = "board/_board.html" if is_part(request) else "board/leaderboard.html"
    response = render(request, template, {**_context(board), "versions": versions})
    if is_part(request):
        response["HX-Push-Url"] = request.path + board.filters.query(version=suite.version)
    return response


def is_part(request: HttpRequest) -> bool:
    """Say whether htmx asks for a part of a page it already shows."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true"


def find_versions(slug: str) -> list[Suite]:
    """Return the versions of a suite, newest first, or 404."""
    versions = list(Suite.objects.filter(slug=slug).order_by("-version"))
    if not versions:
        raise Http404(f"There is no suite '{slug}'.")
    return versions


def pick_version(versions: Sequence[Suite], asked: str) -> Suite:
    """Return the version asked for, the newest when none is, or 404."""
    suite = next((one for one in versions if asked in {"", str(one.version)}), None)
    if suite is None:
        known = ", ".join(str(one.version) for one in versions)
        raise Http404(f"Suite '{versions[0].slug}' has no version {asked[:20]}; it has {known}.")
    return suite


class Header(NamedTuple):
    """A column that can be sorted."""

    key: str
    title: str
    css: str
    swatch: str
    aria_sort: str
    link: str


def _headers(filters: Filters, version: str) -> dict[str, Header]:
    columns = {
        "recipe": ("Recipe", "", ""),
        "accuracy": ("Accuracy %", "num", ""),
        "n": ("n", "num", ""),
        "critical": ("Critical path", "num", "swatch"),
        "total": ("Total", "num", "swatch swatch--parallel"),
        "wasted": ("Wasted %", "num", ""),
        "time": ("Time", "num", ""),
    }
    return {key: _header(key, *column, filters, version) for key, column in columns.items()}


def _header(key: str, title: str, css: str, swatch: str, filters: Filters, version: str) -> Header:  # noqa: PLR0913
    best_first = f"-{key}" if key in {"accuracy", "n"} else key
    turned = best_first.removeprefix("-") if best_first.startswith("-") else f"-{key}"
    order = {f"-{key}": "descending", key: "ascending"}.get(filters.sort or "-accuracy", "")
    asked = turned if filters.sort == best_first else best_first
    return Header(key, title, css, swatch, order, filters.query(sort=asked, version=version))


def _context(board: Board) -> dict[str, Any]:
    filters = board.filters
    version = str(board.suite.version)
    families = {row.name.family for row in board.rows}
    return {
        "board": board,
        "sections": make_sections(board),
        "headers": _headers(filters, version),
        "bounds": bounds_of(board),
        "longest": longest_of(board),
        "chart": make_chart(board) if board.shown else None,
        "axes": {key: (title, filters.query(axis=key, version=version)) for key, title in AXES.items()},
        "matrix": make_matrix(board),
        "pair_count": len(board.pairs) // 2,
        "detectable": detectable_points(board),
        "behind": look_behind(board),
        "families": {key: title for key, title in FAMILIES.items() if key in families},
        "is_filtered": len(board.shown) < len(board.rows),
        "changed_at": max((row.result.changed_at for row in board.rows if row.result.changed_at), default=None),
        "plain_query": Filters(model=filters.model, axis=filters.axis).query(version=version),
        "query": filters.query(version=version),
        "row_query": filters._replace(recipe=None).query(version=version),
    }
