"""Runs, for programs: JSON in, JSON out."""

from typing import Any

from django.db import transaction
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict, Field

from webapp.problems.models import Problem
from webapp.runs import launching, models_on_server, previews, queries
from webapp.runs.budgets import MOST_CALLS, MOST_TOKENS, Axis, Goal
from webapp.runs.continuing import continue_run
from webapp.runs.equalizing import equalize_spec
from webapp.runs.models import Call, Event, Lane, Recipe, Run, SavedRecipe
from webapp.runs.problem_form import ProblemForm
from webapp.runs.queries import estimate_recipe
from webapp.runs.saving import spec_of
from workers.core.values import Sampling
from workers.strategies import catalog

router = Router(tags=["runs"])
MOST_EVENTS = 1000
MOST_LANES_WITH_ROUNDS = 64


class In(Schema):
    """Input that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid")


class ProblemIn(In):
    """A problem by its text, or by its id."""

    id: int | None = None
    question: str = ""
    answer: str = ""
    grader: str = "boxed_math"


class RecipeIn(In):
    """One column of the comparison; what is left out takes the strategy's defaults."""

    strategy: str
    params: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    model: str = Field("", description="Empty: the server's first.")
    models: dict[str, str] = Field({}, description="Part of the strategy to a model of its own.")
    settle: bool = Field(
        default=True,
        description="Where no answer or verdict can be read, ask once more for that alone, if the model can go on from "
        "a begun text.",
    )


class LaneIn(RecipeIn):
    """A recipe, or the name of a saved one."""

    strategy: str = ""
    saved: str = Field("", description="A saved recipe by its name, in place of all else.")


class BudgetIn(In):
    """Limits of each lane."""

    total_tokens: int | None = Field(None, ge=1, le=100_000_000)
    seconds: int | None = Field(None, ge=1, le=86_400)


class EqualIn(In):
    """What all lanes spend alike, if every call writes its whole limit."""

    axis: Axis
    tokens: int = Field(ge=100, le=MOST_TOKENS)


class RunIn(In):
    """What to compare on which problem."""

    problem: ProblemIn
    recipes: list[LaneIn] = Field(min_length=1, max_length=8)
    budget: BudgetIn = Field(default_factory=BudgetIn.model_construct)
    equal: EqualIn | None = Field(
        None, description="Fit every recipe to this: the strategy's size first, then the length of a call."
    )
    seed: int | None = Field(None, ge=0, lt=2**31)


class ContinueIn(In):
    """How to continue."""

    repeats: int | None = Field(None, ge=1, description="Repeats of the whole run from now on.")


class LaneBrief(Schema):
    """A lane that was just created."""

    id: int
    strategy: str
    status: str


class RunBrief(Schema):
    """A run that was just created."""

    id: str
    url: str
    status: str
    lanes: list[LaneBrief]
    notes: list[str] = Field(default_factory=list, description="Which recipes cannot spend what all are to spend.")


class UsageOut(Schema):
    """What a lane cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    critical_path_tokens: int
    calls: int
    depth: int
    wasted_tokens: int


class DraftOut(Schema):
    """One call of a round."""

    key: str
    role: str
    state: str
    text: str
    thinking: str
    answer: str | None
    ruling: str
    prompt_tokens: int
    completion_tokens: int


class RoundOut(Schema):
    """A named phase of a lane."""

    index: int
    name: str
    calls: list[DraftOut]
    workspaces: list[str]


class LaneOut(Schema):
    """A lane with everything it wrote."""

    id: int
    strategy: str
    params: dict[str, Any]
    sampling: dict[str, Any]
    model: str
    models: dict[str, str]
    settle: bool
    row: int
    repeat: int
    status: str
    answer: str | None
    is_partial: bool = Field(description="The lane did not come to its end: its best answer until then.")
    verdict: str
    error: str
    seconds: float
    usage: UsageOut
    rounds: list[RoundOut]


class FailuresOut(Schema):
    """What failures cost the run; the lanes' `usage` includes it."""

    attempts: int = Field(description="Requests to the model server: calls, and those sent again.")
    retries: int
    failed_calls: int
    truncated_drafts: int
    abandoned_tokens: int = Field(description="Prompt and completion tokens of attempts that were given up.")
    is_estimate: bool = Field(description="A worker died: what its attempts wrote is known by what viewers were sent.")
    takeovers: int = Field(description="How often a worker took over a lane that another had begun.")


class RunOut(Schema):
    """A run with its lanes."""

    id: str
    url: str
    title: str
    status: str
    seed: int
    failures: FailuresOut
    lanes: list[LaneOut]


