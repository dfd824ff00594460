"""The whole site as processes (web, worker, engines, a scriptable model server) and a real Chromium.

Browser and site live no longer than a module: Playwright's loop must not be running when asynchronous tests begin.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from tests.browser.chromium import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.fixtures_model_server import ModelServer
from tests.site.live import LiveSite, running_site


@pytest.fixture(scope="session")
def site_process(model_server_process: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    with running_site(model_server_process, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def live_site(site_process: LiveSite, model_server: ModelServer) -> Iterator[LiveSite]:
    """The site, with an empty script in its model server."""
    yield site_process
    site_process.stop_all()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
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
