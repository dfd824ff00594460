"""Keep recipes under names, and find them again."""

from django.db import IntegrityError, transaction

from webapp.runs.forms import Card, ComparisonForm
from webapp.runs.launching import BadRecipe, RecipeSpec, check_recipe, keep_recipe
from webapp.runs.models import Recipe, SavedRecipe
from workers.strategies import catalog

MOST_NAME_CHARS = 80


class BadName(ValueError):
    """A name that a recipe cannot have; the message is a sentence for people."""


def save_recipe(*, name: str, spec: RecipeSpec) -> SavedRecipe:
    """Keep a recipe under a name. Saving the same again changes nothing.

    Raises BadName, or BadRecipe when it cannot be run.
    """
    name = _clean(name)
    recipe = check_recipe(spec)
    with transaction.atomic():
        recipe = keep_recipe(recipe)
        saved, is_new = SavedRecipe.objects.get_or_create(name__iexact=name, defaults={"name": name, "recipe": recipe})
    if not is_new and saved.recipe_id != recipe.pk:
        raise BadName(_taken(saved))
    return saved


def save_card(form: ComparisonForm, card: Card) -> None:
    """Keep the recipe of a card under the name that its field says; the card tells how it went."""
    if not (card.is_valid() and form.sampling.is_valid() and not form.model_error):
        card.name_error = "Correct the settings first; nothing was saved."
        return
    try:
        card.saved = save_recipe(name=card.name, spec=form.spec(card))
    except BadName as fault:
        card.name_error = str(fault)
    except BadRecipe as fault:
        card.name_error = " ".join(text for texts in fault.field_errors.values() for text in texts)


def rename_recipe(saved: SavedRecipe, name: str) -> None:
    """Give a saved recipe another name. Raises BadName."""
    saved.name = _clean(name)
    other = SavedRecipe.objects.filter(name__iexact=saved.name).exclude(pk=saved.pk).first()
    if other is not None:
        raise BadName(_taken(other))
    try:
        with transaction.atomic():
            saved.save(update_fields=["name"])
    except IntegrityError as error:
        raise BadName(f"‘{saved.name}’ was taken just now. Choose another name.") from error


def spec_of(recipe: Recipe) -> RecipeSpec:
    """Return what was asked for when a recipe was kept."""
    return RecipeSpec(recipe.strategy, recipe.params, recipe.model, recipe.sampling, recipe.models, recipe.settle)


def _clean(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise BadName("Give the recipe a name.")
    if len(name) > MOST_NAME_CHARS:
        raise BadName(f"The name has {len(name)} letters; the most is {MOST_NAME_CHARS}. Shorten it.")
    if not name.isprintable():
        raise BadName("The name holds a letter that cannot be shown. Delete it.")
    return name


def _taken(other: SavedRecipe) -> str:
    strategy = catalog().get(other.recipe.strategy)
    kind = strategy.title if strategy else "a strategy that is gone"
    return f"‘{other.name}’ is another recipe, of {kind}. Choose another name."
