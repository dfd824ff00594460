"""From a suite to its leaderboard in a real browser, on the whole site."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import find_serious_faults
from tests.model_server import Rule

PROBLEMS = 6
LEAVING = ("htmx:",)
"""A page that is left while it asks for news says that the answer did not come."""
BOARD = "leaderboards/browser-sums/"


@pytest.fixture(scope="module")
def board(chromium, site_process):
    """The address of a leaderboard with three recipes, filled through the pages."""
    site_process.model_server.reset()
    site_process.model_server.script(
        # 1 + 1 is never right, 2 + 2 only by many drafts, the others always
        Rule(match=r"\b1 \+ 1\b", right="0", tokens_per_second=400),
        Rule(match=r"\b2 \+ 2\b", right="4", wrong=("5", "6", "7"), probability=0.6, tokens_per_second=400),
        *(Rule(match=rf"\b{n} \+ {n}\b", right=str(2 * n), tokens_per_second=400) for n in range(3, PROBLEMS + 1)),
    )
    page = chromium.new_page()
    import_suite(page, site_process.address)
    start_run(page, site_process.address)
    expect(page.locator("#matrix")).to_have_attribute("data-status", "finished", timeout=60_000)
    page.close()
    return site_process.address + BOARD


def import_suite(page, address, name="Browser sums"):
    lines = ["id,problem,answer,grader", *(f"s{n},What is {n} + {n}?,{2 * n},number" for n in range(1, PROBLEMS + 1))]
    page.goto(address + "suites/import")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Or paste it").fill("\n".join(lines))
    page.get_by_role("button", name="Import").click()
    page.get_by_role("link", name="Run recipes on it").first.click()


def start_run(page, address):
    page.get_by_role("checkbox", name="Parallel-Distill-Refine").uncheck()
    expect(page.locator("#estimate")).to_contain_text(f"{3 * PROBLEMS} lanes")
    page.locator("#run").click()


def names_on(page):
    return page.locator("th.lb__recipe a").all_text_contents()


def figures_on(page, column):
    return [
        float(text.rstrip("k")) for text in page.locator(f"tr[data-recipe] td:nth-child({column})").all_text_contents()
    ]


def test_the_matrix_fills_as_verdicts_come_and_leads_to_the_lanes(board, live_site, new_viewer):
    live_site.model_server.script(Rule(right="0", tokens_per_second=60))
    page = new_viewer(may_complain=LEAVING).page
    page.goto(live_site.address + "suites/browser-sums/run")
    for strategy in ("Self-consistency", "Sequential Refinement", "Parallel-Distill-Refine"):
        page.get_by_role("checkbox", name=strategy).uncheck()
    page.locator("#id_sampling-temperature").fill("0.1")  # another recipe, so that the board stays as it is
    page.get_by_label("Repeats").fill("2")
    page.locator("#run").click()

    expect(page.get_by_role("status")).to_contain_text(f"of {2 * PROBLEMS} lanes ended")
    page.evaluate("window.isSamePage = true")
    expect(page.locator("#matrix")).to_have_attribute("data-status", "finished", timeout=60_000)
    expect(page.locator(".square")).to_have_text(["0/2"] * PROBLEMS)
    assert page.evaluate("window.isSamePage")
    page.locator("#cell-2-1").click()

    expect(page).to_have_url(re.compile(r"\?row=2&repeat=1$"))
    expect(page.locator(".lane")).to_have_count(1)


def test_a_run_can_be_stopped_and_continued_from_its_matrix(board, live_site, new_viewer):
    live_site.model_server.script(Rule(right="0", fault="hang"))
    page = new_viewer(may_complain=LEAVING).page
    page.goto(live_site.address + "suites/browser-sums/run")
    for strategy in ("Self-consistency", "Sequential Refinement", "Parallel-Distill-Refine"):
        page.get_by_role("checkbox", name=strategy).uncheck()
    page.locator("#id_sampling-temperature").fill("0.2")
    page.locator("#run").click()
    expect(page.get_by_role("status")).to_contain_text("working")

    page.get_by_role("button", name="Stop the run").click()
    expect(page.get_by_role("status")).to_contain_text("stopped; what was done is kept", timeout=30_000)
    live_site.model_server.script(Rule(right="0"))
    page.get_by_role("button", name=f"Continue {PROBLEMS} lanes").click()

    expect(page.get_by_role("status")).to_contain_text(f"{PROBLEMS} of {PROBLEMS} lanes ended", timeout=60_000)
    expect(page.locator("#matrix")).to_have_attribute("data-status", "finished", timeout=30_000)


def test_recipes_on_a_suite_are_made_equal_saved_and_added_as_in_a_comparison(board, live_site, new_viewer):
    page = new_viewer().page
    page.goto(live_site.address + "suites/browser-sums/run")

    page.get_by_role("group", name="Equal total tokens").get_by_role("button", name="Medium").click()
    expect(page.locator("#total_tokens-medium")).to_have_attribute("aria-pressed", "true")
    votes = page.locator(".strategy-card").filter(has=page.get_by_role("checkbox", name="Self-consistency", exact=True))
    expect(votes.get_by_label("Drafts", exact=True)).to_have_value("16")
    votes.get_by_text("More settings").click()
    votes.get_by_label("Save recipe as").fill("Medium votes")
    votes.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as Medium votes")).to_be_visible()
    for title in ("Direct", "Self-consistency", "Sequential Refinement", "Parallel-Distill-Refine"):
        page.get_by_role("checkbox", name=title, exact=True).uncheck()
    page.get_by_label("A saved recipe").select_option("Medium votes")
    page.get_by_role("button", name="Add it").click()

    expect(page.locator("#run")).to_contain_text(f"Run {PROBLEMS} lanes")
    expect(page.locator("#estimate")).to_contain_text(f"{PROBLEMS} lanes on {PROBLEMS} problems")


def test_sorting_turns_the_rows_without_a_new_page_and_survives_a_reload(board, new_viewer):
    page = new_viewer().page
    page.goto(board)
    page.evaluate("window.isSamePage = true")

    page.get_by_role("link", name="Total").first.click()
    expect(page.get_by_role("columnheader", name="Total")).to_have_attribute("aria-sort", "ascending")
    totals, order = figures_on(page, 7), names_on(page)

    assert totals == sorted(totals)
    assert page.evaluate("window.isSamePage")
    page.reload()
    assert names_on(page) == order
    expect(page.get_by_role("columnheader", name="Total")).to_have_attribute("aria-sort", "ascending")


def test_a_filter_stands_in_the_address_survives_a_reload_and_the_way_back(board, new_viewer):
    page = new_viewer().page
    page.goto(board)
    everything = names_on(page)

    page.get_by_label("Family").select_option("vote")
    expect(page.locator("th.lb__recipe a")).to_have_text(["Self-consistency"])
    expect(page).to_have_url(re.compile(r"[?&]family=vote"))
    page.reload()
    expect(page.locator("th.lb__recipe a")).to_have_text(["Self-consistency"])
    page.go_back()

    expect(page.locator("th.lb__recipe a")).to_have_text(everything)
    expect(page.get_by_label("Family")).to_have_value("")


def test_both_axes_show_every_recipe_and_no_label_touches_another(board, new_viewer):
    page = new_viewer().page
    page.goto(board)
    recipes = len(names_on(page))

    for axis, caption in (("Total", "total tokens"), ("Critical path", "critical-path tokens")):
        page.locator("#scatter").get_by_role("link", name=axis).click()
        expect(page.locator("#scatter svg")).to_contain_text(caption)

        expect(page.locator("#scatter .dot")).to_have_count(recipes)
        boxes = [label.bounding_box() for label in page.locator("#scatter .name").all()]
        assert boxes
        for place, one in enumerate(boxes):
            assert not [other for other in boxes[:place] if overlap(one, other)]


def overlap(one, other):
    return (
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    )


def test_a_row_opens_what_is_behind_it(board, new_viewer):
    page = new_viewer().page
    page.goto(board)

    page.get_by_role("link", name="Self-consistency").first.click()

    expect(page.locator("#scatter .chosen")).to_have_count(1)
    page.locator("#behind").get_by_role("link", name="Browser sums, v1").click()
    expect(page).to_have_url(re.compile("/matrix$"))


def test_a_strategy_says_what_it_did_here_and_one_button_runs_what_is_missing(live_site, new_viewer):
    page = new_viewer(may_complain=LEAVING).page
    import_suite(page, live_site.address, name="Sums of its own")
    for title in ("Direct", "Sequential Refinement", "Parallel-Distill-Refine"):
        page.get_by_role("checkbox", name=title, exact=True).uncheck()
    expect(page.locator("#run")).to_contain_text(f"Run {PROBLEMS} lanes")
    page.locator("#run").click()
    expect(page.locator("#matrix")).to_have_attribute("data-status", "finished", timeout=60_000)
    page.goto(live_site.address + "strategies/self_consistency/")
    here = page.get_by_role("region", name="Results here")
    expect(here).to_contain_text("Sums of its own, v1")
    expect(here.get_by_role("row", name="Large")).to_contain_text("Not run yet")
    expect(here.get_by_role("row", name="Small")).to_contain_text(re.compile(r"[0-9.]+ [0-9]+–[0-9]+"))

    here.get_by_role("button", name="Run what is missing").click()

    expect(page.locator("#matrix")).to_have_attribute("data-status", "finished", timeout=60_000)
    page.goto(live_site.address + "strategies/self_consistency/")
    for size in ("Small", "Medium", "Large"):
        expect(here.get_by_role("row", name=size)).to_contain_text(re.compile(r"[0-9.]+ [0-9]+–[0-9]+"))
    expect(here.get_by_role("button")).to_have_count(0)


def test_the_board_works_without_scripts(board, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(board)

    page.get_by_label("Family").select_option("vote")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Accuracy").first.click()

    expect(page.locator("th.lb__recipe a")).to_have_text(["Self-consistency"])
    context.close()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["wide and light", "narrow and dark"])
@pytest.mark.parametrize(
    "path", ["leaderboards/", BOARD + "?sort=total", "suites/browser-sums/run", "strategies/self_consistency/"]
)
def test_axe_finds_no_serious_fault_and_the_page_is_not_wider_than_the_window(
    board, live_site, new_viewer, path, width, dark
):
    page = new_viewer(width=width, dark=dark, may_complain=["Applying inline style"]).page  # axe's own

    page.goto(live_site.address + path)

    assert find_serious_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
