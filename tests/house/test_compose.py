"""The compose file runs what is there, with settings that are read, as `make run` would."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from tests.house.test_docs import environment_variables
from webapp.local import site
from webapp.status.exposing import QUEUES

ROOT = Path(settings.BASE_DIR)
UVICORNS_OWN = {"FORWARDED_ALLOW_IPS"}
_GAP = re.compile(r"\$\{(\w+)(?::([-+?])([^${}]*))?\}")


def compose(**given: str) -> dict[str, Any]:
    """Return the file as Compose reads it: `${NAME:-default}`, `:+` and `:?`, the innermost first."""
    text = (ROOT / "docker-compose.yml").read_text().replace("$$", "\0")

    def fill(gap: re.Match[str]) -> str:
        value = given.get(gap[1], "")
        assert value or gap[2] != "?", gap[3]
        return (gap[3] or "" if value else "") if gap[2] == "+" else value or gap[3] or ""

    while _GAP.search(text):
        text = _GAP.sub(fill, text)
    read: dict[str, Any] = yaml.safe_load(text.replace("\0", "$"))
    return read


SERVICES = compose(SECRET_KEY="secret " * 10, POSTGRES_PASSWORD="pw", SITE="retort.example.org")["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_settings_read(name: str):
    known = environment_variables() | UVICORNS_OWN

    assert set(OURS[name]["environment"]) - known == set()


def test_every_variable_that_the_file_takes_is_described():
    taken = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    described = (ROOT / "docs/deployment.md").read_text()

    assert [name for name in sorted(taken) if f"`{name}`" not in described] == []


def test_web_is_served_as_make_run_serves_it():
    command = ast.literal_eval(re.search(r"^CMD (\[.*?\])$", DOCKERFILE.replace("\\\n", ""), re.M)[1])  # type: ignore[index]
    ours = list(site.web(host="0.0.0.0", port=8000, environment={}).command[2:])

    assert without_grace(command) == without_grace(ours)


def without_grace(command: list[str]) -> list[str]:
    """Return a command without the seconds that it has to end, which are fewer on one machine."""
    return [word for word in command if not word.isdecimal() or int(word) > 60]


@pytest.mark.parametrize(("service", "queue"), [("worker", "runs"), ("suite-worker", "suites")])
def test_workers_are_run_as_make_run_runs_them(service: str, queue: str):
    command = shlex.split(OURS[service]["command"])
    threads = int(command[command.index("--concurrency") + 1])

    assert ["-m", *command] == list(site.worker(queue, threads=threads, environment={}).command[1:])
    assert queue in QUEUES


def test_what_prepares_is_a_command_of_ours():
    assert shlex.split(OURS["prepare"]["command"])[1] == "manage.py"
    assert get_commands()[shlex.split(OURS["prepare"]["command"])[2]].startswith("webapp.")


def test_every_image_is_pinned():
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)

    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


def test_the_settings_of_the_site_leave_nothing_to_warn_of():
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]}
        | {name: str(value or "") for name, value in OURS["web"]["environment"].items()},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "no issues" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0
