"""Start, stop and continue runs: the only place that creates lanes and asks for work."""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

import structlog
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError
from pydantic import BaseModel, ValidationError
from redis.exceptions import RedisError

from webapp.corpora.queries import find_corpus
from webapp.problems.models import Problem, Suite
from webapp.runs.capabilities import find_lacks
from webapp.runs.models import ENDED, Lane, Recipe, Run, Status
from webapp.runs.queries import corpus_names
from webapp.runs.recording import announce, end_from_outside, redis_now
from workers.app import app
from workers.core.errors import FencedOff
from workers.core.events import LaneCancelled, Ledger
from workers.core.values import Sampling
from workers.live import stream
from workers.strategies import catalog

log = structlog.get_logger(__name__)
MAX_LANES = 20_000
LANES_PER_TASK = 64
LANES_PER_STOP = 500
SUSPECT_DEATHS = 2
"""Deaths in a row, with no call ended between, after which a lane must run alone."""


class RecipeSpec(NamedTuple):
    """A recipe as somebody asked for it, not yet checked."""

    strategy: str
    params: dict[str, Any]
    model: str
    sampling: dict[str, Any]
    models: Mapping[str, str] = MappingProxyType({})
    """By part of the strategy: a model of its own; empty names mean the recipe's."""
    settle: bool = False
    """Ask once more for an end that cannot be read, if the model can go on from a begun text."""


class BadRecipe(ValueError):
    """A recipe that cannot be run.

    `field_errors` maps `strategy`, `model`, `models.<part>`, `params.<name>` or `sampling.<name>` to sentences.
    """

    def __init__(self, field_errors: dict[str, list[str]]) -> None:
        """Join the sentences for readers of the message."""
        self.field_errors = field_errors
        super().__init__(" ".join(f"{name}: {text}" for name, texts in field_errors.items() for text in texts))


def check_recipe(spec: RecipeSpec) -> Recipe:
    """Return the recipe (saved, or yet to be saved) that a spec asks for. Raises BadRecipe."""
    strategy = catalog().get(spec.strategy)
    if strategy is None:
        raise BadRecipe({"strategy": [f"There is no strategy '{spec.strategy}'; there are {', '.join(catalog())}."]})
    if not spec.model.strip():
        raise BadRecipe({"model": ["Name the model that the strategy is to use."]})
    model = spec.model.strip()
    models = own_models(spec.models, model)
    errors: dict[str, list[str]] = {}
    for part in models.keys() - strategy.models.keys():
        errors[f"models.{part}"] = [f"{strategy.title} has no part '{part}'; it has {_list(strategy.models)}."]
    params = _parse(strategy.params, spec.params, "params", errors)
    sampling = _parse(Sampling, spec.sampling, "sampling", errors)
    params = params and _find_corpora(params, errors)
    if errors or params is None or sampling is None:
        raise BadRecipe(errors)
    shares = strategy.share_needs(params, model, models)
    if lacks := [lack for name, needs in shares.items() for lack in find_lacks(needs, name)]:
        raise BadRecipe({"strategy": lacks})
    parts: dict[str, Any] = {
        "strategy": strategy.slug,
        "params": params.model_dump(mode="json"),
        "model": model,
        "sampling": sampling.model_dump(mode="json"),
    }
    # these two are left out where there is nothing to say, so that older recipes keep their fingerprints
    if models:
        parts["models"] = models
    if spec.settle and not find_lacks({"continuing"}, model):
        parts["settle"] = True
    fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return Recipe.objects.filter(fingerprint=fingerprint).first() or Recipe(**parts, fingerprint=fingerprint)


def _find_corpora(params: BaseModel, errors: dict[str, list[str]]) -> BaseModel:
    """Return the params with references in place of names of corpora."""
    for name in corpus_names(type(params)):
        wanted = getattr(params, name)
        found = find_corpus(wanted) if wanted else None
        if found:
            params = params.model_copy(update={name: found.reference})
        elif wanted:
            errors[f"params.{name}"] = [f"There is no corpus ‘{wanted}’. Upload it first, or name one that is there."]
    return params


def own_models(models: Mapping[str, str], model: str) -> dict[str, str]:
    """Return the parts whose model is not the recipe's."""
    return {part: name.strip() for part, name in models.items() if name.strip() not in ("", model)}


def _list(names: Collection[str]) -> str:
    return ", ".join(names) or "none"


def _parse(kind: type[BaseModel], given: dict[str, Any], prefix: str, errors: dict[str, list[str]]) -> BaseModel | None:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        for fault in error.errors():
            name = ".".join([prefix, *(str(part) for part in fault["loc"])])
            errors.setdefault(name, []).append(_say(fault["msg"], fault.get("input")))
        return None


def _say(message: str, given: object) -> str:
    text = message.removeprefix("Value error, ")
    return text if text.endswith(".") else f"{text}, got {str(given)[:60]!r}."


