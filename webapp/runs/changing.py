"""What the buttons of a form of recipes do to its texts, whatever the recipes are run on."""

from collections.abc import Callable
from typing import Any

from django.http import QueryDict

from webapp.runs import setups
from webapp.runs.equalizing import equalize
from webapp.runs.fitting import find_presets
from webapp.runs.forms import MOST_LANES, ComparisonForm
from webapp.runs.models import SavedRecipe
from webapp.runs.previews import preview, question_bytes, shared_sampling
from webapp.runs.saved_recipes import find_saved
from webapp.runs.saving import save_card
from workers import strategies

Read = Callable[[QueryDict], ComparisonForm]
"""How a page reads its texts."""


def change(texts: QueryDict, verb: str, target: str, read: Read) -> None:
    """Do what the button `verb:target` says; any other verb changes nothing."""
    if action := _CHANGES.get(verb):
        action(texts, target, read)


def save(texts: QueryDict, number: str, read: Read) -> ComparisonForm:
    """Keep the recipe of a card under the name that its field says."""
    form = read(texts)
    for card in form.cards:
        if card.number == number:
            save_card(form, card)
    return form


def show_recipes(form: ComparisonForm) -> dict[str, Any]:
    """Return what the parts of the page show that hold the cards and the budget."""
    return {
        "form": form,
        "preview": preview(form),
        "families": list(dict.fromkeys((card.strategy.family, card.family_title) for card in form.cards)),
        "strategy_count": len(strategies.catalog()),
        "many": MOST_LANES,
        "saved_recipes": SavedRecipe.objects.all(),
    }


def _use_saved(texts: QueryDict, _target: str, _read: Read) -> None:
    for saved in find_saved([texts.get("saved", "")]):
        setups.add_recipe(texts, saved.recipe, saved.name)
    setups.put_picked_first(texts)


def _equalize(texts: QueryDict, target: str, read: Read) -> None:
    form = read(texts)
    presets = {preset.name: preset.goal for preset in find_presets(shared_sampling(form), question_bytes(form))}
    if goal := presets.get(target) or form.goal:
        equalize(form, texts, goal)


_CHANGES: dict[str, Callable[[QueryDict, str, Read], None]] = {
    "add": lambda texts, number, _read: setups.add_card(texts, number),
    "drop": lambda texts, number, _read: setups.drop_card(texts, number),
    "many": lambda texts, _target, _read: setups.pick_many(texts, texts.get("model", "")),
    "use": _use_saved,
    "equal": _equalize,
}
