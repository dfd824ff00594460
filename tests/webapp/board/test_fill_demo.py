"""`manage.py demo`, with a real worker process and the model server of the tests."""

import dataclasses
import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings as site_settings
from django.core.management import CommandError, call_command
from django.db import connection

from tests.model_server import Rule
from tests.webapp.board.builders import make_suite
from webapp.local import parts, site
from webapp.runs import models_on_server
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def served(settings, model_server):
    settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=model_server.base_url)
    models_on_server._memory.clear()
    yield model_server
    models_on_server._memory.clear()


@pytest.fixture
def environment(served):
    """What another process needs to work on the test's own database."""
    place = connection.settings_dict
    return {
        "DATABASE_URL": f"postgresql://{place['USER']}@/{place['NAME']}?host={place['HOST']}",
        "REDIS_URL": site_settings.REDIS_URL,
        "VLLM_BASE_URL": served.base_url,
        "VLLM_MODEL": "scripted",
        "SECRET_KEY": "for tests only",
        "RETORT_VAR": str(site_settings.VAR),
    }


@pytest.fixture
def worker(environment, tmp_path):
    with parts.running(site.worker("suites", threads=1, environment=environment), tmp_path / "worker.log"):
        yield


def test_the_demo_fills_a_leaderboard_with_four_recipes(client, served, worker, capsys):
    served.script(Rule(match=r"\b1 \+ 1\b", right="2"), Rule(right="0"))
    make_suite(3)

    call_command("demo", suite="sums")

    said = capsys.readouterr().out
    assert "3 problems × 4 recipes on scripted" in said
    assert "12 of 12 lanes" in said
    assert "/leaderboards/sums/" in said
    rows = client.get("/leaderboards/sums.json").json()["rows"]
    assert len(rows) == 4
    assert {(row["accuracy"], row["problems"], row["lanes"]) for row in rows} == {(1 / 3, 3, 3)}


def test_a_second_call_runs_nothing_twice(served, worker, capsys):
    make_suite(2)
    call_command("demo", suite="sums")
    asked = len(served.log())

    call_command("demo", suite="sums")

    assert Run.objects.count() == 1
    assert len(served.log()) == asked


def test_ctrl_c_stops_the_run_and_a_second_call_continues_it(served, worker, environment, capsys):
    served.script(Rule(fault="hang"))
    make_suite(2)
    demo = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--suite", "sums"],
        env={**os.environ, **environment}, cwd=site_settings.BASE_DIR, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert demo.stdout
    assert any("Watch it at" in line for line in demo.stdout)

    demo.send_signal(signal.SIGINT)
    rest = demo.communicate(timeout=30)[0]

    assert demo.returncode == 130
    assert "Stopped; verdicts so far are kept. `make demo` continues the same run." in rest
    served.script(Rule(right="0"))
    call_command("demo", suite="sums")
    run = Run.objects.get()
    assert (run.status, run.lanes.filter(status="finished").count()) == ("finished", 8)
    assert "Continuing Demo: Sums, v1" in capsys.readouterr().out


def test_without_a_worker_the_demo_says_what_to_start(served):
    make_suite(1)

    with pytest.raises(CommandError, match=r"No worker answers\. Start `make run` in another terminal"):
        call_command("demo", suite="sums")

    assert not Run.objects.exists()


def test_without_the_suite_the_demo_says_who_loads_it():
    with pytest.raises(CommandError, match=r"There is no suite 'starter-60'\. `make run` loads the starter suites"):
        call_command("demo")
