"""Watching a run in a real browser, on the whole site."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.model_server import HOSTILE, Rule
from tests.site.live import LiveSite as Site

SLOW = Rule(
    replies=("One by one the words come, so that somebody can watch. " * 6 + r"\boxed{42}",), tokens_per_second=6
)
"""Eleven seconds: a busy machine may take some until the page is there."""
FAST = Rule(right="42")
VOTES = {"strategy": "self_consistency", "params": {"drafts": 4}}
DISTILLING = {"strategy": "parallel_distill_refine", "params": {"widths": [4, 1], "workspace_tokens": 128}}


STILL = (
    ".lane, .lane__head, .lane__title, .lane__answer, .lane__ledger, .ledger-bar, .rounds, .round, .round__head, "
    ".histogram, [data-call], .draft-card__tail, .run-head, .vital, .tool-bar, .status-line"
)
"""What keeps its place and height while text streams."""


def _texts(page: Page) -> dict[str, str]:
    """Return every draft's text as the opened sheet shows it as written, by lane and key."""
    found = {}
    for lane in page.locator(".lane").all():
        for card in lane.locator("[data-call]").all():
            card.click()
            page.get_by_role("tab", name="As written").click()
            text = page.locator("#sheet-body pre").text_content()
            found[f"{lane.get_attribute('data-lane')} {card.get_attribute('data-call')}"] = text or ""
            page.keyboard.press("Escape")
    return found


def _stored(site: Site, address: str) -> dict[str, str]:
    """Return every draft's text as the database has it."""
    calls = [(lane, call) for lane in site.lanes(address) for each in lane["rounds"] for call in each["calls"]]
    return {f"{lane['id']} {call['key']}": call["text"] for lane, call in calls if call["role"] != "distill"}


def _chip(page: Page) -> Locator:
    return page.locator("[data-run-chip]").last


def _wait_for_end(page: Page) -> None:
    expect(_chip(page)).to_have_text(re.compile("Finished|Failed|Stopped"), timeout=60_000)


def _wait_for_words(card: Locator) -> str:
    """Return the first words that a card shows."""
    expect(card).to_have_attribute("data-state", "streaming", timeout=30_000)
    return card.locator(".draft-card__tail").inner_text()


