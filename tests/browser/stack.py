"""The whole site as processes: web, workers, engines, beside a scriptable model server."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.fixtures_model_server import ModelServer
from webapp.local import parts, postgres, redis, site
from webapp.local.parts import Process

ROOT = Path(__file__).parents[2]
DATABASE_PASSWORD = "correct-horse-battery"
"""Not asked for, so it may be anything; no line of a log may hold it."""
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
"""The machine's own browser; None: Playwright's."""
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class LiveSite:
    """A running Retort, and what a program can ask of it."""

    def __init__(
        self,
        addresses: Sequence[str],
        model_server: ModelServer,
        processes: Mapping[str, Process],
        environment: Mapping[str, str],
    ) -> None:
        self.address = addresses[0]
        self.addresses = addresses
        """One for each web process."""
        self.model_server = model_server
        self.processes = processes
        """By name: `runs-1`, `runs-2` …, `suites`, `web-1` …"""
        self.environment = environment
        """What tells a process of the site where everything is."""
        self._started: list[str] = []

    def start(self, *recipes: str | dict[str, Any], question: str = "What is 6 times 7?", **problem: str) -> str:
        """Start a run through the JSON interface; return the address of its page."""
        body = {
            "problem": {"question": question, "answer": "42", "grader": "number", **problem},
            "recipes": [{"strategy": recipe} if isinstance(recipe, str) else recipe for recipe in recipes],
        }
        run_id = self.ask("api/v1/runs", body)["id"]
        self._started.append(run_id)
        return f"{self.address}r/{run_id}/"

    def stop_all(self) -> None:
        """Stop what the test started, and return once nothing of it runs any more."""
        for run_id in self._started:
            self.ask(f"api/v1/runs/{run_id}/cancel", {})
        while self._started:
            lanes = self.ask(f"api/v1/runs/{self._started[-1]}")["lanes"]
            if any(lane["status"] in ("queued", "running") for lane in lanes):
                time.sleep(0.1)
            else:
                self._started.pop()

    def lanes(self, page_address: str) -> list[dict[str, Any]]:
        """Return a run's lanes as the database has them."""
        lanes: list[dict[str, Any]] = self.ask(f"api/v1/runs/{page_address.rstrip('/').rsplit('/', 1)[-1]}")["lanes"]
        return lanes

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask the JSON interface."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error


@contextmanager
def running_site(
    model_server: ModelServer,
    var: Path,
    *,
    webs: int = 1,
    workers: int = 1,
    is_durable: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[LiveSite]:
    """Run a site of one's own on that model server, its data in `var`, for the length of a `with`."""
    with ExitStack() as stack:
        ports = free_ports(webs)
        environment = {
            "DATABASE_URL": stack.enter_context(postgres.running(var / "postgres", is_durable=is_durable)).replace(
                "postgres@", f"postgres:{DATABASE_PASSWORD}@"
            ),
            "REDIS_URL": stack.enter_context(redis.running(var / "redis")),
            "VLLM_BASE_URL": model_server.base_url,
            "VLLM_MODEL": "scripted",
            "RETORT_VAR": str(var),
            "SECRET_KEY": "for tests only",
            "ALLOWED_ORIGINS": ",".join(f"http://127.0.0.1:{port}" for port in ports),
            **variables,
        }
        _migrate(environment)
        wanted = [
            *(site.worker("runs", threads=2, environment=environment, name=f"runs-{n + 1}") for n in range(workers)),
            site.worker("suites", threads=1, environment=environment),
            *(
                replace(site.web(host="127.0.0.1", port=port, environment=environment), name=f"web-{number}")
                for number, port in enumerate(ports, 1)
            ),
        ]
        processes = {part.name: stack.enter_context(parts.running(part, var / f"{part.name}.log")) for part in wanted}
        addresses = [site.address("127.0.0.1", port) for port in ports]
        yield LiveSite(addresses, model_server, processes, environment)


def _migrate(environment: dict[str, str]) -> None:
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**os.environ, **environment}, check=True, timeout=120)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:  # all held at once, so that they differ
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
