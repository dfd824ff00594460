"""A lane that kills its process: it is found out and ended, and the lanes beside it are not blamed."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Min
from django.utils import timezone

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.webapp.runs.playing import make_run
from webapp.local import site
from webapp.local.parts import Process, wait_ready
from webapp.runs.launching import SUSPECT_DEATHS, ask_for_work
from webapp.runs.models import Lane, Recipe, Status
from webapp.runs.recording import redis_now

pytestmark = pytest.mark.django_db(transaction=True)
POISON = '''"""Kill the process, once a draft has begun.

Cost: 1 call.
Source: none.
"""

import os

from workers.core.strategy import Example, StrategyParams, strategy


class Params(StrategyParams):
    """None."""


EXAMPLE = Example(question="?", params={}, replies={}, answer="", calls=0, depth=0)


@strategy(title="Poison", short="Poison", family="single", source="", params=Params, example=EXAMPLE,
          describe=lambda params: "")
async def poison(problem, lane, params):
    lane.note("Farewell.")
    os._exit(7)
'''


class Fleet:
    """One worker, started again whenever it dies, from a copy of the code that knows the strategy `poison`."""

    def __init__(self, folder: Path, model_server: ModelServer) -> None:
        for name in ("workers", "webapp"):
            shutil.copytree(settings.BASE_DIR / name, folder / "code" / name)
        (folder / "code" / "workers" / "strategies" / "poison.py").write_text(POISON)
        self.log = folder / "worker.log"
        database = connection.settings_dict["NAME"]
        environment = {
            "DATABASE_URL": f"{settings.DATABASE_URL.rpartition('/')[0]}/{database}",
            "REDIS_URL": settings.REDIS_URL,
            "VLLM_BASE_URL": model_server.base_url,
            "RETORT_VAR": str(folder),
            "SECRET_KEY": "for tests only",
        }
        part = site.worker("runs", threads=4, environment=environment)
        code = str(folder / "code")
        at = part.command.index("celery") + 1
        self._part = replace(
            part,
            command=(*part.command[:at], "--workdir", code, *part.command[at:]),
            environment={**part.environment, "PYTHONPATH": code, "PYTHONSAFEPATH": "1"},  # not from this folder
        )
        self.deaths = 0
        self.worker = self._start()

    def look(self) -> None:
        """Start the worker again if it has died, when others may have its lanes."""
        if self.worker.exit_code() is not None:
            self.deaths += 1
            Lane.objects.filter(status=Status.RUNNING).update(lease_until=timezone.now() - timedelta(seconds=1))
            self.worker = self._start()

    def stop(self) -> None:
        self.worker.ask_to_stop()
        self.worker.stop(within_seconds=10)

    def _start(self) -> Process:
        worker = Process(self._part, self.log)
        wait_ready(worker)
        return worker


@pytest.fixture
def fleet(tmp_path: Path, model_server: ModelServer) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path, model_server)
    yield fleet
    fleet.stop()


def test_a_lane_that_kills_its_worker_three_times_is_ended_alone(
    request: pytest.FixtureRequest, model_server: ModelServer
) -> None:
    model_server.script(Rule(right="42", tokens_per_second=20))
    redis_now().delete("runs")  # hints that other tests left
    shared, other = make_run("direct", "self_consistency", "direct"), make_run("direct", "sequential_refinement")
    culprit = shared.lanes.get(column=1)
    Lane.objects.filter(pk=culprit.pk).update(
        recipe=Recipe.objects.create(strategy="poison", params={}, model="scripted", sampling={}, fingerprint="poison")
    )

    fleet = request.getfixturevalue("fleet")
    deadline = time.monotonic() + 120
    while not (shared.has_ended and other.has_ended):
        assert time.monotonic() < deadline
        fleet.look()
        time.sleep(0.1)
        shared.refresh_from_db()
        other.refresh_from_db()

    culprit.refresh_from_db()
    assert (culprit.status, culprit.deaths) == ("failed", 3)
    assert culprit.error == "The worker died 3 times while it ran this lane; it is not tried again."
    assert fleet.deaths == 2  # the third time the lane was alone in its process
    assert fleet.log.read_text().count("lane_killed_its_process") == 1
    innocent = Lane.objects.exclude(pk=culprit.pk)
    assert set(innocent.values_list("status", "ruling")) == {(Status.FINISHED, "right")}
    assert (shared.status, other.status) == (Status.FINISHED, Status.FINISHED)


def test_suspects_that_wait_for_their_turn_keep_nobody_else_waiting(
    request: pytest.FixtureRequest, model_server: ModelServer
) -> None:
    model_server.script(Rule(replies=("So " * 100 + r"it is \boxed{42}.",), tokens_per_second=20))
    suspects = make_run(*["direct"] * 4)
    suspects.lanes.update(deaths=SUSPECT_DEATHS)
    redis_now().delete("runs")  # hints that other tests left, and those of before
    ask_for_work(run=suspects)
    other = make_run("direct")

    request.getfixturevalue("fleet")  # a worker with four threads, two of them for suspects
    deadline = time.monotonic() + 150
    while not (suspects.has_ended and other.has_ended):
        assert time.monotonic() < deadline
        time.sleep(0.1)
        suspects.refresh_from_db()
        other.refresh_from_db()

    assert set(suspects.lanes.values_list("status", "ruling")) == {(Status.FINISHED, "right")}
    first_end = suspects.lanes.aggregate(first=Min("ended_at"))["first"]
    assert other.lanes.get().started_at < first_end
