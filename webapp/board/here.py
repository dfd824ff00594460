"""What a strategy did here: its recipes on a suite, with a model at hand, and the run that fills what is missing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import Max
from django.db.models.functions import Length
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from webapp.board.board_page import load_board
from webapp.board.filters import Filters
from webapp.board.ranking import Row
from webapp.problems.models import Suite
from webapp.runs.budgets import Budget
from webapp.runs.capabilities import find_lacks
from webapp.runs.fitting import Fitted, Place, find_presets, fit
from webapp.runs.launching import RecipeSpec, start_run
from webapp.runs.models import Lane, Recipe, Run
from webapp.runs.models_on_server import served_models, shortest_context
from webapp.runs.setups import fitting_sampling
from workers.core.strategy import Strategy
from workers.strategies import catalog

MOST_OTHERS = 4
"""Recipes at no preset that the panel shows; the leaderboard has all."""


class Line(NamedTuple):
    """A recipe of the strategy: what it is at a preset, or another that was run."""

    name: str
    settings: str
    row: Row | None = None
    """None: nobody has run it yet."""
    fitted: Fitted | None = None
    """The recipe at the preset."""
    tokens: int = 0
    """What the preset gives a lane in total."""
    is_met: bool = True
    """Whether the strategy can spend so much, or so little."""


class Here(NamedTuple):
    """What the panel shows."""

    model: str
    suite: Suite | None
    """Where the strategy was run, or would be; None while there is no suite."""
    problems: int
    lines: list[Line]
    ranks: str
    """Of its best recipe on the leaderboard; empty while none is ranked."""
    lanes: int
    """Stored lanes of the strategy, on whatever problems and models."""
    hindrance: str
    """Why nothing can be started now, in a sentence."""

    @property
    def short_model(self) -> str:
        """Return the model's name without whose it is."""
        return self.model.rsplit("/", 1)[-1]

    @property
    def is_measured(self) -> bool:
        """Say whether there is anything to read."""
        return any(line.row for line in self.lines)

    @property
    def missing(self) -> list[Fitted]:
        """Return the recipes that nobody has run."""
        return [line.fitted for line in self.lines if line.fitted and not line.row]

    @property
    def most_tokens(self) -> int:
        """Return what running the missing ones may use."""
        return self.problems * sum(fitted.estimate.total_tokens for fitted in self.missing)


def look_here(strategy: Strategy) -> Here:
    """Return what the strategy did on the suite where it was run last, with a model that the server has."""
    models, hindrance = served_models()
    served = models or []
    suite, model = _find_place(strategy.slug, [one.name for one in served])
    hindrance = hindrance or " ".join(find_lacks(strategy.needs, model))
    lanes = Lane.objects.filter(recipe_id__in=list(_recipes_of(strategy.slug))).count()
    if suite is None:
        return Here(model, None, 0, [], "", lanes, "There is no suite yet. Import one first.")
    board = load_board(suite, Filters(model=model))
    rows = [row for row in board.rows if row.result.recipe.strategy == strategy.slug]
    at_presets = _lines_at_presets(strategy, rows, suite, shortest_context((model,), served))
    placed = [line.row for line in at_presets]
    others = [
        Line(str(row.name.saved or "Other settings"), row.name.settings, row)
        for row in _often(rows)
        if row not in placed
    ]
    ranks = next((group.ranks for group in board.groups for row in group.rows if row in rows), "")
    return Here(model, suite, board.suite_problems, [*at_presets, *others[:MOST_OTHERS]], ranks, lanes, hindrance)


def _recipes_of(slug: str) -> Any:
    return Recipe.objects.filter(strategy=slug).values_list("id", flat=True)


def _find_place(slug: str, served: Sequence[str]) -> tuple[Suite | None, str]:
    """Return suite and model of the strategy's newest run with a model that is served (any, while none is known).

    Without such a run: the newest version of the oldest suite, which is the starters', and the first model.
    """
    runs = Run.objects.filter(suite__isnull=False, lanes__row=1, lanes__repeat=1, lanes__recipe__strategy=slug)
    if served:
        runs = runs.filter(lanes__recipe__model__in=served)
    newest = runs.values_list("suite", "lanes__recipe__model").annotate(at=Max("created_at")).order_by("-at").first()
    if newest:
        return Suite.objects.get(pk=newest[0]), newest[1]
    suites = Suite.objects.order_by("slug", "-version").distinct("slug")
    return min(suites, key=lambda suite: suite.pk, default=None), [*served, settings.MODEL_SERVER.model][0]


def _lines_at_presets(strategy: Strategy, rows: Sequence[Row], suite: Suite, context: int | None) -> list[Line]:
    """Return a line for each preset of total tokens; presets at which the strategy is the same share one."""
    longest = suite.problems.order_by(Length("question").desc()).first()
    place = Place(len(longest.question.encode("utf-8", "replace")) if longest else 0, context)
    sampling, defaults = fitting_sampling(), strategy.params().model_dump(mode="json")
    lines: list[Line] = []
    for preset in find_presets(sampling, place.question_bytes):
        fitted = fit(strategy, defaults, sampling, preset.goal, place)
        if preset.goal.axis != "total_tokens" or fitted is None:
            continue
        name, is_met = preset.size.capitalize(), preset.goal.is_met(fitted.estimate)
        if lines and lines[-1].fitted == fitted:
            name, is_met = f"{lines[-1].name}, {preset.size}", lines.pop().is_met and is_met
        words = strategy.describe(strategy.params.model_validate(fitted.params))
        row = next((row for row in _often(rows) if _is_of(row, strategy, fitted)), None)
        lines.append(Line(name, words, row, fitted, preset.goal.tokens, is_met))
    return lines


def _often(rows: Sequence[Row]) -> list[Row]:
    """Return the rows, those with most problems first."""
    return sorted(rows, key=lambda row: (row.problems, row.result.lanes), reverse=True)


def _is_of(row: Row, strategy: Strategy, fitted: Fitted) -> bool:
    recipe, params = row.result.recipe, strategy.params.model_validate(fitted.params)
    asked = (params.model_dump(mode="json"), fitted.sampling.model_dump(mode="json"))
    return (recipe.params, recipe.sampling) == asked and not recipe.models


@require_POST
def start_here(request: HttpRequest, slug: str) -> HttpResponse:
    """Run what is missing at the presets on the suite that the panel named, and show the matrix that fills."""
    strategy = catalog().get(slug)
    if strategy is None:
        raise Http404(f"There is no strategy '{slug}'.")
    here = look_here(strategy)
    if here.hindrance or here.suite is None or not here.missing or str(here.suite.pk) != request.POST.get("suite"):
        raise BadRequest(here.hindrance or "Something has changed since the page was loaded. Load it again.")
    specs = [RecipeSpec(slug, dict(fitted.params), here.model, fitted.sampling.model_dump()) for fitted in here.missing]
    run = start_run(
        problems=[place.problem for place in here.suite.places.select_related("problem")],
        recipes=specs, title=f"{strategy.title} on {here.suite}", suite=here.suite, budget_seconds=Budget().seconds,
    )  # fmt: skip
    return redirect("run_matrix", run_id=run.pk)
