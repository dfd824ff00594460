"""Composing and starting a comparison in a real browser, on the whole site."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Route, expect

from tests.browser.axe import find_serious_faults

RUN_PAGE = re.compile(r"/r/[\w-]{22}/$")
REFUSED = "status of 422"
"""Chromium notes in its console that a form was refused."""
AXE_STYLES = "Applying inline style violates"
"""What axe-core itself does while it looks; the pages' own violations fail the other tests."""


def open_fresh(viewer, site, path="?fresh=1"):
    viewer.page.goto(site.address + path)
    return viewer.page


def card(page, title):
    return page.locator(".strategy-card", has=page.get_by_role("heading", name=title, exact=True))


def lane_costs(page):
    return [" ".join(text.split()) for text in page.locator(".preview .push.small.nowrap").all_text_contents()]


def test_a_problem_with_latex_is_typed_previewed_priced_and_run(live_site, new_viewer):
    page = open_fresh(new_viewer(), live_site)

    page.get_by_label("Problem text").fill("How many $n$ satisfy $$n^2 = 4$$ for $n > 0$?")
    expect(page.locator("#maths .katex")).to_have_count(3)
    page.get_by_label("Reference answer").fill("1")
    expect(page.locator("#reading")).to_contain_text("Reads 1 as right.")
    expect(page.locator(".preview").nth(3)).to_contain_text("9 calls, depth 5")
    card(page, "Parallel-Distill-Refine").get_by_label("Drafts per round").fill("8, 4, 1")
    expect(page.locator(".preview").nth(3)).to_contain_text("15 calls, depth 5")
    expect(card(page, "Parallel-Distill-Refine").locator("summary")).to_contain_text("15 calls")
    page.get_by_role("button", name="Run 4 lanes").click()

    expect(page).to_have_url(RUN_PAGE)
    lanes = live_site.lanes(page.url)
    assert [lane["strategy"] for lane in lanes] == [
        "direct", "self_consistency", "sequential_refinement", "parallel_distill_refine",
    ]  # fmt: skip


def test_eight_strategies_at_equal_total_tokens_are_three_clicks_away(live_site, new_viewer):
    page = open_fresh(new_viewer(), live_site)

    page.get_by_role("button", name="Pick 8").click()
    expect(page.locator("#run")).to_contain_text("Run 8 lanes")
    medium = page.get_by_role("group", name="Equal total tokens").get_by_role("button", name="Medium")
    medium.click()
    expect(medium).to_have_attribute("aria-pressed", "true", timeout=20_000)  # it plays eight strategies some 20 times
    expect(medium).to_be_focused()
    expect(card(page, "Self-consistency").get_by_label("Drafts")).to_have_value("16")
    page.get_by_role("button", name="Run 8 lanes").click()

    expect(page).to_have_url(RUN_PAGE)
    assert len(live_site.lanes(page.url)) == 8


def test_a_recipe_is_saved_from_its_card_and_compared_with_another(live_site, new_viewer):
    live_site.ask("api/v1/recipes", {"name": "Narrow vote", "strategy": "self_consistency", "params": {"drafts": 3}})
    page = open_fresh(new_viewer(), live_site)
    vote = card(page, "Self-consistency")

    vote.get_by_label("Drafts").fill("5")
    vote.locator("summary").click()
    vote.get_by_label("Save recipe as").fill("Narrow vote")
    vote.get_by_role("button", name="Save", exact=True).click()
    expect(vote.get_by_text("‘Narrow vote’ is another recipe, of Self-consistency.")).to_be_visible()
    vote.get_by_label("Save recipe as").fill("Wide vote")
    vote.get_by_role("button", name="Save", exact=True).click()
    vote.get_by_role("link", name="All saved recipes").click()
    page.get_by_label("Compare Narrow vote").check()
    page.get_by_label("Compare Wide vote").check()
    page.get_by_role("button", name="Compare the ticked").click()
    page.get_by_role("button", name="Run 2 lanes").click()

    expect(page).to_have_url(RUN_PAGE)
    assert [lane["params"] for lane in live_site.lanes(page.url)] == [{"drafts": 3}, {"drafts": 5}]


def test_a_fault_shows_at_its_field_while_one_types_and_goes_again(live_site, new_viewer):
    page = open_fresh(new_viewer(), live_site)
    widths = card(page, "Parallel-Distill-Refine").get_by_label("Drafts per round")

    widths.fill("8, 4")
    fault = page.get_by_text("The last width must be 1: its draft is the answer.")
    expect(fault).to_be_visible()
    expect(widths).to_have_attribute("aria-invalid", "true")
    assert "lane-4-params-widths_error" in (widths.get_attribute("aria-describedby") or "")
    widths.fill("8, 4, 1")

    expect(fault).to_have_count(0)
    expect(widths).to_have_attribute("aria-invalid", "false")
    expect(widths).to_be_focused()


def test_a_refused_form_keeps_everything_and_leads_to_the_fault(live_site, new_viewer):
    page = open_fresh(new_viewer(may_complain=[REFUSED]), live_site)

    page.get_by_label("Problem text").fill("What is 2 + 2?")
    card(page, "Self-consistency").get_by_label("Drafts").fill("10000")
    page.locator("#run").click()

    expect(page.get_by_text("Enter 1 to 256; 10,000 is too large.")).to_be_visible()
    expect(page.get_by_label("Problem text")).to_have_value("What is 2 + 2?")
    expect(card(page, "Self-consistency").get_by_label("Drafts")).to_be_focused()


