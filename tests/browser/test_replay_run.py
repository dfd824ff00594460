"""Replaying a run that is over, in a real browser, on the whole site."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import find_serious_faults
from tests.model_server import Rule

WORDS = Rule(
    replies=("One by one the words come, so that somebody can watch. " * 3 + r"\boxed{42}",), tokens_per_second=12
)
RECIPES: tuple[Any, ...] = (
    "direct",
    {"strategy": "self_consistency", "params": {"drafts": 4}},
    {"strategy": "parallel_distill_refine", "params": {"widths": [3, 1], "workspace_tokens": 128}},
)
BY_AXE = ("Applying inline style",)
SHOWN = """() => [...document.querySelectorAll(
    ".lane__head, .lane__ledger, .rounds, .round, .workspace, .lane__more, .vitals, #ledger-label")]
    .map(part => part.innerText)"""


def _run(live_site: Any, *recipes: Any, **problem: Any) -> str:
    live_site.model_server.script(WORDS)
    address: str = live_site.start(*recipes, **problem)
    while any(lane["status"] in ("queued", "running") for lane in live_site.lanes(address)):
        time.sleep(0.1)
    return address


@pytest.fixture
def ended(live_site) -> str:
    """The address of a run that took some seconds, with votes, workspaces and several rounds."""
    return _run(live_site, *RECIPES)


def _open(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#replay")).to_be_visible(timeout=20_000)


def _settle(page: Page) -> list[str]:
    """Return everything that the page says, once it says the same for half a second."""
    before: list[str] = []
    while before != (before := page.evaluate(SHOWN)):
        page.wait_for_timeout(500)
    return before


def _texts(page: Page) -> int:
    return sum(len(text) for text in page.locator(".draft-card__tail").all_inner_texts())


def test_a_replay_plays_to_the_same_end(ended, new_viewer):
    page = new_viewer().page
    _open(page, ended)
    whole = _settle(page)
    page.locator("#replay-speed").select_option("2")

    page.get_by_role("button", name="Play the replay").click()
    expect(page.locator("[data-run-chip]").last).to_have_text("Replay")
    expect(page.locator("[data-call][data-state=streaming]").first).to_be_visible()
    early = page.locator("[data-call][data-state=streaming] .draft-card__tail").first.inner_text()
    expect(page.locator("#status")).to_have_text("The replay has ended.", timeout=60_000)

    assert whole[0] and early.startswith(("One", "Waits"))
    assert _settle(page) == whole
    expect(page.get_by_role("button", name="Play the replay")).to_be_visible()


def test_any_moment_can_be_shared_and_shows_the_same_to_who_opens_it(ended, new_viewer):
    page, other = new_viewer().page, new_viewer().page
    _open(page, ended)
    whole = _settle(page)
    track = page.get_by_role("slider", name="Replay position")
    length = float(track.get_attribute("max") or 0)

    track.focus()
    page.keyboard.press("Home")
    assert _texts(page) < 200
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(track).to_have_attribute("aria-valuetext", re.compile(r"^2 s of \d+ s$"))
    track.evaluate("node => node.dispatchEvent(new Event('change'))")
    moment = _settle(page)
    _open(other, page.url)

    assert page.url.endswith("?at=2.0")
    assert length > 2000
    assert moment != whole
    assert _settle(other) == moment
    other.get_by_role("slider", name="Replay position").press("End")
    assert _settle(other) == whole
    other.get_by_role("link", name="Fork").click()
    expect(other.locator("[name=question]")).to_have_value("What is 6 times 7?")


def _seek(page: Page, part: float) -> None:
    track = page.get_by_role("slider", name="Replay position")
    track.evaluate("(node, part) => { node.value = node.max * part; node.dispatchEvent(new Event('input')); }", part)
    track.evaluate("node => node.dispatchEvent(new Event('change'))")


def test_lanes_race_by_their_tokens_and_a_moment_of_it_can_be_shared(live_site, ended, new_viewer):
    page, other = new_viewer().page, new_viewer().page
    totals = [lane["usage"]["total_tokens"] for lane in live_site.lanes(ended)]
    _open(page, ended)
    whole = _settle(page)
    track = page.get_by_role("slider", name="Replay position")

    page.get_by_label("Lanes go on by").select_option("By critical path")
    assert _settle(page)[-1] == whole[-1], "nothing has moved yet"
    _seek(page, 0.5)
    moment = _settle(page)
    direct, votes, refining = (lane.locator(".chip") for lane in page.locator(".lane").all())
    expect(direct).to_have_text("Done")
    expect(votes).to_have_text("Done")  # its drafts are parallel: on the critical path it is as long as one of them
    expect(refining).to_have_text(re.compile(r"\d of \d"))
    expect(page.locator(".replay__time")).to_have_text(re.compile(r"^[\d,]+ / [\d,]+ tokens$"))
    expect(track).to_have_attribute("aria-valuetext", re.compile(r"^[\d,]+ of [\d,]+ tokens$"))
    _open(other, page.url)

    assert re.search(r"\?by=critical&at=\d+$", page.url)
    assert _settle(other) == moment
    other.get_by_label("Lanes go on by").select_option("By total tokens")
    _seek(other, (totals[0] + totals[1]) / 2 / max(totals))
    expect(other.locator(".lane").nth(0).locator(".chip")).to_have_text("Done")
    expect(other.locator(".lane").nth(1).locator(".chip")).to_have_text(re.compile(r"\d of \d"))
    other.get_by_role("slider", name="Replay position").press("End")
    assert _settle(other) == whole


def test_the_keys_play_stop_and_go_from_mark_to_mark(ended, new_viewer):
    page = new_viewer().page
    _open(page, ended)
    track = page.get_by_role("slider", name="Replay position")

    page.keyboard.press(",")
    last = float(track.input_value())
    page.keyboard.press(",")
    assert float(track.input_value()) < last < float(track.get_attribute("max") or 0)
    page.keyboard.press(".")
    assert float(track.input_value()) == pytest.approx(last, abs=10)
    track.press("Home")
    page.locator("#main").focus()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Stop the replay")).to_be_visible()
    page.keyboard.press(" ")
    expect(page.locator("#status")).to_have_text(re.compile("^Replay stopped at 0:"))
    page.locator("[data-call]").first.focus()
    page.keyboard.press(" ")
    expect(page.locator("#sheet")).to_be_visible()  # the card was pressed, not the replay


def test_the_timeline_shows_how_far_the_replay_has_come(ended, new_viewer):
    page = new_viewer().page
    _open(page, ended + "?at=1.5#timeline")
    now = page.locator(".timeline .now").first
    calls = page.locator(".timeline rect.call").count()

    expect(now).to_be_visible()
    page.get_by_role("slider", name="Replay position").press("End")

    expect(now).to_be_hidden()
    assert calls == page.locator(".timeline rect.call").count()


def test_with_motion_reduced_a_replay_goes_in_steps(ended, new_viewer):
    page = new_viewer().page
    page.emulate_media(reduced_motion="reduce")
    _open(page, ended)
    page.evaluate(
        """() => { window.places = new Set();
        const look = () => { places.add(document.getElementById("replay-range").value); requestAnimationFrame(look); };
        look(); }"""
    )

    page.get_by_role("button", name="Play the replay").click()
    page.wait_for_timeout(3500)

    assert 2 <= page.evaluate("places.size") <= 6


def test_a_run_that_was_watched_to_its_end_can_be_replayed_at_once(live_site, new_viewer):
    live_site.model_server.script(WORDS)
    page = new_viewer().page
    page.goto(live_site.start("direct"))
    expect(page.locator("#replay")).to_be_hidden()

    expect(page.locator("#replay")).to_be_visible(timeout=60_000)
    whole = _settle(page)
    page.get_by_role("slider", name="Replay position").press("Home")
    expect(page.locator("[data-run-chip]").last).to_have_text("Replay")
    page.get_by_role("slider", name="Replay position").press("End")

    assert _settle(page) == whole


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_a_replay_has_no_serious_fault(ended, new_viewer, is_dark, width):
    page = new_viewer(width=width, height=844, dark=is_dark, may_complain=BY_AXE).page
    _open(page, ended + "?at=1.5")
    expect(page.locator("[data-run-chip]:visible").last).to_have_text("Replay")

    assert find_serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    buttons = page.locator(".problem__actions :is(button, a):visible").all()
    assert all((box := button.bounding_box()) and box["x"] + box["width"] <= width - 16 for button in buttons)


def test_without_scripts_a_reader_sees_how_the_run_ended(ended, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(ended)

    rows = page.locator("noscript tbody tr, #still tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("Direct")
    expect(rows.first).to_contain_text("42")
    expect(rows.first).to_contain_text("Right")
    page.get_by_role("link", name="Read all drafts").click()
    expect(page.get_by_text("One by one the words come").first).to_be_visible()
    context.close()