@transaction.atomic
def start_run(  # noqa: PLR0913  # keywords only; each is a field of the form
    *,
    problems: Sequence[Problem],
    recipes: Sequence[RecipeSpec],
    title: str = "",
    suite: Suite | None = None,
    repeats: int = 1,
    budget_tokens: int | None = None,
    budget_seconds: int | None = None,
    seed: int | None = None,
) -> Run:
    """Create a run with a lane for every recipe, problem and repeat, and ask the workers for it once it is saved.

    Raises BadRecipe, or ValueError when there is nothing to run or too much.
    """
    lanes = len(problems) * len(recipes) * repeats
    if lanes < 1:
        raise ValueError("A run needs at least one problem, one strategy and one repeat.")
    if lanes > MAX_LANES:
        raise ValueError(f"This run would have {lanes:,} lanes; the most is {MAX_LANES:,}.")
    columns = [keep_recipe(check_recipe(spec)) for spec in recipes]
    run = Run.objects.create(
        title=(title or problems[0].question)[:200],
        suite=suite,
        repeats=repeats,
        budget_tokens=budget_tokens,
        budget_seconds=budget_seconds,
        seed=secrets.randbelow(2**31) if seed is None else seed,
    )
    made = Lane.objects.bulk_create(
        (
            Lane(run=run, recipe=recipe, problem=problem, column=column, row=row, repeat=repeat, hinted_at=Now())
            for repeat in range(1, repeats + 1)
            for row, problem in enumerate(problems, 1)
            for column, recipe in enumerate(columns, 1)
        ),
        batch_size=1000,
    )
    transaction.on_commit(lambda: log.info("run_started", run=run.id, lanes=lanes))
    transaction.on_commit(lambda: _begin_log(run))
    transaction.on_commit(lambda: _send_hints(run, [lane.pk for lane in made], suspects=[]))
    return run


def _begin_log(run: Run) -> None:
    with suppress(RedisError):  # the first event begins it then, and early viewers are sent a snapshot
        stream.begin(redis_now(), run.id)


def keep_recipe(recipe: Recipe) -> Recipe:
    """Return the stored recipe, stored now if it is new; somebody else may store the same at this moment."""
    if not recipe._state.adding:
        return recipe
    names = ("strategy", "params", "model", "sampling", "models", "settle")
    values = {name: getattr(recipe, name) for name in names}
    return Recipe.objects.get_or_create(fingerprint=recipe.fingerprint, defaults=values)[0]


def ask_for_work(*, run: Run, lane_ids: Sequence[int] | None = None) -> None:
    """Tell the workers which lanes of the run wait: these, or all. A hint only: the lanes themselves are the work.

    If the broker is away nothing is raised: the sweep asks again for lanes of which nobody was told.
    """
    waiting = run.lanes.filter(status=Status.QUEUED)
    if lane_ids is not None:
        waiting = waiting.filter(id__in=lane_ids)
    lanes = list(waiting.filter(deaths__lt=SUSPECT_DEATHS).values_list("id", flat=True))
    suspects = list(waiting.filter(deaths__gte=SUSPECT_DEATHS).values_list("id", flat=True))
    waiting.update(hinted_at=Now())  # first: a sweep meanwhile shall not ask too
    _send_hints(run, lanes, suspects)


def _send_hints(run: Run, lanes: Sequence[int], suspects: Sequence[int]) -> None:
    queue = "runs" if run.suite_id is None else "suites"  # a long suite must not delay somebody at the page
    hints = [("run_lanes", lanes[start : start + LANES_PER_TASK]) for start in range(0, len(lanes), LANES_PER_TASK)]
    hints += [("run_alone", [lane_id]) for lane_id in suspects]
    try:
        for task, chosen in hints:
            kwargs = {"run_id": run.id, "lane_ids": chosen}
            app.send_task(f"workers.tasks.{task}", kwargs=kwargs, queue=queue, retry=False)
    except (BrokerError, RedisError, OSError) as error:
        log.warning("hint_not_sent", run=run.id, error=type(error).__name__)
        # one hint too many does no harm
        run.lanes.filter(status=Status.QUEUED, id__in=[*lanes, *suspects]).update(hinted_at=None)


def cancel_run(*, run: Run) -> None:
    """Stop a run: queued lanes end now, working ones within a second; what they have is kept."""
    asked = Run.objects.filter(pk=run.pk, cancel_requested_at=None).exclude(status__in=ENDED)
    if asked.update(cancel_requested_at=Now()):
        log.info("run_stopped", run=run.id)
        cancel_queued(run=run)


def cancel_queued(*, run: Run) -> None:
    """End the lanes of a stopped run that nobody works on; from its request on, none of them can be claimed."""
    while lanes := list(run.lanes.filter(status=Status.QUEUED)[:LANES_PER_STOP]):
        untouched = {lane.pk: lane.fence for lane in lanes if not lane.fence}
        at = run.clock_ms()
        facts = [LaneCancelled(lane=lane_id, at=at, ledger=Ledger(), seconds=0.0) for lane_id in untouched]
        with suppress(FencedOff):  # a worker claimed one just now: it learns of the stop by itself
            announce(run.id, facts, fences=untouched)
            for lane in lanes:
                if lane.fence:
                    end_from_outside(lane, LaneCancelled)
    announce(run.id, [], fences={})
