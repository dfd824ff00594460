"""The form of a new comparison: one problem, up to eight recipes, limits.

Its texts are flat, so that it works without scripts: `question`, `answer`, `grader`, `problem`, `model`,
`sampling-<name>`, `budget-<name>`, `ending-<name>`, `equal-<name>`; `card` once for every strategy card in order,
`pick` for those that are ticked, and for card 3 `lane-3-strategy`, `lane-3-params-<name>`, `lane-3-model`,
`lane-3-models-<part>`, `lane-3-sampling-<name>`, `lane-3-ending-<name>`, `lane-3-name`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from django import forms
from django.http import QueryDict

from webapp.catalog.forms import SettingsForm, write_texts
from webapp.corpora.queries import corpus_choices
from webapp.runs.budgets import Budget, Ending, Equality, Goal
from webapp.runs.capabilities import recall
from webapp.runs.launching import RecipeSpec, own_models
from webapp.runs.models import SavedRecipe
from webapp.runs.models_on_server import ServedModel, shortest_context
from webapp.runs.problem_form import ProblemForm
from workers import strategies
from workers.core.capabilities import FEATURES, Capabilities, Feature
from workers.core.model import estimate_tokens
from workers.core.strategy import FAMILIES, Strategy
from workers.core.values import Sampling

MOST_LANES = 8
MOST_CARDS = 100


Corpora = Sequence[tuple[str, str]]


@dataclass
class Part:
    """A part of a strategy that may have a model of its own."""

    title: str
    what: str
    name: str
    """Of its field."""
    model: str
    """Empty: the lane's."""
    error: str = ""

    @property
    def label(self) -> str:
        """Return what stands over its field."""
        return f"Model: {self.title.replace('_', ' ')}"


class Card:
    """A strategy on the page with its settings; a lane, when it is picked."""

    def __init__(self, texts: QueryDict, number: str, strategy: Strategy, corpora: Corpora, *, is_picked: bool) -> None:
        """Read the card's texts."""
        self.number = number
        self.strategy = strategy
        self.is_picked = is_picked
        self.prefix = f"lane-{number}"
        self.params = SettingsForm(strategy.params, texts, prefix=f"{self.prefix}-params", corpora=corpora)
        self.own = read_sampling(texts, f"{self.prefix}-sampling", may_be_blank=True)
        for field in self.own.fields.values():
            field.widget.attrs["placeholder"] = "as shared"
        self.ending = SettingsForm(Ending, texts, prefix=f"{self.prefix}-ending", may_be_blank=True)
        self.model = texts.get(f"{self.prefix}-model", "").strip()
        self.errors: list[str] = []
        self.lacks: list[str] = []
        """Sentences: what the strategy needs and the model server does not offer."""
        self.unknown: list[str] = []
        """What the strategy needs of which nobody has found out yet whether the model server offers it, in words."""
        self.model_error = ""
        self.parts = [
            Part(part, what, name := f"{self.prefix}-models-{part}", texts.get(name, "").strip())
            for part, what in strategy.models.items()
        ]
        self.name = texts.get(f"{self.prefix}-name", "")
        """Under which its recipe is or will be saved."""
        self.name_error = ""
        self.saved: SavedRecipe | None = None
        """What was saved just now."""
        self.has_sibling = False
        self.preview: object = None
        """What the lane will cost (see previews.py), once it is known."""

    def is_valid(self) -> bool:
        """Say whether every field of the card can be used."""
        has_models = not self.model_error and not any(part.error for part in self.parts)
        forms = [form.is_valid() for form in (self.params, self.own, self.ending)]
        return all((*forms, not self.errors, has_models))

    @property
    def models(self) -> dict[str, str]:
        """Return the parts that have a model of their own, with it."""
        return {part.title: part.model for part in self.parts if part.model}

    def judge_needs(self, shared: str, know: Callable[[str], Capabilities | None]) -> None:
        """Say what of its needs is not met, and of what nobody knows, by its models."""
        settings = self.params.settings if self.is_picked and self.params.is_valid() else None
        model = self.model or shared
        shares = self.strategy.share_needs(settings or self.strategy.params(), model, self.models) if model else {}
        found = [(know(name) or Capabilities(model=name), needs) for name, needs in shares.items()]
        self.lacks = [lack for one, needs in found for lack in one.explain_lacks(needs)]
        unknown = set[Feature]().union(*(one.find_unknown(needs) for one, needs in found))
        self.unknown = [FEATURES[need] for need in sorted(unknown)]

    def mark_fitted(self, goal: Goal) -> None:
        """Mark the fields that are fitted to a goal; the page tints them."""
        sizes = goal.sizes_of(self.strategy)
        for name in sizes(1) if sizes else ():
            self.params.fields[name].widget.attrs["data-solved"] = ""
        if "max_tokens" in self.own.values:
            self.own.fields["max_tokens"].widget.attrs["data-solved"] = ""

    @property
    def model_name(self) -> str:
        """Return the name of the field of the lane's model."""
        return f"{self.prefix}-model"

    @property
    def family_title(self) -> str:
        """Return the family of the strategy, in words."""
        return FAMILIES[self.strategy.family]

    @property
    def idea(self) -> str:
        """Return what the strategy does, in a sentence."""
        return re.split(r"(?<=[.!?])\s", self.strategy.summary, maxsplit=1)[0]

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """Return the settings that always show: what fits in a row, of the strategy's own and the length of a call."""
        length = self.own["max_tokens"]
        has_length = "max_tokens" in self.own.values
        room, shown = 2 if has_length else 3, []
        for field in (*self.params, *([] if has_length else [length])):
            is_wide = isinstance(field.field, forms.ChoiceField) or isinstance(field.field.widget, forms.Textarea)
            room -= 2 if is_wide else 1
            if room < 0:
                break
            shown.append(field)
        return [*shown, length] if has_length else shown

    @property
    def more_fields(self) -> list[forms.BoundField]:
        """Return the settings behind "More settings"."""
        shown = {field.html_name for field in self.main_fields}
        return [field for field in (*self.params, *self.own, *self.ending) if field.html_name not in shown]

    @property
    def is_open(self) -> bool:
        """Say whether something behind "More settings" was set, or is wrong."""
        has_fault = self.is_picked and any(field.errors for field in self.more_fields)
        own = {self.own.add_prefix(name) for name in self.own.values} & {field.html_name for field in self.more_fields}
        has_models = bool(self.model_error or self.model or any(part.model for part in self.parts))
        return has_fault or has_models or bool(own or self.ending.values or self.name_error or self.saved)