class FactsOut(Schema):
    """Facts in order; ask again with `after` set to `cursor`."""

    events: list[dict[str, Any]]
    cursor: int
    status: str


@router.post("", response={201: RunBrief}, summary="Start a run")
@transaction.atomic
def start(request: HttpRequest, body: RunIn) -> Status[RunBrief]:
    """Start a comparison of the recipes on one problem; answers once it is stored."""
    specs = [_spec(lane) for lane in body.recipes]
    try:
        problem = _problem(body.problem)
        specs, notes = _equalize(specs, body.equal, problem.question)
        for spec in specs:
            _check_cost(launching.check_recipe(spec), problem.question)
        run = launching.start_run(
            problems=[problem], recipes=specs, seed=body.seed,
            budget_tokens=body.budget.total_tokens or _cap(body.equal), budget_seconds=body.budget.seconds,
        )  # fmt: skip
    except launching.BadRecipe as error:
        raise HttpError(422, str(error)) from error
    lanes = [
        LaneBrief(id=lane.pk, strategy=lane.recipe.strategy, status=lane.status)
        for lane in run.lanes.select_related("recipe")
    ]
    return Status(201, RunBrief(id=run.id, url=_url(request, run), status=run.status, lanes=lanes, notes=notes))


def _equalize(
    specs: list[launching.RecipeSpec], equal: EqualIn | None, question: str
) -> tuple[list[launching.RecipeSpec], list[str]]:
    if equal is None:
        return specs, []
    fitted = [equalize_spec(spec, Goal(equal.axis, equal.tokens), question) for spec in specs]
    return [spec for spec, _ in fitted], [note for _, note in fitted if note]


def _cap(equal: EqualIn | None) -> int | None:
    return equal.tokens if equal and equal.axis == "total_tokens" else None


def _spec(lane: LaneIn) -> launching.RecipeSpec:
    if not lane.saved:
        return spec_of_input(lane)
    if lane.model_fields_set != {"saved"}:
        raise HttpError(422, f"A lane with the saved recipe '{lane.saved}' takes all from it: leave out the rest.")
    saved = SavedRecipe.objects.select_related("recipe").filter(name__iexact=lane.saved).first()
    if saved is None:
        raise HttpError(422, f"There is no saved recipe '{lane.saved}'; GET /api/v1/recipes lists them.")
    spec = spec_of(saved.recipe)
    for name in (spec.model, *spec.models.values()):
        _model(name)
    return spec


def spec_of_input(recipe: RecipeIn) -> launching.RecipeSpec:
    """Return a recipe with its models. Raises HttpError if the model server is down, or has no such model."""
    models = {part: _model(name) for part, name in recipe.models.items() if name}
    model = _model(recipe.model)
    return launching.RecipeSpec(recipe.strategy, recipe.params, model, recipe.sampling, models, recipe.settle)


def _model(name: str) -> str:
    try:
        names = models_on_server.model_names()
    except models_on_server.ServerDown as error:
        raise HttpError(503, str(error)) from error
    if name and name not in names:
        raise HttpError(422, f"The model server has no model '{name}'; it has {', '.join(names)}.")
    return name or names[0]


def _check_cost(recipe: Recipe, question: str) -> None:
    params = catalog()[recipe.strategy].params.model_validate(recipe.params)
    sampling, size = Sampling.model_validate(recipe.sampling), len(question.encode("utf-8", "replace"))
    estimate = estimate_recipe(recipe.strategy, params.model_dump_json(), sampling, size, MOST_CALLS, MOST_TOKENS)
    if fault := previews.too_much(estimate):
        raise HttpError(422, f"{recipe.strategy}: {fault}")


def _problem(given: ProblemIn) -> Problem:
    if given.id is not None:
        problem = Problem.objects.filter(pk=given.id).first()
        if problem is None:
            raise HttpError(422, f"There is no problem {given.id}.")
        return problem
    texts = QueryDict(mutable=True)
    texts.update({"question": given.question, "answer": given.answer, "grader": given.grader})
    form = ProblemForm(texts)
    if not form.is_valid():
        raise HttpError(422, " ".join(f"{name}: {text}" for name, texts in form.errors.items() for text in texts))
    return form.save()


