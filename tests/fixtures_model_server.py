"""The model server of the tests as a fixture: a real process, asked over the network."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import Rule

ROOT = Path(__file__).parents[1]


class ModelServer:
    """A handle on a running `tests.model_server`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        """With /v1."""
        self.root = base_url.removesuffix("/v1")

    def script(self, *rules: Rule) -> None:
        """Set what it answers; the first rule that matches counts."""
        self._ask("PUT", "/_script", [rule.model_dump() for rule in rules])

    def log(self) -> list[dict[str, Any]]:
        """Return all it was asked since the last reset; see `Server.chat` for the fields."""
        entries: list[dict[str, Any]] = self._ask("GET", "/_log")
        return entries

    def reset(self) -> None:
        """Forget script and log, close all streams."""
        self._ask("POST", "/_reset")

    async def wait_for(self, condition: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Return the log once it fulfils `condition`, letting this process's event loop run meanwhile."""
        async with asyncio.timeout(20):
            while not condition(log := await asyncio.to_thread(self.log)):  # noqa: ASYNC110 (another process changes it)
                await asyncio.sleep(0.01)
        return log

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)


@contextmanager
def run_model_server(*arguments: str) -> Iterator[ModelServer]:
    """Run a model server of one's own, e.g. `run_model_server("--dialect", "llama.cpp")`."""
    command = [sys.executable, "-m", "tests.model_server", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            assert address, "The model server of the tests did not start; its error is above."
            yield ModelServer(address)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def model_server_process() -> Iterator[ModelServer]:
    with run_model_server() as server:
        yield server


@pytest.fixture
def model_server(model_server_process: ModelServer) -> ModelServer:
    """A model server with an empty script and log; it serves the model `scripted`."""
    model_server_process.reset()
    return model_server_process
