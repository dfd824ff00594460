"""Run recipes on a whole suite: the form of a comparison, on every problem; what it will cost; the start."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import BaseModel, Field

from webapp.board.views import find_versions, pick_version
from webapp.catalog.forms import SettingsForm
from webapp.problems.models import Problem, Suite
from webapp.runs import setups
from webapp.runs.changing import change, save, show_recipes
from webapp.runs.forms import ComparisonForm
from webapp.runs.launching import MAX_LANES, BadRecipe, start_run
from webapp.runs.models import Run
from webapp.runs.models_on_server import served_models
from webapp.runs.previews import Preview
from webapp.runs.saved_recipes import find_saved

MOST_RECIPES = 64


class Repeats(BaseModel):
    """How often each problem is asked."""

    repeats: int = Field(1, ge=1, le=64, title="Repeats", description="Lanes of each recipe on each problem.")


class Whole(NamedTuple):
    """What the run will use at most: every call as long as it may be, every question as long as the longest."""

    problems: int
    lanes: int
    total_tokens: int


class SuiteRunForm(ComparisonForm):
    """The form of a comparison, on all problems of a suite; its longest question stands for all."""

    most_picked = MOST_RECIPES

    def __init__(self, texts: QueryDict, suite: Suite) -> None:
        """Read the texts, and ask what the model server has."""
        self.suite = suite
        served, self.server_fault = served_models()
        self.problems = suite.places.count()
        longest = suite.problems.order_by(Length("question").desc()).first()
        setups.put_problem(texts, Problem(question=longest.question if longest else "-", grader="exact"))
        super().__init__(texts, served)
        self.repeats = SettingsForm(Repeats, texts)
        self.repeats.is_valid()
        self.errors += [str(fault) for fault in self.problem.errors.get("question", ())]
        if not longest:
            self.errors.append(f"{suite} has no problems.")
        if self.lanes > MAX_LANES:
            self.errors.append(
                f"This run would have {self.lanes:,} lanes; the most is {MAX_LANES:,}. Ask for fewer repeats."
            )

    @property
    def repeat_count(self) -> int:
        """Return how often each problem is asked; once, while that is wrong."""
        return int(self.repeats.values.get("repeats", 1))

    @property
    def lanes(self) -> int:
        """Return how many lanes the run will have."""
        return len(self.picked) * self.problems * self.repeat_count

    def is_valid(self) -> bool:
        """Say whether a run can be started."""
        return self.repeats.is_valid() and super().is_valid()

    def estimate(self, preview: Preview) -> Whole:
        """Return what the whole run will use at most."""
        return Whole(self.problems, self.lanes, preview.total_tokens * self.problems * self.repeat_count)


@require_http_methods(["GET", "HEAD", "POST"])
def suite_run(request: HttpRequest, suite_slug: str) -> HttpResponse:
    """Show the form; on POST start the run and go to its matrix, or change the form by one of its other buttons."""
    suite = _find_suite(request, suite_slug)
    read = _reader(suite)
    if request.method != "POST":
        return _show(request, suite, read(_opening_texts(request)))
    texts = request.POST.copy()
    verb, _, target = str(texts.get("do") or "run").partition(":")
    if verb == "run":
        return _run(request, suite, read(texts))
    if verb == "save":
        return _show(request, suite, save(texts, target, read))
    change(texts, verb, target, read)
    return _show(request, suite, read(texts))


@require_POST
def suite_run_preview(request: HttpRequest, suite_slug: str) -> HttpResponse:
    """Return what the picked recipes will cost, and the faults of every field."""
    suite = _find_suite(request, suite_slug)
    form = _reader(suite)(request.POST.copy())
    return render(request, "runs/_preview.html", {**_context(suite, form), "is_part": True})


def _find_suite(request: HttpRequest, slug: str) -> Suite:
    asked = request.POST if request.method == "POST" else request.GET
    return pick_version(find_versions(slug), asked.get("version", ""))


def _reader(suite: Suite) -> Callable[[QueryDict], SuiteRunForm]:
    return partial(_read, suite)


def _read(suite: Suite, texts: QueryDict) -> SuiteRunForm:
    setups.complete(texts)
    return SuiteRunForm(texts, suite)


def _opening_texts(request: HttpRequest) -> QueryDict:
    """Return the form as somebody first sees it: saved recipes that the address names, or four strategies."""
    texts = first_texts()
    if "recipe" in request.GET:
        setups.put_saved(texts, find_saved(request.GET.getlist("recipe")))
    return texts


def first_texts() -> QueryDict:
    """Return the texts of a comparison, once on each problem."""
    texts = setups.default_setup()
    texts["repeats"] = str(Repeats().repeats)
    return texts


def _run(request: HttpRequest, suite: Suite, form: SuiteRunForm) -> HttpResponse:
    context = _context(suite, form)  # finds the lanes that ask for too much
    if form.server_fault:
        form.errors.append(f"{form.server_fault} Nothing was started.")
    if form.is_valid():
        try:
            return redirect("run_matrix", run_id=_start(form).pk)
        except BadRecipe as error:
            form.errors.append(str(error))
    return render(request, "board/suite_run.html", context, status=422)


def _show(request: HttpRequest, suite: Suite, form: ComparisonForm) -> HttpResponse:
    assert isinstance(form, SuiteRunForm)
    return render(request, "board/suite_run.html", _context(suite, form))


def _context(suite: Suite, form: SuiteRunForm) -> dict[str, Any]:
    shown = show_recipes(form)
    return {
        **shown,
        "suite": suite,
        "whole": form.estimate(shown["preview"]),
        "form_url": reverse("suite_run", args=[suite.slug]),
        "preview_url": reverse("suite_run_preview", args=[suite.slug]),
        "server_fault": form.server_fault,
    }


def _start(form: SuiteRunForm) -> Run:
    limits = form.budget.values
    return start_run(
        problems=[place.problem for place in form.suite.places.select_related("problem")],
        recipes=[form.spec(card) for card in form.picked],
        title=str(form.suite),
        suite=form.suite,
        repeats=form.repeat_count,
        budget_tokens=limits["tokens"],
        budget_seconds=limits["seconds"],
        seed=limits["seed"],
    )
