"""`manage.py demo`: fill a leaderboard with real runs of the starter suite. Needs a running `make run`."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.urls import reverse
from kombu.exceptions import OperationalError

from webapp.board.matrix import Progress, load_progress
from webapp.problems.models import Suite
from webapp.runs.continuing import continue_run
from webapp.runs.launching import RecipeSpec, cancel_run, check_recipe, start_run
from webapp.runs.models import Recipe, Run
from webapp.runs.models_on_server import ServerDown, model_names
from webapp.runs.setups import FIRST_PICKS
from webapp.runs.templatetags.amounts import clock
from workers.app import app
from workers.core.values import Sampling

SUITE = "starter-60"
PARAMS: dict[str, dict[str, Any]] = {
    "self_consistency": {"drafts": 5},
    "sequential_refinement": {"rounds": 3},
    "parallel_distill_refine": {"widths": (3, 1), "workspace_tokens": 256},
}
"""Small settings, about as many drafts each; the rest are the strategies' own defaults."""
SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=160)
BUDGET_TOKENS, BUDGET_SECONDS = 20_000, 900
SECONDS_PER_LANE = 6
"""On two cores with the embedded model, four recipes together; only for the first guess, the bar then measures."""
LOOK_SECONDS = 1.0
BAR = 30


class Command(BaseCommand):
    help = "Runs the starter suite with four strategies and shows the progress. A second call continues the same run."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--suite", default=SUITE, help=f"Slug of the suite; {SUITE} by default.")
        parser.add_argument("--problems", type=int, default=0, help="Only the first so many; the rows are provisional.")

    def handle(self, *_args: Any, suite: str, problems: int, **_options: Any) -> None:
        try:
            run = self._find_or_start(suite, problems)
        except (DatabaseError, OperationalError) as error:
            raise CommandError(f"The database or Redis does not answer. Start `make run` first. ({error})") from error
        try:
            with _ctrl_c_between_looks() as asked_to_stop:
                self._watch(run, asked_to_stop)
        except KeyboardInterrupt:
            cancel_run(run=run)
            self.stdout.write("\nStopped; verdicts so far are kept. `make demo` continues the same run.")
            sys.exit(130)
        self._say_where(run)

    def _find_or_start(self, slug: str, problems: int) -> Run:
        found = Suite.objects.filter(slug=slug).order_by("-version").first()
        if found is None:
            raise CommandError(f"There is no suite '{slug}'. `make run` loads the starter suites; start it first.")
        specs = _recipes()
        _ask_for_worker()
        title = f"Demo: {found}" + (f", first {problems}" if problems else "")
        run = _find_run(found, title, specs)
        if run is None:
            asked = [place.problem for place in found.places.select_related("problem")][: problems or None]
            run = start_run(
                problems=asked, recipes=specs, title=title, suite=found,
                budget_tokens=BUDGET_TOKENS, budget_seconds=BUDGET_SECONDS, seed=1,
            )  # fmt: skip
            guess = clock(SECONDS_PER_LANE * len(asked) * len(specs))
            self.stdout.write(f"Started {title}: {len(asked)} problems × {len(specs)} recipes on {specs[0].model}.")
            self.stdout.write(f"On two cores with the embedded model this takes about {guess}.")
        elif again := _continue_once_stopped(run):
            self.stdout.write(f"Continuing {title}: {again} lanes are left.")
        return run

    def _watch(self, run: Run, asked_to_stop: Callable[[], bool]) -> None:
        self.stdout.write(f"Watch it at {_address('run_matrix', run.pk)} (Ctrl-C here stops it)")
        shown = -1
        while True:
            run.refresh_from_db()
            progress = load_progress(run)
            if self.stdout.isatty():
                self.stdout.write(f"\r{_bar(progress)}\x1b[K", ending="")
                self.stdout.flush()
            elif progress.percent // 10 != shown:
                shown = int(progress.percent // 10)
                self.stdout.write(_bar(progress))
            if run.has_ended:
                self.stdout.write("")
                return
            time.sleep(LOOK_SECONDS)
            if asked_to_stop():
                raise KeyboardInterrupt

    def _say_where(self, run: Run) -> None:
        progress = load_progress(run)
        if run.status == "cancelled":
            self.stdout.write("The run was stopped from elsewhere; `make demo` continues it.")
        elif progress.failed:
            self.stdout.write(f"{progress.failed} lanes failed; `make demo` tries them again. The matrix says why.")
        assert run.suite
        self.stdout.write(f"Leaderboard: {_address('leaderboard', run.suite.slug)}")


@contextmanager
def _ctrl_c_between_looks() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C instead of breaking off a question to the database, which leaves the connection busy."""
    told: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: told.append(number))
    try:
        yield lambda: bool(told)
    finally:
        signal.signal(signal.SIGINT, before)


def _continue_once_stopped(run: Run) -> int:
    """Continue a run that has ended, waiting for one that is being stopped; return how many lanes are left."""
    for _ in range(60):
        run.refresh_from_db()
        if run.has_ended or not run.cancel_requested_at:
            break
        time.sleep(0.5)
    return continue_run(run=run)


def _recipes() -> list[RecipeSpec]:
    try:
        model = model_names()[0]
    except ServerDown as error:
        raise CommandError(f"{error} `make run` starts the embedded one.") from error
    sampling = SAMPLING.model_dump()
    return [RecipeSpec(slug, PARAMS.get(slug, {}), model, sampling, settle=True) for slug in FIRST_PICKS]


def _ask_for_worker() -> None:
    if not app.control.ping(timeout=3):
        raise CommandError("No worker answers. Start `make run` in another terminal, then `make demo` here.")


def _find_run(suite: Suite, title: str, specs: list[RecipeSpec]) -> Run | None:
    """Return the newest demo run of exactly these recipes."""
    wanted = {check_recipe(spec).fingerprint for spec in specs}
    for run in Run.objects.filter(suite=suite, title=title)[:20]:
        if set(Recipe.objects.filter(lanes__run=run).values_list("fingerprint", flat=True)) == wanted:
            return run
    return None


def _bar(progress: Progress) -> str:
    full = round(BAR * progress.percent / 100)
    left = f", about {clock(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"[{'#' * full}{'.' * (BAR - full)}] {progress.ended} of {progress.lanes} lanes{failed}{left}"


def _address(name: str, *parts: object) -> str:
    return f"http://{settings.HOST}:{settings.PORT}{reverse(name, args=parts)}"
