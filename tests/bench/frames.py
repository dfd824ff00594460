"""How smooth the run page stays while 64 cards stream: `python -m tests.bench.frames`.

The whole stack (web, worker, PostgreSQL, Redis) and a real Chromium; the model server is scripted, so that the speed
of the stream is known. Prints the frame times of an idle page first: what this machine's browser can do at all.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.stack import CHROMIUM, CHROMIUM_ARGUMENTS, LiveSite, running_site
from tests.fixtures_model_server import run_model_server
from tests.model_server import Rule

LANES, DRAFTS = 8, 8
TOKENS_PER_SECOND = 5_000
SECONDS = 10
LIMIT_MS = 33.0
_RECORD = """seconds => new Promise(done => {
    const frames = []; let last = performance.now(); const end = last + seconds * 1000;
    const tick = now => {
        frames.push(now - last);
        last = now;
        now < end ? requestAnimationFrame(tick) : done(frames);
    };
    requestAnimationFrame(tick);
})"""


def main() -> None:
    """Measure and print; exits with 1 when the 95th percentile is above the limit."""
    with tempfile.TemporaryDirectory(prefix="retort-bench-") as folder, run_model_server() as model:
        with running_site(model, Path(folder)) as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
            idle, busy, tokens = _measure(site, browser)
            browser.close()
    _show("idle page", idle)
    _show(f"{LANES * DRAFTS} cards streaming {tokens:,.0f} tokens/s", busy)
    if _percentile(busy, 95) > LIMIT_MS:
        raise SystemExit(f"The 95th percentile is above {LIMIT_MS:.0f} ms.")


def _measure(site: LiveSite, browser: Browser) -> tuple[list[float], list[float], float]:
    """Return frame times of an idle and of a streaming page, and the tokens a second that reached the page."""
    words = "so the next step adds seven to twelve and keeps the sum for later " * 400
    speed = TOKENS_PER_SECOND / (LANES * DRAFTS)
    site.model_server.script(Rule(replies=(words,), tokens_per_second=speed))
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(site.address)
    idle = page.evaluate(_RECORD, 3)
    recipes = [
        {
            "strategy": "self_consistency",
            "params": {"drafts": DRAFTS},
            "sampling": {"max_tokens": 4000, "top_p": 1 - n / 100},
        }
        for n in range(LANES)
    ]
    page.goto(site.start(*recipes))
    page.wait_for_function("n => document.querySelectorAll('[data-state=streaming]').length >= n", arg=LANES * DRAFTS)
    before = _tokens(page)
    busy = page.evaluate(_RECORD, SECONDS)
    tokens = (_tokens(page) - before) / (sum(busy) / 1000)
    site.stop_all()
    return idle, busy, tokens


def _recipe(number: int) -> dict[str, Any]:
    sampling = {"max_tokens": 4000, "top_p": 1 - number / 100}  # eight recipes that differ
    return {"strategy": "self_consistency", "params": {"drafts": DRAFTS}, "sampling": sampling}


def _tokens(page: Page) -> int:
    return int(page.inner_text("#vital-total").replace(",", ""))


def _percentile(frames: Sequence[float], percent: int) -> float:
    return quantiles(frames, n=100)[percent - 1]


def _show(title: str, frames: Sequence[float]) -> None:
    p50, p95 = (_percentile(frames, percent) for percent in (50, 95))
    sys.stdout.write(f"{title:44} {len(frames):5} frames   p50 {p50:5.1f} ms   p95 {p95:5.1f} ms\n")


if __name__ == "__main__":
    main()
