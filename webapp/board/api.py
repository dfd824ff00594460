"""Leaderboards, for programs."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from webapp.board.board_page import load_board
from webapp.board.exporting import board_as_record
from webapp.board.filters import read_filters
from webapp.board.queries import leaders
from webapp.board.views import find_versions, pick_version
from webapp.problems.models import Suite

router = Router(tags=["leaderboards"])


class LeaderboardOut(Schema):
    """A suite version and model with verdicts."""

    suite: str
    version: int
    model: str
    recipes: int
    ranked: int = Field(description="Recipes with a verdict on every problem.")


class Asked(Schema):
    """Which leaderboard, and which of its rows."""

    version: int | None = Field(None, description="Empty: the newest.")
    model: str = Field("", description="Empty: the one of the newest run.")
    family: str = ""
    max_critical: str = Field("", description="Tokens on the critical path, mean per lane, e.g. 20000 or 20k.")
    max_total: str = Field("", description="Total tokens, mean per lane.")


@router.get("", response=list[LeaderboardOut])
def list_leaderboards(request: HttpRequest) -> Any:
    """List every suite and model that has verdicts, the one that changed last first."""
    found = leaders()
    suites = Suite.objects.in_bulk([leader.suite_id for leader in found])
    return [
        LeaderboardOut(
            suite=suites[leader.suite_id].slug,
            version=suites[leader.suite_id].version,
            model=leader.model,
            recipes=leader.recipes,
            ranked=leader.complete,
        )
        for leader in found
    ]


@router.get("/{suite}")
def get_leaderboard(request: HttpRequest, suite: str, asked: Query[Asked]) -> dict[str, Any]:
    """Return rows, paired tests, and how they were computed; the same as the page's JSON download."""
    try:
        found = pick_version(find_versions(suite), "" if asked.version is None else str(asked.version))
    except Http404 as error:
        raise HttpError(404, str(error)) from error
    filters = read_filters(asked.model_dump(exclude={"version"}))
    if filters.errors:
        raise HttpError(422, " ".join(filters.errors.values()))
    return board_as_record(load_board(found, filters))