def test_strategies_are_picked_dropped_and_added_again(live_site, new_viewer):
    page = open_fresh(new_viewer(), live_site)

    page.get_by_role("checkbox", name="Direct").uncheck()
    page.get_by_role("checkbox", name="Sequential Refinement").uncheck()
    expect(page.locator("#run")).to_contain_text("Run 2 lanes")
    votes = card(page, "Self-consistency")
    votes.get_by_text("More settings").click()
    votes.get_by_role("button", name="Add again").click()
    expect(votes).to_have_count(2)
    expect(page.get_by_text("The same recipe as lane 1.").first).to_be_visible()
    votes.nth(1).get_by_label("Drafts").fill("3")
    expect(page.locator("#run")).to_contain_text("Run 3 lanes")

    expect(page.get_by_text("The same recipe as lane 1.")).to_have_count(0)
    assert [text.split(",")[0] for text in lane_costs(page)] == ["8 calls", "3 calls", "9 calls"]


def test_who_is_faster_than_the_scripts_is_told_the_cost_too(live_site, new_viewer):
    page = new_viewer().page
    held: list[Route] = []
    page.route(re.compile("htmx"), lambda route: held.append(route))
    page.goto(live_site.address + "?fresh=1", wait_until="commit")

    card(page, "Direct").get_by_role("checkbox", name="Direct").uncheck()
    held[0].continue_()

    expect(page.locator("#run")).to_contain_text("Run 3 lanes")


def test_what_was_asked_of_an_older_form_does_not_come_late(live_site, new_viewer):
    page = open_fresh(new_viewer(may_complain=["htmx:"]), live_site)
    held: list[Route] = []
    page.route(re.compile("/new/preview"), lambda route: held.append(route))
    card(page, "Direct").get_by_role("checkbox", name="Direct").uncheck()
    while not held:
        page.wait_for_timeout(50)

    page.get_by_role("button", name="Pick 8").click()
    expect(page.locator("#run")).to_contain_text("Run 8 lanes", timeout=20_000)
    with suppress(Error):  # nobody waits for it any more
        held[0].continue_()
    page.wait_for_timeout(1_000)

    expect(page.locator("#run")).to_contain_text("Run 8 lanes")


def test_control_enter_runs_and_enter_does_not(live_site, new_viewer):
    page = open_fresh(new_viewer(), live_site)

    page.get_by_label("Reference answer").press("Enter")
    page.get_by_label("Problem text").fill("What is 3 + 3?")
    expect(page).not_to_have_url(RUN_PAGE)
    page.get_by_label("Problem text").press("Control+Enter")

    expect(page).to_have_url(RUN_PAGE)


def test_a_run_is_forked_from_its_address(live_site, new_viewer):
    address = live_site.start({"strategy": "self_consistency", "params": {"drafts": 5}}, question="What is 5 + 6?")
    run_id = address.rstrip("/").rsplit("/", 1)[-1]
    page = open_fresh(new_viewer(), live_site, f"?from={run_id}")

    expect(page.get_by_label("Problem text")).to_have_value("What is 5 + 6?")
    expect(card(page, "Self-consistency").get_by_label("Drafts")).to_have_value("5")
    page.get_by_role("button", name="Run 1 lane").click()

    expect(page).to_have_url(RUN_PAGE)
    assert page.url != address


def test_the_page_works_without_scripts(live_site, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()

    page.goto(live_site.address + "?fresh=1")
    page.get_by_label("Problem text").fill("What is 4 + 4?")
    page.get_by_role("checkbox", name="Direct").uncheck()
    page.locator("#run").click()

    expect(page).to_have_url(RUN_PAGE)
    assert len(live_site.lanes(page.url)) == 3
    context.close()


def test_on_a_phone_the_steps_follow_each_other(live_site, new_viewer):
    page = open_fresh(new_viewer(width=390, height=844), live_site)

    expect(page.get_by_label("Problem text")).to_be_visible()
    expect(page.locator("#cards")).to_be_hidden()
    page.get_by_text("Strategies 4").click()
    expect(page.locator("#cards")).to_be_visible()
    page.locator(".steps").get_by_text("Budget").click()
    expect(page.locator("#preview")).to_be_visible()

    expect(page.locator("#run")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_catalog_leads_to_a_comparison(live_site, new_viewer):
    page = open_fresh(new_viewer(), live_site, "strategies/")

    page.get_by_label("Filter strategies").fill("distill")
    expect(page.locator("#side-list a")).to_have_count(1)
    page.locator("#side-list a").click()
    expect(page.get_by_role("heading", name="Parallel-Distill-Refine")).to_be_visible()
    page.get_by_role("link", name="Compare this strategy").click()

    expect(page.locator("#run")).to_contain_text("Run 1 lane")


def test_runs_are_filtered_as_one_types(live_site, new_viewer):
    live_site.start("direct", question="What is the colour of zebras?")
    page = open_fresh(new_viewer(), live_site, "runs/")

    page.get_by_label("Search in problems").fill("zebras")

    expect(page.locator(".runs__problem a")).to_have_text(["What is the colour of zebras?"])
    expect(page).to_have_url(re.compile("q=zebras"))


@pytest.mark.parametrize(
    "path", ["?fresh=1", "runs/", "recipes/", "strategies/", "strategies/parallel_distill_refine/"]
)
def test_axe_finds_no_serious_fault(live_site, new_viewer, path):
    live_site.start("direct", "self_consistency")

    for dark in (False, True):
        page = open_fresh(new_viewer(dark=dark, may_complain=[AXE_STYLES]), live_site, path)
        for more in page.get_by_text("More settings").locator("visible=true").all():  # of the strategies picked
            more.click()

        assert find_serious_faults(page) == [], "dark" if dark else "light"
