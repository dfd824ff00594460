"""How a recipe is called in tables and charts."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from webapp.runs.models import Recipe
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
    """Parameters, the sampling where it differs from the default, parts with a model of their own."""


def name_of(recipe: Recipe) -> RecipeName:
    """Return how to call a recipe; one whose strategy is gone or has changed keeps its recorded words."""
    known = catalog().get(recipe.strategy)
    if known is None:
        return RecipeName("", recipe.strategy, recipe.strategy[:8], "", _plain(recipe.params))
    try:
        settings = known.describe(known.params.model_validate(recipe.params))
    except ValueError:
        settings = _plain(recipe.params)
    words = (settings, _odd_sampling(recipe.sampling), *describe_models(recipe.models))
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
    """Return one short label per name, all different: the strategy, and what tells it from its sisters.

    >>> sc = RecipeName("sc", "Self-consistency", "SC", "vote", "8 drafts")
    >>> chart_labels([sc, sc._replace(settings="16 drafts"), RecipeName("d", "Direct", "Direct", "single", "")])
    ['SC 8', 'SC 16', 'Direct']
    """
    sisters = Counter(name.short for name in names)
    labels = [name.short if sisters[name.short] == 1 else _own_part(name, names) for name in names]
    repeated = Counter(labels)
    return [f"{label} #{place}" if repeated[label] > 1 else label for place, label in enumerate(labels, start=1)]


def _own_part(name: RecipeName, names: Sequence[RecipeName]) -> str:
    """Return the strategy with the first setting that not all its sisters share: `SC 16`, `PDR 8·4·1`."""
    parts = name.settings.split(" · ")
    others = [one.settings.split(" · ") for one in names if one.short == name.short]
    own = [part for part in parts if any(part not in other for other in others)]
    if not own:
        return name.short
    label = f"{name.short} {_figures(own[0]) if own[0] == parts[0] else own[0]}"
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1].rstrip()}…"


def _figures(setting: str) -> str:
    """Return the numbers of a strategy's main setting, or all of it if it has none."""
    numbers: list[str] = re.findall(r"[0-9][0-9.,]*[0-9]|[0-9]", setting)
    return "·".join(numbers) or setting
