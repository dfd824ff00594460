"""The pages of strategies in a real browser: their worked examples play as a run would show them."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import BY_AXE, find_faults
from workers import strategies

WITH_ANSWER = {slug: each.example.answer for slug, each in strategies.catalog().items() if each.example.answer}


def test_a_worked_example_is_written_word_by_word_and_comes_to_its_answer(live_site, new_viewer):
    page = new_viewer().page
    page.goto(f"{live_site.address}strategies/parallel_distill_refine/")

    page.get_by_role("button", name="Play").click()
    expect(page.locator("#example-still")).to_be_hidden()
    expect(page.locator("#example-stage [data-call][data-state=streaming]").first).to_be_visible()

    expect(page.locator("#example-stage output")).to_have_text("408", timeout=60_000)
    page.locator("#example-stage [data-call]").last.click()
    expect(page.locator("#sheet")).to_be_visible()
    expect(page.get_by_role("tab")).to_have_count(3)


def test_the_link_button_copies_the_address_of_the_page(live_site, new_viewer):
    viewer = new_viewer()
    viewer.context.grant_permissions(["clipboard-read", "clipboard-write"])
    viewer.page.goto(f"{live_site.address}strategies/direct/#cost")

    viewer.page.get_by_role("button", name="Link").click()

    expect(viewer.page.get_by_role("status")).to_have_text("Link copied.")
    assert viewer.page.evaluate("navigator.clipboard.readText()") == f"{live_site.address}strategies/direct/"


@pytest.mark.parametrize("slug", WITH_ANSWER)
def test_every_worked_example_plays(slug, live_site, new_viewer):
    page = new_viewer().page
    page.emulate_media(reduced_motion="reduce")  # then all of it is there at once
    page.goto(f"{live_site.address}strategies/{slug}/")

    page.get_by_role("button", name="Play").click()

    expect(page.locator("#example-stage output")).to_have_text(WITH_ANSWER[slug])
    expect(page.locator("#example-stage [data-call]").first).to_be_visible()


@pytest.mark.parametrize(("slug", "said"), [("confidence_voting", "1 pruned, ≤ 504 saved"), ("deep_prune", "3 pruned")])
def test_a_played_example_shows_what_is_pruned_and_the_tokens_saved(slug, said, live_site, new_viewer):
    page = new_viewer().page
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{live_site.address}strategies/{slug}/")

    page.get_by_role("button", name="Play").click()

    expect(page.locator("#example-stage [data-call][data-state=pruned]").first).to_be_visible()
    expect(page.locator("#example-stage .round__head").filter(has_text=said)).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_what_has_ended_keeps_no_empty_room_under_trees_and_votes(width, live_site, new_viewer):
    page = new_viewer(width=width).page
    page.emulate_media(reduced_motion="reduce")
    for slug, box, inside in (("tree_of_thoughts", ".nodes__picture", "svg"), ("best_of_infinity", ".histogram", "li")):
        page.goto(f"{live_site.address}strategies/{slug}/")
        page.get_by_role("button", name="Play").click()
        first = page.locator(f"#example-stage {box}").first
        first.locator(inside).first.wait_for()

        used = first.locator(inside).evaluate_all("all => all.reduce((sum, each) => sum + each.clientHeight, 0)")
        assert first.evaluate("box => box.clientHeight") <= used + 1, slug
        assert first.evaluate("box => box.scrollHeight - box.clientHeight") <= 1, slug


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("slug", ["tree_of_thoughts", "confidence_voting", "adaptive_parallel_reasoning", ""])
def test_axe_finds_no_serious_fault_in_trees_statistics_threads(slug, width, is_dark, live_site, new_viewer):
    page = new_viewer(width=width, dark=is_dark, may_complain=BY_AXE).page
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{live_site.address}strategies/{slug and slug + '/'}")
    if slug:
        page.get_by_role("button", name="Play").click()
        expect(page.locator("#example-stage [data-call]").first).to_be_visible()

    assert find_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
