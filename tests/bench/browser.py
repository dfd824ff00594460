"""What a person sees in a real browser: `python -m tests.bench browser`.

Frame times while cards stream, and the time from pressing Run to the first token on the page. The servers run at low
priority, as if they had machines of their own. The idle page's frames say what this machine's browser can do at all.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.figures import Figure, at_most, percentile, spread
from tests.bench.site import FIRST_TOKEN_SECONDS, PACED
from tests.browser.chromium import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.model_server import Rule
from tests.site.live import LiveSite

CARDS = ((2, 4), (4, 8), (8, 8), (4, 25))
"""Lanes, and drafts of each."""
SPEED = 5_000
"""Tokens a second, all drafts together."""
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


async def measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    return await asyncio.to_thread(_measure, site, repeats=repeats, is_quick=is_quick)


def _measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        stack.callback(browser.close)
        for process in (psutil.Process(running.pid) for running in site.processes.values()):
            process.nice(15)
            stack.callback(process.nice, os.getpriority(os.PRIO_PROCESS, 0))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(site.address)
        idle = page.evaluate(_RECORD, 3)
        found = [Figure("browser", "idle page: frame p50 and p95", _describe(idle))]
        seconds = 2 if is_quick else SECONDS
        found += [_measure_cards(site, page, *size, seconds) for size in (((2, 4),) if is_quick else CARDS)]
        return [*found, _measure_first_token(site, browser, repeats)]


def _measure_cards(site: LiveSite, page: Page, lanes: int, drafts: int, seconds: int) -> Figure:
    """Return the frame times of a page on which that many cards stream."""
    cards = lanes * drafts
    words = "so the next step adds seven to twelve and keeps the sum for later " * 1_000
    site.model_server.script(Rule(replies=(words,), tokens_per_second=SPEED / cards))
    page.goto(site.start(*(_recipe(number, drafts) for number in range(lanes))))
    page.wait_for_function("n => document.querySelectorAll('[data-state=streaming]').length >= n", arg=cards)
    before = _tokens(page)
    frames = page.evaluate(_RECORD, seconds)
    arrived = (_tokens(page) - before) / (sum(frames) / 1000)
    site.stop_all()
    what = f"{cards} cards, {arrived:,.0f} tokens/s came: frame p50 {percentile(frames, 50):.1f} ms, p95"
    return at_most("browser", what, percentile(frames, 95), LIMIT_MS, " ms", digits=1)


def _measure_first_token(site: LiveSite, browser: Browser, repeats: int) -> Figure:
    """Press Run as a person does, and watch the page for the first text, to the millisecond."""
    site.model_server.script(PACED)
    waits = []
    for number in range(repeats):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(_WATCH)
        page.goto(site.address)
        page.fill("[name=question]", f"What is 6 times {7 + number}?")
        page.click("#run")
        page.wait_for_function("() => sessionStorage.first", timeout=60_000)
        waits.append(page.evaluate("() => sessionStorage.first - sessionStorage.pressed") - FIRST_TOKEN_SECONDS * 1000)
        page.close()
    what = "first token: from pressing Run to text on the page, beyond the model's own time"
    return Figure("browser", what, f"{median(waits):,.0f} ms" if len(waits) == 1 else spread(waits, " ms", digits=0))


_WATCH = """
document.addEventListener("submit", () => { sessionStorage.pressed = Date.now(); }, true);
const look = () => {
    const cards = [...document.querySelectorAll(".draft-card__tail")];
    if (!sessionStorage.first && cards.some((card) => card.textContent.trim())) sessionStorage.first = Date.now();
    if (!sessionStorage.first) requestAnimationFrame(look);
};
if (location.pathname.startsWith("/r/")) requestAnimationFrame(look);
"""


def _recipe(number: int, drafts: int) -> dict[str, Any]:
    sampling = {"max_tokens": 12_000, "top_p": 1 - number / 100}  # recipes that differ
    return {"strategy": "self_consistency", "params": {"drafts": drafts}, "sampling": sampling, "settle": False}


def _tokens(page: Page) -> int:
    return int(page.inner_text("#vital-total").replace(",", ""))


def _describe(frames: Sequence[float]) -> str:
    return f"{percentile(frames, 50):.1f} and {percentile(frames, 95):.1f} ms"