class ComparisonForm:
    """Everything on the page. `served` are the models that the server has, or None while it is down."""

    most_picked = MOST_LANES
    """Cards that may be picked."""

    def __init__(self, texts: QueryDict, served: Sequence[ServedModel] | None) -> None:
        """Read the texts."""
        self._know = cache(recall)  # every card asks about the same few models
        self.served = served
        self.models = None if served is None else [model.name for model in served]
        self.model = texts.get("model", "").strip() or (self.models[0] if self.models else "")
        self.model_error = ""
        self.errors: list[str] = []
        self.problem = ProblemForm(texts)
        self.sampling = read_sampling(texts, "sampling")
        self.budget = SettingsForm(Budget, texts, prefix="budget")
        for name, empty in {"tokens": "no cap", "seconds": "no cap", "seed": "drawn"}.items():
            self.budget.fields[name].widget.attrs["placeholder"] = empty
        self.ending = SettingsForm(Ending, texts, prefix="ending")
        self.equality = SettingsForm(Equality, texts, prefix="equal")
        self.equality.fields["tokens"].widget.attrs["placeholder"] = "tokens"
        self.cards = _read_cards(texts, self.errors)
        self._judge()
        if self.goal:
            for card in self.picked:
                card.mark_fitted(self.goal)

    @property
    def goal(self) -> Goal | None:
        """Return what all lanes are to spend, if they are to be equal."""
        wanted = self.equality.settings
        if not isinstance(wanted, Equality) or wanted.axis == "free" or wanted.tokens is None:
            return None
        return Goal(wanted.axis, wanted.tokens)

    @property
    def picked(self) -> list[Card]:
        """Return the cards that become lanes, in order."""
        return [card for card in self.cards if card.is_picked]

    @property
    def lanes(self) -> int:
        """Return how many lanes the run will have."""
        return len(self.picked)

    @property
    def model_choices(self) -> list[str]:
        """Return the names to choose from; one that the server does not have stays, so that nothing is lost."""
        names = list(self.models or ())
        return names if not self.model or self.model in names else [*names, self.model]

    def is_valid(self) -> bool:
        """Say whether a run can be started."""
        shared = (self.problem, self.sampling, self.budget, self.ending, self.equality)
        parts = [part.is_valid() for part in shared]
        cards = [card.is_valid() for card in self.picked]
        return all([*parts, *cards, not self.errors, not self.model_error])

    def spec(self, card: Card) -> RecipeSpec:
        """Return the recipe of a picked card; its own settings win over the shared ones."""
        return RecipeSpec(
            strategy=card.strategy.slug,
            params=card.params.values,
            model=card.model or self.model,
            sampling={**self.sampling.values, **card.own.values},
            models=own_models(card.models, card.model or self.model),
            settle={**self.ending.values, **card.ending.values}.get("settle") == "on",
        )

    def context_of(self, card: Card) -> int | None:
        """Return the longest prompt and text together that all of the card's models read, if the server says."""
        return shortest_context(card.strategy.list_writers(card.model or self.model, card.models), self.served or ())

    def does_think(self, card: Card) -> bool:
        """Say whether the card's model is known to think before it answers."""
        model = card.model or self.model
        known = self._know(model) if model else None
        return known is not None and known.find("thinking").is_there is True

    def _judge(self) -> None:
        for form in (self.problem, self.sampling, self.budget, self.ending, self.equality):
            form.is_valid()
        if self.models is not None:
            self.model_error = _missing(self.model, self.models)
            for card in self.picked:
                card.model_error = _missing(card.model, self.models) if card.model else ""
                for part in card.parts:
                    part.error = _missing(part.model, self.models) if part.model else ""
        for card in self.cards:
            card.judge_needs(self.model, self._know)
        self._judge_lanes()
        self._judge_length()

    def _judge_length(self) -> None:
        size = estimate_tokens(self.problem.cleaned_data.get("question", ""))
        for card in self.picked:
            context = self.context_of(card)
            if context is not None and size >= context:
                self.problem.add_error(
                    "question",
                    f"The problem has about {size:,} tokens; {card.model or self.model} reads at most {context:,}. "
                    "Shorten it, or choose a model with a longer context.",
                )
                return

    def _judge_lanes(self) -> None:
        lanes: list[RecipeSpec] = []
        for card in self.picked:
            card.is_valid()
            spec = self.spec(card)
            if spec in lanes:
                card.errors.append(f"The same recipe as lane {lanes.index(spec) + 1}. Change one, or clear one.")
            card.errors += card.lacks
            lanes.append(spec)
        if not lanes:
            self.errors.append("Pick at least one strategy.")
        if len(lanes) > self.most_picked:
            self.errors.append(
                f"A comparison has at most {self.most_picked} lanes; {len(lanes)} are picked. Clear some."
            )


