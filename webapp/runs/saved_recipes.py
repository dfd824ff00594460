"""The saved recipes as a table: what each is, what it costs at most, and how its lanes went."""

from typing import NamedTuple

from django.db.models import Avg, Count, Q
from pydantic import ValidationError

from webapp.runs.models import Lane, SavedRecipe, Status
from webapp.runs.queries import describe_recipe
from workers.strategies import catalog

TYPICAL_QUESTION = "x" * 200
"""For the cost: what the question says changes nothing."""


class Record(NamedTuple):
    """What happened to the finished lanes of a recipe, on whatever problems."""

    lanes: int = 0
    judged: int = 0
    right: int = 0
    critical_path_tokens: float = 0
    """Mean per lane."""
    total_tokens: float = 0
    """Mean per lane."""


class Row(NamedTuple):
    """One saved recipe."""

    saved: SavedRecipe
    title: str
    """Of the strategy."""
    slug: str
    """Of the strategy; empty when its file is gone or its settings have changed: it cannot be used any more."""
    describe: str
    sampling: str
    calls: int
    depth: int
    critical_path_tokens: int
    total_tokens: int
    record: Record


def list_saved() -> list[Row]:
    """Return every saved recipe, by name."""
    found = list(SavedRecipe.objects.select_related("recipe"))
    records = _read_records({saved.recipe_id for saved in found})
    return [_describe(saved, records.get(saved.recipe_id, Record())) for saved in found]


def _describe(saved: SavedRecipe, record: Record) -> Row:
    recipe = saved.recipe
    known = catalog().get(recipe.strategy)
    told = [f"{words} {recipe.sampling.get(key)}" for key, words in _SAMPLING.items()]
    sampling = " · ".join([*told, *["settles"] * recipe.settle])
    try:
        words = describe_recipe(recipe, TYPICAL_QUESTION)
    except (KeyError, ValidationError):
        title = known.title if known else recipe.strategy
        return Row(saved, title, "", "cannot be used any more: the strategy has changed", sampling, 0, 0, 0, 0, record)
    cost = words["estimate"]
    return Row(
        saved, words["title"], recipe.strategy, words["describe"], sampling, cost["calls"], cost["depth"],
        cost["critical_path_tokens"], cost["total_tokens"], record,
    )  # fmt: skip


_SAMPLING = {"temperature": "T", "top_p": "top-p", "max_tokens": "tokens per call"}


def _read_records(recipe_ids: set[int]) -> dict[int, Record]:
    is_finished = Q(status=Status.FINISHED)
    rows = (
        Lane.objects.filter(is_finished, recipe_id__in=recipe_ids)
        .order_by()
        .values("recipe_id")
        .annotate(
            lanes=Count("id"),
            judged=Count("id", filter=Q(ruling__in=("right", "wrong", "unreadable"))),
            right=Count("id", filter=Q(ruling="right")),
            critical_path=Avg("critical_path_tokens"),
            total=Avg("total_tokens"),
        )
    )
    return {
        row["recipe_id"]: Record(row["lanes"], row["judged"], row["right"], row["critical_path"], row["total"])
        for row in rows
    }


def find_saved(numbers: list[str]) -> list[SavedRecipe]:
    """Return saved recipes by their numbers, in that order; what is no number of one is left out."""
    read = dict.fromkeys(int(number) for number in numbers if number.isdecimal() and len(number) < 18)
    known = SavedRecipe.objects.select_related("recipe").in_bulk(read)
    return [known[number] for number in read if number in known]
