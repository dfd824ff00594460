"""What axe finds on the run page, in every state and theme: nothing serious."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.model_server import Rule

BY_AXE = ("Applying inline style",)
"""Axe tries to style the page; the policy stops it."""
AXE = Path(__file__).parents[2] / "requirements/node/node_modules/axe-core/axe.min.js"


def find_faults(page: Page) -> list[str]:
    """Return the serious and critical faults of a page as axe names them, with the first element of each."""
    page.evaluate(AXE.read_text())  # evaluated, not loaded: the page's policy allows no script of others
    results: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'], preload: false })")
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:120]}"
        for fault in results["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_a_running_comparison_has_no_serious_fault(live_site, new_viewer, is_dark, width):
    live_site.model_server.script(Rule(replies=("word " * 60,), tokens_per_second=6))
    recipes = ("direct", {"strategy": "self_consistency", "params": {"drafts": 6}})
    page = new_viewer(width=width, dark=is_dark, may_complain=BY_AXE).page
    page.goto(live_site.start(*recipes))
    expect(page.locator("[data-call][data-state=streaming]").first).to_be_attached(timeout=30_000)

    assert find_faults(page) == []


@pytest.mark.parametrize("view", ["lanes", "timeline", "ledger", "sheet", "keys"])
def test_an_ended_comparison_has_no_serious_fault(live_site, new_viewer, view):
    live_site.model_server.script(Rule(replies=("So $x^2 = 4$ and \\boxed{42}", "none", "\\boxed{7}")))
    recipes = ({"strategy": "self_consistency", "params": {"drafts": 6}}, "parallel_distill_refine")
    page = new_viewer(may_complain=BY_AXE).page
    page.goto(live_site.start(*recipes) + ("" if view in ("sheet", "keys") else f"#{view}"))
    expect(page.locator("#ledger-label")).to_have_text("Result", timeout=60_000)
    if view == "sheet":
        page.locator("[data-call]").first.click()
    if view == "keys":
        page.keyboard.press("?")

    assert find_faults(page) == []


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_status_page_has_no_serious_fault(live_site, new_viewer, is_dark, width):
    page = new_viewer(width=width, dark=is_dark, may_complain=BY_AXE).page
    page.goto(live_site.address)

    page.locator("a.server").click()

    expect(page.get_by_role("cell", name="tasks from suites")).to_be_attached(timeout=30_000)
    assert find_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
