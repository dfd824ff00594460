"""What pages and starts cost the database: `python -m tests.bench queries`, in a process with Django set up.

Prints one JSON object: seconds, and for the run page its queries.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django


def main(run_id: str, lanes: int, problems: int, repeats: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    found = {"run_page": _open_run_page(run_id, repeats), "leaderboard": _open_leaderboard(lanes, repeats),
             "start": _start_run(problems, repeats)}  # fmt: skip
    print(json.dumps(found))  # noqa: T201


def _time(action: Callable[[], Any], repeats: int) -> list[float]:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return seconds


def _open_run_page(run_id: str, repeats: int) -> dict[str, Any]:
    from django.db import connection
    from django.test import Client, RequestFactory
    from django.test.utils import CaptureQueriesContext

    from webapp.runs import views_run

    client = Client(headers={"host": "127.0.0.1"})

    def get() -> None:
        for path in (f"/r/{run_id}/", f"/r/{run_id}/snapshot"):
            assert client.get(path).status_code == 200, path

    get()
    request = RequestFactory().get("/")
    with CaptureQueriesContext(connection) as asked:  # the client asks in another thread, on its own connection
        views_run.run(request, run_id)
    queries = len(asked)  # read now: the next request clears the log
    return {"seconds": _time(get, repeats), "queries": queries}


def _open_leaderboard(lanes: int, repeats: int) -> dict[str, list[float]]:
    from django.test import Client

    from webapp.board import queries

    _fill_suite(lanes)
    client = Client(headers={"host": "127.0.0.1"})

    def get() -> None:
        assert client.get("/leaderboards/bench/").status_code == 200

    get()
    again = _time(get, repeats)

    def get_anew() -> None:
        queries._count.cache_clear()
        get()

    return {"again": again, "anew": _time(get_anew, repeats)}


def _fill_suite(lanes: int) -> None:
    """Store 20 recipes x 500 problems x repeats of lanes that ended, with rulings by chance."""
    from django.db import connection

    from webapp.problems.models import Problem, Suite, SuitePlace
    from webapp.runs.models import Recipe, Run

    suite = Suite.objects.create(slug="bench", name="Benchmark")
    made = Problem.objects.bulk_create(Problem(question=f"{n}?", answer="1", grader="number") for n in range(500))
    SuitePlace.objects.bulk_create(
        SuitePlace(suite=suite, problem=problem, position=place, name=str(place))
        for place, problem in enumerate(made, 1)
    )
    recipes = [
        Recipe.objects.create(
            strategy="self_consistency", params={"drafts": n + 1}, model="scripted", fingerprint=f"bench-{n}",
            sampling={"temperature": 0.8, "top_p": 0.95, "max_tokens": 512},
        )
        for n in range(20)
    ]  # fmt: skip
    for _ in range(max(1, lanes // 10_000)):
        run = Run.objects.create(suite=suite, title="Benchmark", seed=1)
        with connection.cursor() as cursor:
            cursor.execute(_LANES, [run.pk, [recipe.pk for recipe in recipes], [problem.pk for problem in made]])
            cursor.execute("UPDATE runs_run SET status = 'finished', ended_at = now() WHERE id = %s", [run.pk])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


_LANES = """
INSERT INTO runs_lane (
    run_id, recipe_id, problem_id, "column", row, repeat, status, started_at, ended_at, fence, deaths, answer,
    answer_note, is_partial, stopped_by, error, ruling, explanation, prompt_tokens, completion_tokens, total_tokens,
    critical_path_tokens, calls, depth, peak_context, wasted_tokens, seconds
)
SELECT %s, recipe, problem, c, r, 1, 'finished', now(), now(), 1, 0, '1', '', false, '', '',
       CASE WHEN random() < 0.3 + c / 60.0 THEN 'right' ELSE 'wrong' END, '', 100, 300, 400 + (random() * 100)::int,
       100, c, 1, 400, (random() * 40)::int, random() * 3
FROM unnest(%s::bigint[]) WITH ORDINALITY AS recipes(recipe, c),
     unnest(%s::bigint[]) WITH ORDINALITY AS problems(problem, r)
"""


def _start_run(problems: int, repeats: int) -> list[float]:
    """Start runs of many problems; they are stopped at once, so that no worker is kept busy."""
    from webapp.problems.models import Problem
    from webapp.runs.launching import RecipeSpec, cancel_run, start_run

    chosen = Problem.objects.bulk_create(
        Problem(question=f"What is {n} + 1?", answer=str(n + 1), grader="number") for n in range(problems)
    )
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run = start_run(problems=chosen, recipes=[RecipeSpec("direct", {}, "scripted", {})])
        seconds.append(time.perf_counter() - began)
        cancel_run(run=run)
    return seconds


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
