"""Write docs/handbook: `make handbook`, or some pages: `python -m tests.handbook tournament cascade`.

Each strategy's worked example is worked on as any lane is, through database, Redis and web server; only the model is
scripted. Then a browser looks at the lane, 1,440 pixels wide and beside two others, and its picture is kept.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django
from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.fixtures_model_server import run_model_server
from tests.handbook.pages import FOLDER, write_contents, write_page
from tests.site.live import LiveSite, running_site
from workers.core.strategy import Strategy
from workers.strategies import catalog

WIDTH = 1440
HEIGHTS = (560, 1400)
"""Of the window: high enough for the whole lane, within these limits, px."""

MISSING = "body => body.scrollHeight - body.clientHeight"


def main(arguments: list[str] | None = None) -> None:
    strategies = catalog()
    parser = argparse.ArgumentParser(prog="python -m tests.handbook", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("strategies", nargs="*", metavar="strategy", help="none means all")
    chosen = parser.parse_args(arguments).strategies
    if unknown := set(chosen) - set(strategies):
        parser.error(f"there is no strategy {', '.join(sorted(unknown))}")
    FOLDER.mkdir(exist_ok=True)
    with (
        run_model_server() as model_server,
        tempfile.TemporaryDirectory(prefix="handbook") as var,
        running_site(model_server, Path(var), workers=0) as site,  # we are the worker
    ):
        addresses = _work(site, [strategies[slug] for slug in chosen or strategies])  # before Playwright's loop runs
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHTS[0]})
            for slug, address in addresses.items():
                sys.stderr.write(f"{slug} …\n")
                _take_picture(page, address, FOLDER / f"{slug}.png")
                write_page(strategies[slug])
            browser.close()
    write_contents(list(strategies.values()))


def _work(site: LiveSite, strategies: list[Strategy]) -> dict[str, str]:
    """Run every worked example; return the address of its run."""
    os.environ.update(site.environment, DJANGO_SETTINGS_MODULE="webapp.settings")
    django.setup()
    from tests.handbook.examples import run_example  # the settings must know the engines first

    return {strategy.slug: f"{site.address}r/{run_example(strategy)}/" for strategy in strategies}


def _take_picture(page: Page, address: str, path: Path) -> None:
    page.set_viewport_size({"width": WIDTH, "height": HEIGHTS[0]})
    page.goto(address)
    page.locator("[data-run-chip]").last.get_by_text("Finished").wait_for()
    page.keyboard.press("1")
    lane, height, before = page.locator(".lane").first, HEIGHTS[0], HEIGHTS[1]
    while 0 < (missing := lane.locator(".lane__body").evaluate(MISSING)) < before:  # notes stay below the fold
        height, before = min(HEIGHTS[1], height + missing), missing
        page.set_viewport_size({"width": WIDTH, "height": height})
        page.wait_for_timeout(300)  # trees are drawn anew after a change of size
    lane.screenshot(path=path)


if __name__ == "__main__":
    main()