def test_drafts_stream_and_lanes_are_judged(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct", VOTES)
    page = new_viewer().page

    page.goto(address)
    card = page.locator(".lane").first.locator("[data-call]")
    early = _wait_for_words(card)
    expect(card.locator(".draft-card__tail")).not_to_have_text(early)
    _wait_for_end(page)

    expect(page.locator(".lane .verdict--right")).to_have_count(2)
    expect(page.locator(".histogram li[data-lead]")).to_have_text(re.compile(r"^42\s*4$"))
    assert _texts(page) == _stored(live_site, address)


def test_a_reload_in_the_middle_shows_the_same_text(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct")
    page = new_viewer().page
    page.goto(address)
    card = page.locator("[data-call]")
    _wait_for_words(card)
    card.click()
    before = page.locator("#sheet-body").inner_text()

    page.reload()
    card.click()

    expect(page.locator("#sheet-body")).to_contain_text(" ".join(before.split()))


def test_a_second_viewer_and_a_late_one_see_what_is_stored(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct", DISTILLING)
    first, second, late = (new_viewer().page for _ in range(3))

    first.goto(address)
    _wait_for_words(first.locator("[data-call]").first)
    second.goto(address)
    _wait_for_end(first)
    _wait_for_end(second)
    late.goto(address)
    _wait_for_end(late)

    stored = _stored(live_site, address)
    assert [_texts(page) for page in (first, second, late)] == [stored, stored, stored]
    workspaces = [page.locator(".workspace__text").text_content() for page in (first, second, late)]
    assert workspaces[0]
    assert workspaces == [workspaces[0]] * 3


def test_hostile_text_is_shown_as_text(live_site, new_viewer):
    live_site.model_server.script(Rule(replies=(HOSTILE,)))
    address = live_site.start("direct", {"strategy": "sequential_refinement", "params": {"rounds": 2}})
    page = new_viewer().page

    page.goto(address)
    _wait_for_end(page)
    page.locator("[data-call]").first.click()
    expect(page.locator("#sheet-body div.prose")).to_contain_text("<script>window.hacked = true</script>")
    page.keyboard.press("Escape")

    assert _texts(page) == _stored(live_site, address)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main :is(img, iframe, a[href^='javascript'])").count() == 0


def test_nothing_moves_while_text_streams(live_site, new_viewer):
    long_words = " ".join(["overflowing" * 12, "short"] * 200)
    live_site.model_server.script(Rule(replies=(long_words + r" \boxed{42}",), tokens_per_second=4))
    address = live_site.start("direct", VOTES, {"strategy": "parallel_distill_refine", "params": {"widths": [4, 1]}})
    page = new_viewer().page
    page.goto(address)
    for card in page.locator("[data-call]").all():
        _wait_for_words(card)
    expect(page.locator("[data-call]")).to_have_count(9)

    before = _boxes(page)
    early = page.locator(".draft-card__tail").all_inner_texts()
    for place, text in enumerate(early):
        expect(page.locator(".draft-card__tail").nth(place)).not_to_have_text(text)

    assert page.locator("[data-call][data-state=streaming]").count() == 9, "the text must still be streaming"
    assert _boxes(page) == before


def _boxes(page: Page) -> Any:
    """Return place and size of everything that must keep them."""
    return page.evaluate(
        """names => [...document.querySelectorAll(names)].map((element) => {
            const { x, y, height } = element.getBoundingClientRect();
            return [element.className, x, y, height];
        })""",
        STILL,
    )


def test_a_lost_connection_is_told_and_mended(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct")
    page = new_viewer().page
    sockets: list[WebSocketRoute] = []
    heard: list[list[dict[str, Any]]] = []
    is_down = False

    def pass_on(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if is_down:
            socket.close(code=1012)
        else:
            heard.append(_pass_on(socket, lambda _: True))

    page.route_web_socket(re.compile("/ws/runs/"), pass_on)
    page.goto(address)
    _wait_for_frame(page, heard)

    is_down = True
    sockets[-1].close(code=4008)
    expect(page.locator("#connection")).to_be_visible(timeout=15_000)
    is_down = False

    expect(page.locator("#connection")).to_be_hidden(timeout=30_000)
    _wait_for_end(page)
    before, after = heard
    # or from the frame before, where the last was lost with the line
    assert after[0]["prev"] in _places(before), "it must go on from where it was"
    assert not any(frame.get("snapshot") for frame in [*before, *after])
    assert _texts(page) == _stored(live_site, address)


def _wait_for_frame(page: Page, heard: list[list[dict[str, Any]]]) -> None:
    while not (heard and heard[0]):  # words alone may have come with the snapshot
        page.wait_for_timeout(50)


def _places(frames: list[dict[str, Any]]) -> list[int]:
    return [frames[0]["prev"], *(frame["cursor"] for frame in frames)]


def test_where_no_socket_opens_the_page_takes_the_event_stream(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct", VOTES)
    page = new_viewer().page
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    page.route_web_socket(re.compile("/ws/runs/"), lambda socket: socket.close(code=1006))
    page.goto(address)

    _wait_for_words(page.locator("[data-call]").first)
    expect(page.locator("#connection")).to_be_hidden(timeout=15_000)
    _wait_for_end(page)

    assert len(streams) == 1
    assert _texts(page) == _stored(live_site, address)


def test_a_lost_frame_is_noticed_and_mended(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct")
    page = new_viewer().page
    sockets: list[list[dict[str, Any]]] = []
    page.route_web_socket(
        re.compile("/ws/runs/"), lambda socket: sockets.append(_pass_on(socket, lambda number: number != 3))
    )
    page.goto(address)
    _wait_for_words(page.locator("[data-call]"))
    page.locator("[data-call]").click()
    page.get_by_role("tab", name="As written").click()
    expect(page.locator("#sheet-body pre")).to_have_text(re.compile("^.{150}", re.DOTALL), timeout=30_000)

    shown = page.locator("#sheet-body pre").text_content() or ""

    assert SLOW.replies[0].startswith(shown)
    assert sockets[1][0]["snapshot"], "a hole is mended by a snapshot"


def _pass_on(socket: WebSocketRoute, is_let_through: Callable[[int], bool]) -> list[dict[str, Any]]:
    """Let frames through by their number, from 1 on; return what the server has sent."""
    frames: list[dict[str, Any]] = []
    server = socket.connect_to_server()

    def hand_on(message: Any) -> None:
        frames.append(json.loads(message))
        if is_let_through(len(frames)):
            socket.send(message)

    server.on_message(hand_on)
    return frames


def test_a_lane_that_fails_says_why_and_its_neighbour_goes_on(live_site, new_viewer):
    refused = Rule(match="Your previous solution", fault="status", status=400)
    live_site.model_server.script(refused, FAST)
    address = live_site.start("direct", {"strategy": "sequential_refinement", "params": {"rounds": 2}})
    page = new_viewer().page

    page.goto(address)
    _wait_for_end(page)

    expect(page.locator(".lane").first.locator(".verdict")).to_have_text("Right")
    expect(page.locator(".lane").last.locator(".chip")).to_have_text(re.compile("Failed|Done"))
    expect(page.locator("[data-call][data-state=failed]")).to_have_count(1)


def test_stop_asks_once_and_keeps_what_was_written(live_site, new_viewer):
    live_site.model_server.script(SLOW)
    address = live_site.start("direct")
    page = new_viewer().page
    page.goto(address)
    _wait_for_words(page.locator("[data-call]"))

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#stop-dialog")).to_contain_text("are kept")
    page.get_by_role("button", name="Stop the run").click()

    expect(_chip(page)).to_have_text("Stopped", timeout=30_000)
    expect(page.locator("[data-call]")).to_have_attribute("data-state", "pruned")
    assert _texts(page) == _stored(live_site, address)
    assert all(text.startswith("One by one") for text in _texts(page).values())
    expect(page.get_by_role("button", name="Continue")).to_be_visible()


@pytest.fixture
def ended(live_site) -> str:
    """The address of a run that has ended, with votes, workspaces and several rounds."""
    live_site.model_server.script(FAST)
    address: str = live_site.start("direct", VOTES, DISTILLING)
    while any(lane["status"] in ("queued", "running") for lane in live_site.lanes(address)):
        time.sleep(0.1)
    return address


def test_the_keys_do_what_the_list_says(ended, new_viewer):
    page = new_viewer().page
    page.goto(ended)
    _wait_for_end(page)

    page.keyboard.press("2")
    expect(page.locator(".lane").nth(1)).to_have_attribute("data-focus", "")
    page.keyboard.press("v")
    expect(page.locator(".histogram")).to_be_focused()
    page.keyboard.press("]")
    expect(page.locator(".lane").nth(1).locator("[data-call]").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#sheet-title")).to_have_text("Draft 1")
    page.keyboard.press("]")
    expect(page.locator("#sheet-title")).to_have_text("Draft 2")
    page.keyboard.press("Escape")
    expect(page.locator("#sheet")).to_be_hidden()
    expect(page.locator(".lane").nth(1).locator("[data-call]").first).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()


def test_the_sheet_shows_the_request_and_keeps_the_focus(ended, new_viewer):
    page = new_viewer().page
    page.goto(ended)
    _wait_for_end(page)

    page.locator("[data-call]").first.click()
    page.get_by_role("tab", name="Request").click()

    expect(page.locator("#sheet-body pre")).to_contain_text("What is 6 times 7?")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#sheet')")


def test_timeline_and_result_say_what_it_cost(ended, live_site, new_viewer):
    page = new_viewer().page
    page.goto(ended)
    _wait_for_end(page)

    page.get_by_text("Timeline", exact=True).click()
    expect(page.locator(".timeline rect.call")).to_have_count(
        sum(lane["usage"]["calls"] for lane in live_site.lanes(ended))
    )
    page.get_by_text("Result", exact=True).click()

    rows = [row.all_inner_texts() for row in (page.locator("tbody tr").nth(place).locator("td") for place in range(3))]
    usages = [lane["usage"] for lane in live_site.lanes(ended)]
    assert [[row[2], row[3], row[6]] for row in rows] == [
        [f"{usage['critical_path_tokens']:,}", f"{usage['total_tokens']:,}", f"{usage['calls']:,}"] for usage in usages
    ]


def test_a_phone_shows_lanes_as_tabs(ended, new_viewer):
    page = new_viewer(width=390, height=844).page
    page.goto(ended)
    _wait_for_end(page)

    page.get_by_role("tab", name=re.compile("SC")).click()

    expect(page.locator(".lane:visible")).to_have_count(1)
    expect(page.locator(".lane:visible h2")).to_have_text("Self-consistency")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_dark_follows_the_system_and_the_switch_is_remembered(ended, new_viewer):
    page = new_viewer(dark=True).page
    page.goto(ended)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Theme: system").click()
    page.reload()

    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark, light) == ("rgb(16, 17, 20)", "rgb(247, 247, 245)")


def test_one_click_opens_a_draft_of_another_lane(ended, new_viewer):
    page = new_viewer().page
    page.goto(ended)
    _wait_for_end(page)
    other = page.locator(".lane:not([data-focus])").first

    other.locator("[data-call]").first.click()

    expect(page.locator("#sheet")).to_be_visible()
