"""How a recipe is called in tables and charts."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from webapp.runs.models import Recipe, SavedRecipe
from webapp.runs.queries import describe_models
from workers.core.values import Sampling
from workers.strategies import catalog


class RecipeName(NamedTuple):
    """What a reader sees of a recipe."""

    slug: str
    """Of the strategy; empty when its file is gone."""
    title: str
    short: str
    family: str
    settings: str
    """Parameters, sampling where it differs from the default, parts with a model of their own, whether it settles."""
    saved: SavedRecipe | None = None
    """The name that somebody gave it; the first by the alphabet if it has several."""

    @property
    def called(self) -> str:
        """Return the name somebody gave it, or else the strategy's title."""
        return str(self.saved or self.title)

    @property
    def details(self) -> str:
        """Return what its name does not say."""
        return " · ".join(filter(None, (self.title if self.saved else "", self.settings)))


def name_recipes(recipes: Collection[Recipe]) -> dict[int, RecipeName]:
    """Return how to call each recipe, by its id. One query."""
    ids = [recipe.pk for recipe in recipes]
    saved = {one.recipe_id: one for one in SavedRecipe.objects.filter(recipe__in=ids).reverse()}
    return {recipe.pk: _describe(recipe)._replace(saved=saved.get(recipe.pk)) for recipe in recipes}


def _describe(recipe: Recipe) -> RecipeName:
    """Return a recipe in words; one whose strategy is gone or has changed keeps its recorded ones."""
    known = catalog().get(recipe.strategy)
    if known is None:
        return RecipeName("", recipe.strategy, recipe.strategy[:8], "", _plain(recipe.params))
    try:
        settings = known.describe(known.params.model_validate(recipe.params))
    except ValueError:
        settings = _plain(recipe.params)
    words = (settings, _odd_sampling(recipe.sampling), *describe_models(recipe.models), "settles" * recipe.settle)
    parts = [part for part in words if part]
    return RecipeName(known.slug, known.title, known.short, known.family, " · ".join(parts))


def _odd_sampling(sampling: Mapping[str, object]) -> str:
    usual = Sampling().model_dump()
    words = {"temperature": "temperature", "top_p": "top-p", "max_tokens": "tokens up to"}
    return " · ".join(f"{words.get(key, key)} {value}" for key, value in sampling.items() if usual.get(key) != value)


def _plain(params: Mapping[str, object]) -> str:
    return " · ".join(f"{name} {value}" for name, value in params.items())


LONGEST_LABEL = 16


def chart_labels(names: Sequence[RecipeName]) -> list[str]:
    """Return one short label per name, all different: its own, or the strategy and what tells it from its sisters.

    >>> sc = RecipeName("sc", "Self-consistency", "SC", "vote", "8 drafts")
    >>> chart_labels([sc, sc._replace(settings="16 drafts"), RecipeName("d", "Direct", "Direct", "single", "")])
    ['SC 8', 'SC 16', 'Direct']
    """
    sisters = Counter(name.short for name in names)
    labels = [
        _cut(str(name.saved)) if name.saved else name.short if sisters[name.short] == 1 else _own_part(name, names)
        for name in names
    ]
    repeated = Counter(labels)
    return [f"{label} #{place}" if repeated[label] > 1 else label for place, label in enumerate(labels, start=1)]


def _own_part(name: RecipeName, names: Sequence[RecipeName]) -> str:
    """Return the strategy with the first setting that not all its sisters share: `SC 16`, `PDR 8·4·1`."""
    parts = name.settings.split(" · ")
    others = [one.settings.split(" · ") for one in names if one.short == name.short]
    own = [part for part in parts if any(part not in other for other in others)]
    if not own:
        return name.short
    return _cut(f"{name.short} {_figures(own[0]) if own[0] == parts[0] else own[0]}")


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1].rstrip()}…"


def _figures(setting: str) -> str:
    """Return the numbers of a strategy's main setting, or all of it if it has none."""
    numbers: list[str] = re.findall(r"[0-9][0-9.,]*[0-9]|[0-9]", setting)
    return "·".join(numbers) or setting
