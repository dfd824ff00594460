"""Watching a run in a real browser, on the whole site."""

import re

from playwright.sync_api import expect

from tests.model_server import HOSTILE, Rule

SLOW = Rule(right="42", tokens_per_second=25)
FAST = Rule(right="42")


def _texts(page) -> dict[str, str]:
    """Return what the page shows of every call when opened as written, by lane and key."""
    found = {}
    for lane in page.locator(".lane").all():
        for card in lane.locator("[data-call]").all():
            card.click()
            page.get_by_role("tab", name="As written").click()
            found[f"{lane.get_attribute('data-lane')} {card.get_attribute('data-call')}"] = page.locator(
                "#sheet-body pre"
            ).text_content()
            page.keyboard.press("Escape")
    return found


def _stored(site, address: str) -> dict[str, str]:
    """Return the texts of all drafts as the database has them."""
    return {
        f"{lane['id']} {call['key']}": call["text"]
        for lane in site.lanes(address)
        for each in lane["rounds"]
        for call in each["calls"]
        if call["role"] != "distill"
    }


def _wait_for_end(page) -> None:
    expect(page.locator("[data-run-chip]").last).to_contain_text(re.compile("Finished|Failed|Stopped"), timeout=30_000)


def test_drafts_stream_and_lanes_are_judged(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct", {"strategy": "self_consistency", "params": {"drafts": 4}})
    page = new_viewer().page

    page.goto(address)
    card = page.locator(".lane").first.locator("[data-call]").first
    expect(card).to_have_attribute("data-state", "streaming", timeout=15_000)
    early = card.locator(".draft-card__tail").text_content()
    _wait_for_end(page)

    assert early
    assert early in card.locator(".draft-card__tail").text_content()
    expect(page.locator(".lane .verdict--right")).to_have_count(2)
    assert _texts(page) == _stored(live_site, address)
