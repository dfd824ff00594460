"""Run recipes on a whole suite: the form, what it will cost, the start."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, Field

from webapp.board.views import find_versions, is_part, pick_version
from webapp.catalog.forms import SettingsForm, write_texts
from webapp.corpora.queries import corpus_choices
from webapp.problems.models import Problem, Suite
from webapp.runs.budgets import Budget, Ending
from webapp.runs.forms import read_sampling
from webapp.runs.launching import MAX_LANES, BadRecipe, RecipeSpec, start_run
from webapp.runs.models import Run
from webapp.runs.models_on_server import ServerDown, model_names
from webapp.runs.queries import estimate_recipe
from workers.core.estimate import Estimate
from workers.core.strategy import Strategy
from workers.core.values import Sampling
from workers.strategies import catalog

FIRST_PICKS = ("direct", "self_consistency", "sequential_refinement", "parallel_distill_refine")
MOST_CALLS = 256
MOST_TOKENS = 20_000_000


class Repeats(BaseModel):
    """How often each problem is asked."""

    repeats: int = Field(1, ge=1, le=64, title="Repeats", description="Lanes of each recipe on each problem.")


class Choice(NamedTuple):
    """A strategy in the form."""

    strategy: Strategy
    form: SettingsForm
    is_picked: bool


class Cost(NamedTuple):
    """What one recipe will use at most on one problem."""

    strategy: Strategy
    lane: Estimate


class Estimated(NamedTuple):
    """What the run will use at most: every call as long as it may be, the longest question of the suite."""

    costs: list[Cost]
    lanes: int
    total_tokens: int
    error: str


class SuiteRunForm:
    """Everything on the page; the texts are flat, so that it works without scripts."""

    def __init__(self, texts: QueryDict, models: Sequence[str]) -> None:
        """Read the texts. `models` are the names on the model server; none while it is down."""
        self.models = models
        self.model = texts.get("model", "") or (models[0] if models else "")
        self.repeats = SettingsForm(Repeats, texts)
        self.sampling = read_sampling(texts, "sampling")
        self.budget = SettingsForm(Budget, texts, prefix="budget")
        self.ending = SettingsForm(Ending, texts, prefix="ending")
        picked, corpora = set(texts.getlist("pick")), corpus_choices()
        self.choices = [
            Choice(
                strategy, SettingsForm(strategy.params, texts, prefix=f"params-{slug}", corpora=corpora), slug in picked
            )
            for slug, strategy in catalog().items()
        ]
        self.errors: list[str] = []

    @property
    def picked(self) -> list[Choice]:
        """Return what is ticked."""
        return [choice for choice in self.choices if choice.is_picked]

    @cached_property
    def is_valid(self) -> bool:
        """Say whether a run can be started, and collect why not."""
        if not self.picked:
            self.errors.append("Pick at least one strategy.")
        if self.model not in self.models:
            self.errors.append(
                f"The model server has no ‘{self.model[:100]}’; it has {', '.join(self.models) or 'none'}."
            )
        forms = [self.repeats, self.sampling, self.budget, self.ending, *(choice.form for choice in self.picked)]
        are_fine = [form.is_valid() for form in forms]
        return all(are_fine) and not self.errors

    @property
    def specs(self) -> list[RecipeSpec]:
        """Return the recipes of a valid form."""
        settle = self.ending.values["settle"] == "on"
        return [
            RecipeSpec(choice.strategy.slug, choice.form.values, self.model, self.sampling.values, settle=settle)
            for choice in self.picked
        ]

    @property
    def repeat_count(self) -> int:
        """Return the repeats of a valid form."""
        return int(self.repeats.values["repeats"])


def first_texts() -> QueryDict:
    """Return the form as somebody first sees it: four strategies at their defaults."""
    texts = QueryDict(mutable=True)
    known = catalog()
    texts.setlist("pick", [slug for slug in FIRST_PICKS if slug in known] or list(known)[:4])
    written = {"repeats": "1", **write_texts(Ending(), "ending")}
    written |= {**write_texts(Sampling(), "sampling"), **write_texts(Budget(), "budget")}
    for slug, strategy in known.items():
        written |= write_texts(strategy.params(), f"params-{slug}")
    for name, text in written.items():
        texts[name] = text
    return texts


def estimate_run(form: SuiteRunForm, suite: Suite) -> Estimated | None:
    """Play every picked recipe without a model; None while the form has faults."""
    if not form.is_valid:
        return None
    longest = suite.problems.order_by(Length("question").desc()).first()
    if longest is None:
        return Estimated([], 0, 0, f"{suite} has no problems.")
    costs = [Cost(choice.strategy, _estimate(choice, form, longest)) for choice in form.picked]
    lanes = suite.places.count() * form.repeat_count
    return Estimated(
        costs,
        lanes=lanes * len(costs),
        total_tokens=lanes * sum(cost.lane.total_tokens for cost in costs),
        error=_too_much(costs, lanes * len(costs)),
    )


def _estimate(choice: Choice, form: SuiteRunForm, problem: Problem) -> Estimate:
    assert choice.form.settings is not None  # the form is valid
    return estimate_recipe(
        choice.strategy.slug, choice.form.settings.model_dump_json(), Sampling.model_validate(form.sampling.values),
        len(problem.question.encode()), MOST_CALLS, MOST_TOKENS,
    )  # fmt: skip


def _too_much(costs: Sequence[Cost], lanes: int) -> str:
    if lanes > MAX_LANES:
        return f"This run would have {lanes:,} lanes; the most is {MAX_LANES:,}. Ask for fewer repeats."
    for cost in costs:
        if cost.lane.is_cut:
            return (
                f"{cost.strategy.title} may make more than {MOST_CALLS} calls or use more than {MOST_TOKENS:,} "
                "tokens on one problem. Ask for less."
            )
    return ""


@require_http_methods(["GET", "HEAD", "POST"])
def suite_run(request: HttpRequest, suite_slug: str) -> HttpResponse:
    """Show the form; on POST start the run and go to its matrix."""
    texts = request.POST if request.method == "POST" else request.GET
    suite = pick_version(find_versions(suite_slug), texts.get("version", ""))
    models, trouble = _ask_models()
    form = SuiteRunForm(texts if "repeats" in texts else first_texts(), models)
    estimated = estimate_run(form, suite)
    if request.method == "POST" and estimated and not estimated.error:
        try:
            return redirect("run_matrix", run_id=_start(form, suite).pk)
        except (BadRecipe, ValueError) as error:
            form.errors.append(str(error))
    context: dict[str, Any] = {
        "suite": suite, "problems": suite.places.count(), "form": form,
        "estimated": estimated, "trouble": trouble,
    }  # fmt: skip
    template = "board/_estimate.html" if is_part(request) and request.method != "POST" else "board/suite_run.html"
    has_fault = request.method == "POST"
    return render(request, template, context, status=422 if has_fault else 200)


def _ask_models() -> tuple[list[str], str]:
    try:
        return model_names(), ""
    except ServerDown as error:
        return [], str(error)


def _start(form: SuiteRunForm, suite: Suite) -> Run:
    problems = [place.problem for place in suite.places.select_related("problem")]
    limits = form.budget.values
    return start_run(
        problems=problems,
        recipes=form.specs,
        title=str(suite),
        suite=suite,
        repeats=form.repeat_count,
        budget_tokens=limits.get("tokens"),
        budget_seconds=limits.get("seconds"),
        seed=limits.get("seed"),
    )
