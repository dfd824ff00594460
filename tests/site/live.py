"""A site for tests that look at it from outside, through its pages and its JSON interface."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.fixtures_model_server import ModelServer
from tests.site.stack import Stack
from webapp.local import parts
from webapp.local.parts import Process


class LiveSite:
    """A running Retort, and what a program can ask of it."""

    def __init__(self, stack: Stack, model_server: ModelServer) -> None:
        self.addresses = stack.addresses
        """One for each web process."""
        self.address = self.addresses[0]
        self.model_server = model_server
        self.environment = stack.environment("tests")
        """What tells a process of the site where everything is."""
        self._stack = stack
        self._started: list[str] = []

    @property
    def processes(self) -> Mapping[str, Process]:
        """By name: `worker-1`, `worker-2` …, `suite-worker-1`, `web-1` …"""
        return {member.name: member.process_now for member in self._stack.ours}

    def start(self, *recipes: str | dict[str, Any], question: str = "What is 6 times 7?", **problem: str) -> str:
        """Start a run through the JSON interface; return the address of its page."""
        body = {
            "problem": {"question": question, "answer": "42", "grader": "number", **problem},
            "recipes": [
                {"settle": False, **({"strategy": recipe} if isinstance(recipe, str) else recipe)} for recipe in recipes
            ],  # what the model server's rules say is what is heard
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
    threads: int = 2,
    is_durable: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[LiveSite]:
    """Run a site of one's own on that model server, its data in `var`, for the length of a `with`."""
    with (
        parts.private_folder() as sockets,
        Stack(
            var, sockets, model_url=model_server.base_url, webs=webs, workers=workers, threads=threads,
            suite_workers=1, is_durable=is_durable, variables=variables,
        ) as stack,
    ):  # fmt: skip
        stack.prepare()
        stack.open()
        yield LiveSite(stack, model_server)
