"""Saved recipes, for programs."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from webapp.runs.api import RecipeIn, spec_of_input
from webapp.runs.launching import BadRecipe
from webapp.runs.models import SavedRecipe
from webapp.runs.saving import BadName, rename_recipe, save_recipe

router = Router(tags=["recipes"])


class SavedIn(RecipeIn):
    """A recipe and the name to keep it under."""

    name: str


class NameIn(Schema):
    """Another name."""

    name: str


class SavedOut(Schema):
    """A saved recipe."""

    id: int
    name: str
    strategy: str
    params: dict[str, Any]
    sampling: dict[str, Any]
    model: str
    models: dict[str, str] = Field(description="Parts with a model of their own.")
    settle: bool
    created_at: datetime


@router.get("", response=list[SavedOut], summary="Every saved recipe")
def show_all(request: HttpRequest) -> list[SavedOut]:
    """Return the saved recipes by name. A run takes one by `{"saved": NAME}` in its recipes."""
    return [_show(saved) for saved in SavedRecipe.objects.select_related("recipe")]


@router.post("", response={201: SavedOut}, summary="Save a recipe")
def save(request: HttpRequest, body: SavedIn) -> Status[SavedOut]:
    """Keep a recipe under a name; all who reach the site see it. The same again changes nothing."""
    try:
        return Status(201, _show(save_recipe(name=body.name, spec=spec_of_input(body))))
    except BadName as error:
        raise HttpError(409 if body.name.strip() else 422, str(error)) from error
    except BadRecipe as error:
        raise HttpError(422, str(error)) from error


@router.get("/{saved_id}", response=SavedOut, summary="A saved recipe")
def show(request: HttpRequest, saved_id: int) -> SavedOut:
    """Return one."""
    return _show(get_object_or_404(SavedRecipe, pk=saved_id))


@router.patch("/{saved_id}", response=SavedOut, summary="Rename a saved recipe")
def rename(request: HttpRequest, saved_id: int, body: NameIn) -> SavedOut:
    """Give it another name."""
    saved = get_object_or_404(SavedRecipe, pk=saved_id)
    try:
        rename_recipe(saved, body.name)
    except BadName as error:
        raise HttpError(422, str(error)) from error
    return _show(saved)


@router.delete("/{saved_id}", response={204: None}, summary="Delete a saved recipe")
def delete(request: HttpRequest, saved_id: int) -> Status[None]:
    """Forget the name; runs with the recipe keep it."""
    get_object_or_404(SavedRecipe, pk=saved_id).delete()
    return Status(204, None)


def _show(saved: SavedRecipe) -> SavedOut:
    recipe = saved.recipe
    return SavedOut(
        id=saved.pk, name=saved.name, strategy=recipe.strategy, params=recipe.params, sampling=recipe.sampling,
        model=recipe.model, models=recipe.models, settle=recipe.settle, created_at=saved.created_at,
    )  # fmt: skip
