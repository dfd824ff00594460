"""The page of a new comparison, and the parts of it that follow every change."""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.corpora.models import Corpus
from webapp.problems.models import Problem, SuitePlace
from webapp.runs import setups
from webapp.runs.changing import change, save, show_recipes
from webapp.runs.forms import ComparisonForm
from webapp.runs.launching import start_run
from webapp.runs.models import Run
from webapp.runs.models_on_server import served_models
from webapp.runs.picking import Picker, find_problems
from webapp.runs.previews import preview
from webapp.runs.problem_form import ProblemForm
from webapp.runs.saved_recipes import find_saved

REMEMBERED = "new_run"
"""The last set-up, kept in the session: the page then arrives filled in, with scripts or without."""


@require_http_methods(["GET", "POST"])
def new_run(request: HttpRequest) -> HttpResponse:
    """Show the page; start a run, or change the form by one of its other buttons."""
    if request.method == "GET":
        return _show(request, _opening_texts(request))
    texts = request.POST.copy()
    verb, _, target = str(texts.get("do") or "run").partition(":")
    if verb == "run":
        return _run(request, texts)
    if verb == "save":
        return _show(request, texts, form=save(texts, target, _read))
    if verb == "take":
        _take_problem(texts, target)
    else:
        change(texts, verb, target, _read)
    return _show(request, texts)


def _run(request: HttpRequest, texts: QueryDict) -> HttpResponse:
    served, fault = served_models()
    setups.complete(texts)
    form = ComparisonForm(texts, served)
    preview(form)  # finds the lanes that ask for too much
    if fault:
        form.errors.append(f"{fault} Nothing was started.")
    if not form.is_valid():
        return _show(request, texts, form=form, status=422)
    run = _start(form)
    _remember(request, texts)
    return redirect("run", run_id=run.pk)


@require_POST
def run_preview(request: HttpRequest) -> HttpResponse:
    """Return what the picked recipes will cost, and the faults of every field."""
    served, _ = served_models()
    form = ComparisonForm(request.POST, served)
    return render(request, "runs/_preview.html", {"form": form, "preview": preview(form), "is_part": True})


@require_POST
def run_reading(request: HttpRequest) -> HttpResponse:
    """Return how the grader reads the reference answer."""
    problem = ProblemForm(request.POST)
    problem.is_valid()
    return render(request, "runs/_reading.html", {"problem": problem, "is_part": True})


@require_GET
def run_problems(request: HttpRequest) -> HttpResponse:
    """Return the problems of a suite that match a search."""
    return render(request, "runs/_picker_list.html", {"picker": _find(request.GET)})


def _opening_texts(request: HttpRequest) -> QueryDict:
    """Return the texts that the address asks for, or else the last ones, or else the defaults."""
    asked = request.GET
    remembered = request.session.get(REMEMBERED)
    if "from" in asked:
        texts = setups.setup_of_run(get_object_or_404(Run, pk=asked["from"]))
    elif remembered and "fresh" not in asked:
        texts = QueryDict(remembered, mutable=True)
        setups.put_picked_first(texts)
        _forget_missing_model(texts)
    else:
        texts = setups.default_setup()
    if "problem" in asked:
        setups.put_problem(texts, _suite_problem(asked["problem"]))
    if "recipe" in asked:
        setups.put_saved(texts, find_saved(asked.getlist("recipe")))
    if asked.get("strategies"):
        setups.pick_strategies(texts, asked["strategies"].split(","))
    if asked.get("corpus", "").isdecimal() and len(asked["corpus"]) < 18:
        setups.put_corpus(texts, get_object_or_404(Corpus.objects.defer("text"), pk=asked["corpus"]))
    return texts


def _take_problem(texts: QueryDict, number: str) -> None:
    setups.put_problem(texts, _suite_problem(number))
    texts["source"] = "write"


def _read(texts: QueryDict) -> ComparisonForm:
    served, _ = served_models()
    setups.complete(texts)
    return ComparisonForm(texts, served)


def _suite_problem(number: str) -> Problem:
    """Return a problem of a suite; one that somebody typed is known only to those who have the link of its run."""
    in_a_suite = Problem.objects.filter(Exists(SuitePlace.objects.filter(problem=OuterRef("pk"))))
    return get_object_or_404(in_a_suite, pk=number if number.isdecimal() and len(number) < 18 else 0)


def _forget_missing_model(texts: QueryDict) -> None:
    """Let a remembered model go that the server no longer has."""
    served, _ = served_models()
    if served and texts.get("model") not in {model.name for model in served}:
        texts["model"] = ""


def _show(
    request: HttpRequest, texts: QueryDict, *, form: ComparisonForm | None = None, status: int = 200
) -> HttpResponse:
    _, fault = served_models()
    form = form or _read(texts)
    context = {
        **show_recipes(form),
        "form_url": reverse("new_run"),
        "preview_url": reverse("run_preview"),
        "server_fault": fault,
        "picker": _find(texts),
        "source": texts.get("source", "write"),
    }
    return render(request, "runs/new.html", context, status=status)


def _find(texts: QueryDict) -> Picker:
    return find_problems(texts.get("suite", ""), texts.get("search", "")[:200])


@transaction.atomic
def _start(form: ComparisonForm) -> Run:
    limits = form.budget.values
    return start_run(
        problems=[form.problem.save()],
        recipes=[form.spec(card) for card in form.picked],
        budget_tokens=limits["tokens"],
        budget_seconds=limits["seconds"],
        seed=limits["seed"],
    )


def _remember(request: HttpRequest, texts: QueryDict) -> None:
    for name in ("csrfmiddlewaretoken", "do", "source", "suite", "search", "step", "family", "saved"):
        texts.pop(name, None)
    request.session[REMEMBERED] = texts.urlencode()