@router.get("/{run_id}", response=RunOut, summary="A run with everything it wrote")
def show(request: HttpRequest, run_id: str) -> RunOut:
    """Return the run, its lanes with answers, verdicts and usage, and their rounds with drafts and workspaces.

    A run over a suite has too many texts for one answer: above 64 lanes rounds are left out, `/events` has them.
    """
    run = get_object_or_404(Run, pk=run_id)
    lanes = list(run.lanes.select_related("recipe").order_by("row", "repeat", "column"))
    if len(lanes) <= MOST_LANES_WITH_ROUNDS:
        prefetch_related_objects(lanes, "events", "call_rows")
    return RunOut(
        id=run.id, url=_url(request, run), title=run.title, status=run.status, seed=run.seed,
        failures=FailuresOut(**queries.what_failures_cost(run_id)),
        lanes=[_lane(lane, with_rounds=len(lanes) <= MOST_LANES_WITH_ROUNDS) for lane in lanes],
    )  # fmt: skip


def _lane(lane: Lane, *, with_rounds: bool) -> LaneOut:
    usage = {name: getattr(lane, name) for name in UsageOut.model_fields}
    return LaneOut(
        id=lane.pk, strategy=lane.recipe.strategy, params=lane.recipe.params, sampling=lane.recipe.sampling,
        model=lane.recipe.model, models=lane.recipe.models, settle=lane.recipe.settle, row=lane.row,
        repeat=lane.repeat, status=lane.status, answer=lane.answer, is_partial=lane.is_partial, verdict=lane.ruling,
        error=lane.error, seconds=lane.seconds, usage=UsageOut(**usage), rounds=_rounds(lane) if with_rounds else [],
    )  # fmt: skip


def _rounds(lane: Lane) -> list[RoundOut]:
    facts = [event.body for event in lane.events.all()]
    texts = {fact["call"]: fact for fact in facts if "call" in fact and "text" in fact}
    rounds = {
        fact["index"]: RoundOut(index=fact["index"], name=fact["name"], calls=[], workspaces=[])
        for fact in facts
        if fact["kind"] == "round_opened"
    }
    for call in lane.call_rows.all():
        shown = rounds.setdefault(call.round, RoundOut(index=call.round, name="", calls=[], workspaces=[]))
        shown.calls.append(_draft(call, texts.get(call.key, {})))
    for fact in facts:
        if fact["kind"] == "workspace_written" and fact["round"] in rounds:
            rounds[fact["round"]].workspaces.append(fact["text"])
    return [rounds[index] for index in sorted(rounds)]


def _draft(call: Call, end: dict[str, Any]) -> DraftOut:
    return DraftOut(
        key=call.key, role=call.role, state=call.state, text=end.get("text", ""),
        thinking=end.get("thinking", ""), answer=call.answer, ruling=call.ruling,
        prompt_tokens=call.prompt_tokens, completion_tokens=call.completion_tokens,
    )  # fmt: skip


@router.get("/{run_id}/events", response=FactsOut, summary="The facts of a run, in order")
def facts(request: HttpRequest, run_id: str, after: int = 0) -> FactsOut:
    """Return up to 1,000 facts behind `after`. Texts still being written are on the websocket, not here."""
    run = get_object_or_404(Run, pk=run_id)
    found = list(Event.objects.filter(run=run, id__gt=after).values_list("id", "body")[:MOST_EVENTS])
    return FactsOut(events=[body for _, body in found], cursor=found[-1][0] if found else after, status=run.status)


@router.post("/{run_id}/cancel", response=RunBrief, summary="Stop a run")
def cancel(request: HttpRequest, run_id: str) -> RunBrief:
    """Stop every lane within a second; finished drafts and the best answers so far are kept."""
    run = get_object_or_404(Run, pk=run_id)
    launching.cancel_run(run=run)
    return _brief(request, run)


@router.post("/{run_id}/continue", response=RunBrief, summary="Continue a run that has ended")
def continue_(request: HttpRequest, run_id: str, body: ContinueIn | None = None) -> RunBrief:
    """Take up lanes that were stopped or failed, and begin those of more repeats. Finished calls are not asked again.

    A run that is going is left alone.
    """
    run = get_object_or_404(Run, pk=run_id)
    try:
        continue_run(run=run, repeats=body.repeats if body else None)
    except ValueError as error:
        raise HttpError(422, str(error)) from error
    return _brief(request, run)


def _brief(request: HttpRequest, run: Run) -> RunBrief:
    run.refresh_from_db()
    lanes = run.lanes.select_related("recipe")
    brief = [LaneBrief(id=lane.pk, strategy=lane.recipe.strategy, status=lane.status) for lane in lanes]
    return RunBrief(id=run.id, url=_url(request, run), status=run.status, lanes=brief)


def _url(request: HttpRequest, run: Run) -> str:
    return request.build_absolute_uri(reverse("run", args=[run.id]))
