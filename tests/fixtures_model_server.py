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
    """A running `tests.model_server`. It can be killed, and started again at the same address."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.base_url = self._start("0")
        """With /v1."""
        self.root = self.base_url.removesuffix("/v1")

    def _start(self, port: str) -> str:
        command = [sys.executable, "-m", "tests.model_server", "--port", port, *self._arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        address = self._process.stdout.readline().strip()
        assert address, "The model server of the tests did not start; its error is above."
        return address

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash would; its script and log are lost, its record is not."""
        if self._process:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None

    def start_again(self) -> None:
        """Start a new process where the killed one was."""
        self._start(self.root.rpartition(":")[2])

    def script(self, *rules: Rule) -> None:
        """Set what it answers; the first rule that matches counts."""
        self._ask("PUT", "/_script", json.dumps([rule.model_dump() for rule in rules]).encode())

    def log(self) -> list[dict[str, Any]]:
        """Return all it was asked since the last reset; see `serving.answering.Entry` for the fields."""
        entries: list[dict[str, Any]] = json.loads(self._ask("GET", "/_log"))
        return entries

    def running(self) -> int:
        """Return how many requests it is working on, by its metrics."""
        for line in self._ask("GET", "/metrics").decode().splitlines():
            if line.startswith("vllm:num_requests_running"):
                return int(float(line.split()[-1]))
        raise AssertionError("The metrics do not tell how many requests run.")

    def reset(self) -> None:
        """Forget script and log, close all streams."""
        self._ask("POST", "/_reset")

    async def wait_for(self, condition: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Return the log once it fulfils `condition`, letting this process's event loop run meanwhile."""
        async with asyncio.timeout(20):
            while not condition(log := await asyncio.to_thread(self.log)):  # noqa: ASYNC110 (another process changes it)
                await asyncio.sleep(0.01)
        return log

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.root + path, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=20) as response:
            return bytes(response.read())


@contextmanager
def run_model_server(*arguments: str) -> Iterator[ModelServer]:
    """Run a model server of one's own, e.g. `run_model_server("--dialect", "llama.cpp")`."""
    server = ModelServer(*arguments)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def model_server_process() -> Iterator[ModelServer]:
    with run_model_server() as server:
        yield server


@pytest.fixture
def model_server(model_server_process: ModelServer) -> ModelServer:
    """A model server with an empty script and log; it serves the model `scripted`."""
    model_server_process.reset()
    return model_server_process
