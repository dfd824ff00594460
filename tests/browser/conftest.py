"""The whole site as processes (web, worker, engines, a scriptable model server) and a real Chromium.

Browser and site live no longer than a module: Playwright's loop must not be running when asynchronous tests begin.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from tests.fixtures_model_server import ModelServer
from webapp.local import parts, postgres, redis, site

ROOT = Path(__file__).parents[2]
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class Site:
    """A running Retort, and what a program can ask of it."""

    def __init__(self, address: str, model_server: ModelServer) -> None:
        self.address = address
        self.model_server = model_server
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


@pytest.fixture(scope="session")
def site_process(model_server_process: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    var = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        port = _free_port()
        environment = {
            "DATABASE_URL": stack.enter_context(postgres.running(var / "postgres", is_durable=False)),
            "REDIS_URL": stack.enter_context(redis.running(var / "redis")),
            "VLLM_BASE_URL": model_server_process.base_url,
            "VLLM_MODEL": "scripted",
            "RETORT_VAR": str(var),
            "SECRET_KEY": "for tests only",
            "PORT": str(port),
        }
        _migrate(environment)
        for part in (
            site.worker("runs", threads=2, environment=environment),
            site.worker("suites", threads=1, environment=environment),
            site.web(host="127.0.0.1", port=port, environment=environment),
        ):
            stack.enter_context(parts.running(part, var / f"{part.name}.log"))
        yield Site(site.address("127.0.0.1", port), model_server_process)


def _migrate(environment: dict[str, str]) -> None:
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**os.environ, **environment}, check=True, timeout=120)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def live_site(site_process: Site, model_server: ModelServer) -> Iterator[Site]:
    """The site, with an empty script in its model server."""
    yield site_process
    site_process.stop_all()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


class Viewer:
    """A person with a browser of their own; remembers what the page complained of."""

    def __init__(self, context: BrowserContext, allowed: tuple[str, ...]) -> None:
        self.context = context
        self.allowed = allowed
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        """Errors in the console, uncaught exceptions, refused resources, dialogs."""
        self.foreign: list[str] = []
        """Requests that left the site."""
        self.page.on("console", lambda message: self._note("console", message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self._check(request.url))

    def _note(self, where: str, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{where}: {text}")

    def _refuse(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _check(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            self.foreign.append(url)


@pytest.fixture
def new_viewer(chromium: Browser) -> Iterator[Any]:
    """Make viewers: `new_viewer(width=390, height=844, dark=True)`. None may have complained when the test ends."""
    contexts: list[BrowserContext] = []
    viewers: list[Viewer] = []

    def make(*, width: int = 1440, height: int = 900, dark: bool = False, may_complain: Sequence[str] = ()) -> Viewer:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        viewer = Viewer(context, tuple(may_complain))
        viewers.append(viewer)
        return viewer

    yield make
    for context in contexts:
        context.close()
    for viewer in viewers:
        unexpected = [text for text in viewer.complaints if not any(part in text for part in viewer.allowed)]
        assert unexpected == []
        assert viewer.foreign == []