def read_sampling(texts: QueryDict, prefix: str, *, may_be_blank: bool = False) -> SettingsForm:
    """Return the form of a sampling, with names for people."""
    form = SettingsForm(Sampling, texts, prefix=prefix, may_be_blank=may_be_blank)
    form.fields["top_p"].label, form.fields["max_tokens"].label = "Top-p", "Tokens per call"
    return form


def default_texts(strategy: Strategy, number: str) -> dict[str, str]:
    """Return the texts of a fresh card."""
    defaults = dict.fromkeys(Sampling.model_fields)
    return {
        f"lane-{number}-strategy": strategy.slug,
        f"lane-{number}-model": "",
        f"lane-{number}-name": "",
        **{f"lane-{number}-models-{part}": "" for part in strategy.models},
        **write_texts(strategy.params(), f"lane-{number}-params"),
        **write_texts(defaults, f"lane-{number}-sampling"),
        **write_texts(dict.fromkeys(Ending.model_fields), f"lane-{number}-ending"),
    }


def card_numbers(texts: QueryDict) -> list[str]:
    """Return the numbers of the cards, in the order of the page."""
    given = texts.getlist("card") or texts.getlist("pick")
    return [number for number in dict.fromkeys(given) if number.isdecimal() and len(number) <= 3][:MOST_CARDS]


def _read_cards(texts: QueryDict, errors: list[str]) -> list[Card]:
    picked, corpora = set(texts.getlist("pick")), corpus_choices()
    cards = []
    for number in card_numbers(texts):
        slug = texts.get(f"lane-{number}-strategy", "")
        strategy = strategies.catalog().get(slug)
        if strategy:
            cards.append(Card(texts, number, strategy, corpora, is_picked=number in picked))
        elif number in picked:
            errors.append(f"There is no strategy ‘{slug[:60]}’. Pick one of those on the page.")
    for card in cards:
        card.has_sibling = sum(other.strategy.slug == card.strategy.slug for other in cards) > 1
    return cards


def _missing(model: str, models: Sequence[str]) -> str:
    if model in models:
        return ""
    names = ", ".join(models[:5]) or "none"
    return f"The model server has no ‘{model[:100]}’; it has {names}." if model else "Choose a model."
