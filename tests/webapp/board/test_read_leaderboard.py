"""What a reader finds on a leaderboard."""

import re

import pytest

from tests.webapp.board.builders import add_drafts, add_lanes, make_recipe, make_run, make_suite
from webapp.board.board_page import load_board
from webapp.board.drafts import DraftsFound, find_drafts
from webapp.board.exporting import rows_as_records
from webapp.board.filters import Filters
from webapp.board.queries import Medians, medians_on, models_on, results_on
from webapp.board.statistics import Tally
from webapp.runs.models import SavedRecipe, Status

pytestmark = pytest.mark.django_db


def page_of(client, address="/leaderboards/sums/"):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def names_in(page):
    return re.findall(r'<a id="row-\d+"[^>]*>([^<]+)</a>', page)


def test_every_lane_counts_once_or_is_left_out_for_a_reason():
    suite = make_suite(9)
    recipe = make_recipe()
    rulings = ["right", "wrong", "unreadable", "timeout", "ungraded", "failed", "cancelled", "queued", "running"]
    lanes = add_lanes(make_run(suite), recipe, rulings)

    (result,) = results_on(suite, "tiny")

    assert result.lanes == 3
    assert result.excluded == {"ungraded": 1, "timeout": 1, "failed": 1, "cancelled": 1, "open": 2}
    assert result.lanes + result.excluded_lanes == len(lanes)
    assert [tally.right for tally in result.tallies.values()] == [1, 0, 0]


def test_tokens_and_seconds_are_those_of_the_lanes_that_count():
    suite = make_suite(3)
    recipe, run = make_recipe(), make_run(suite)
    add_lanes(run, recipe, ["right"], total_tokens=100, critical_path_tokens=10, wasted_tokens=0, seconds=1)
    add_lanes(run, recipe, ["wrong"], repeat=2, total_tokens=200, critical_path_tokens=20, wasted_tokens=30, seconds=2)
    add_lanes(run, recipe, ["wrong"], repeat=3, total_tokens=600, critical_path_tokens=90, wasted_tokens=60, seconds=9)
    add_lanes(run, recipe, ["failed"], repeat=4, total_tokens=9_999, wasted_tokens=9_999)

    (result,) = results_on(suite, "tiny")

    assert (result.total, result.critical, result.seconds) == (300, 40, 4)
    assert medians_on(suite, [recipe.pk]) == {recipe.pk: Medians(200, 20, 2)}
    assert result.wasted_share == pytest.approx(0.1)


def test_a_right_draft_that_was_not_chosen_is_told_from_one_that_was_never_written(client):
    suite = make_suite(4)
    recipe, run = make_recipe("self_consistency", drafts=2), make_run(suite)
    kept, lost, never, silent = add_lanes(run, recipe, ["right", "wrong", "wrong", "wrong"])
    (failed,) = add_lanes(run, recipe, ["failed"], repeat=2)
    add_drafts(kept, "right", "wrong")
    add_drafts(lost, "wrong", "right")
    add_drafts(never, "wrong", "unreadable")
    add_drafts(silent, "", "")
    add_drafts(failed, "right", "right")

    found = find_drafts(suite, recipe.pk)
    page = page_of(client, f"/leaderboards/sums/?recipe={recipe.pk}")

    assert found == DraftsFound(lanes=3, right=2, lost=1)
    assert "in 66.7 % of lanes; 33.3 % answered otherwise" in page


def test_runs_of_one_recipe_are_pooled_problem_by_problem():
    suite = make_suite(2)
    recipe = make_recipe()
    add_lanes(make_run(suite), recipe, ["right", "wrong"])
    add_lanes(make_run(suite), recipe, ["right", "right"])

    (result,) = results_on(suite, "tiny")

    assert list(result.tallies.values()) == [Tally(2, 2), Tally(1, 2)]


def test_lanes_are_counted_again_only_when_there_is_something_new(django_assert_num_queries):
    suite, recipe = make_suite(2), make_recipe()
    add_lanes(make_run(suite), recipe, ["right", "wrong"])
    before = results_on(suite, "tiny")

    with django_assert_num_queries(1):
        again = results_on(suite, "tiny")
    going_on = make_run(suite, status=Status.RUNNING)
    add_lanes(going_on, recipe, ["right"])
    (between,) = results_on(suite, "tiny")
    add_lanes(going_on, recipe, ["right"], repeat=2)
    (after,) = results_on(suite, "tiny")

    assert again == before
    assert (between.lanes, after.lanes) == (3, 4)


def test_other_suites_versions_and_models_stay_apart():
    suite, newer = make_suite(2), make_suite(2, version=2)
    add_lanes(make_run(suite), make_recipe(), ["right", "right"])
    add_lanes(make_run(newer), make_recipe(), ["wrong", "wrong"])
    add_lanes(make_run(suite), make_recipe(model="other"), ["wrong", "wrong"])

    (result,) = results_on(suite, "tiny")

    assert [tally.right for tally in result.tallies.values()] == [1, 1]
    assert set(models_on(suite)) == {"tiny", "other"}


def test_the_list_names_the_leader_of_each_suite_and_model(client):
    suite = make_suite(2)
    add_lanes(make_run(suite), make_recipe(), ["right", "wrong"])
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right", "right"])
    add_lanes(make_run(suite), make_recipe("sequential_refinement"), ["right"])  # provisional: cannot lead

    page = page_of(client, "/leaderboards/")

    row = re.sub(r"<[^>]*>|\s+", " ", page[page.index("<tbody>") : page.index("</tbody>")])
    assert "Sums, v1" in row
    assert "Self-consistency" in row
    assert "100.0" in row


def test_without_verdicts_the_list_says_what_to_do(client):
    make_suite(2)

    page = page_of(client, "/leaderboards/")

    assert "No suite has verdicts yet." in page
    assert "/suites/sums/run" in page


def test_a_suite_nobody_has_run_says_so(client):
    make_suite(2)

    assert "Nobody has run a recipe on this version of the suite yet." in page_of(client)


def test_an_unknown_suite_or_version_is_not_found(client):
    make_suite(2)

    assert client.get("/leaderboards/nothing/").status_code == 404
    assert client.get("/leaderboards/sums/?version=7").status_code == 404
    assert client.get("/leaderboards/sums/?version=%00").status_code == 404


def test_rows_stand_by_accuracy_with_their_interval_and_n(client):
    suite = make_suite(10)
    add_lanes(make_run(suite), make_recipe(), ["right"] * 3 + ["wrong"] * 7)
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right"] * 8 + ["wrong"] * 2)

    page = page_of(client)

    assert names_in(page) == ["Self-consistency", "Direct"]
    assert 'aria-label="80.0 percent, 95% interval 49.0 to 94.3"' in page
    assert "Tied for first." in page


def test_recipes_that_tests_separate_are_not_tied(client):
    suite = make_suite(30)
    add_lanes(make_run(suite), make_recipe(), ["right"] * 5 + ["wrong"] * 25)
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right"] * 28 + ["wrong"] * 2)

    page = page_of(client)

    assert "First. Paired tests separate it from every other." in page
    assert "Tied for first." not in page
    assert re.search(r'class="win" title="SC does better on 23 problems, Direct on 0;[^"]*">\+23<', page)


def test_a_recipe_that_lacks_problems_is_provisional_and_not_ranked(client):
    suite = make_suite(4)
    add_lanes(make_run(suite), make_recipe(), ["right", "wrong", "wrong", "wrong"])
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right", "right", "failed", "timeout"])

    page = page_of(client)

    assert names_in(page) == ["Direct", "Self-consistency"]
    assert page.index("Provisional.") < page.index("Self-consistency</a>")
    assert "2 lanes out" in page


def test_lanes_on_problems_outside_the_suite_do_not_count(client):
    suite, wider = make_suite(2), make_suite(3, slug="wider")
    recipe, run = make_recipe(), make_run(wider)
    add_lanes(run, recipe, ["wrong", "wrong", "wrong"])
    run.suite = suite
    run.save()
    add_lanes(make_run(suite), recipe, ["right", "right"])

    assert 'aria-label="100.0 percent' in page_of(client)


def test_the_chosen_row_shows_the_runs_and_the_lanes_left_out(client):
    suite = make_suite(3)
    recipe, run = make_recipe(), make_run(suite, title="Night run")
    add_lanes(run, recipe, ["right", "failed", "timeout"])

    page = page_of(client, f"/leaderboards/sums/?recipe={recipe.pk}")

    assert f'<a href="/r/{run.pk}/">Night run</a>' in page
    assert "1 grader out of time, 1 failed" in page
    assert 'class="chosen"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", ["Sequential Refinement", "Self-consistency", "Direct"], id="by accuracy"),
        pytest.param("?sort=accuracy", ["Direct", "Self-consistency", "Sequential Refinement"], id="worst first"),
        pytest.param("?sort=total", ["Direct", "Sequential Refinement", "Self-consistency"], id="cheapest first"),
        pytest.param("?sort=-critical", ["Sequential Refinement", "Self-consistency", "Direct"], id="longest first"),
        pytest.param("?sort=password", ["Sequential Refinement", "Self-consistency", "Direct"], id="unknown key"),
        pytest.param("?max_total=2k", ["Sequential Refinement", "Direct"], id="total up to 2k"),
        pytest.param("?max_critical=150", ["Self-consistency", "Direct"], id="critical path up to 150"),
        pytest.param("?family=vote", ["Self-consistency"], id="one family"),
    ],
)
def test_the_address_sorts_and_filters(client, query, expected):
    suite = make_suite(3)
    for column, (strategy, right, total, critical) in enumerate(
        [("direct", 1, 100, 100), ("self_consistency", 2, 4_000, 120), ("sequential_refinement", 3, 900, 900)], 1
    ):
        rulings = ["right"] * right + ["wrong"] * (3 - right)
        add_lanes(
            make_run(suite), make_recipe(strategy), rulings, column=column, total_tokens=total,
            critical_path_tokens=critical,
        )  # fmt: skip

    assert names_in(page_of(client, f"/leaderboards/sums/{query}")) == expected


def test_a_filter_that_is_no_number_says_what_to_enter(client):
    suite = make_suite(1)
    add_lanes(make_run(suite), make_recipe(), ["right"])

    page = page_of(client, "/leaderboards/sums/?max_total=lots")

    assert "Enter a number of tokens such as 20000 or 20k; “lots” is not one." in page
    assert names_in(page) == ["Direct"]


def test_filters_that_nothing_passes_offer_the_way_back(client):
    suite = make_suite(1)
    add_lanes(make_run(suite), make_recipe(), ["right"])

    page = page_of(client, "/leaderboards/sums/?max_total=1")

    assert "None of the 1 recipes passes these filters." in page


def test_filters_do_not_change_the_tests():
    suite = make_suite(12)
    for number in range(4):
        add_lanes(make_run(suite), make_recipe(total=number), ["right"] * (3 * number) + ["wrong"] * (12 - 3 * number))
    everything = load_board(suite, Filters())
    best = [row.id for row in everything.rows[:2]]

    some = load_board(suite, Filters(max_total=1))

    assert some.pairs == everything.pairs
    assert everything.pairs[best[0], best[1]].p_value > everything.pairs[best[0], everything.rows[3].id].p_value


@pytest.mark.parametrize(
    ("axis", "caption"), [("critical", "critical-path tokens per lane"), ("total", "total tokens per lane")]
)
def test_the_chart_is_drawn_for_both_axes(client, axis, caption):
    suite = make_suite(2)
    add_lanes(make_run(suite), make_recipe(), ["right", "wrong"])

    page = page_of(client, f"/leaderboards/sums/?axis={axis}")

    assert caption in page
    assert page.count('class="dot dot--front"') == 1


def test_htmx_gets_the_part_and_the_address_to_keep(client):
    suite = make_suite(2)
    add_lanes(make_run(suite), make_recipe(), ["right", "wrong"])

    response = client.get("/leaderboards/sums/?family=&max_total=&sort=total", headers={"HX-Request": "true"})

    assert response.content.decode().strip().startswith('<div id="board"')
    assert response["HX-Push-Url"] == "/leaderboards/sums/?version=1&sort=total"
    assert "HX-Request" in response["Vary"]


def test_a_recipe_of_a_strategy_that_is_gone_keeps_its_row(client):
    suite = make_suite(1)
    add_lanes(make_run(suite), make_recipe("forgotten_art", widths=[8, 4]), ["right"])

    page = page_of(client)

    assert names_in(page) == ["forgotten_art"]
    assert "widths [8, 4]" in page


def test_a_saved_recipe_stands_on_the_board_under_its_name(client):
    suite = make_suite(2)
    run, wide, narrow = make_run(suite), make_recipe("direct"), make_recipe("self_consistency", drafts=3)
    add_lanes(run, wide, ["right", "right"])
    add_lanes(run, narrow, ["right", "wrong"], column=2)
    second = SavedRecipe.objects.create(name="plain one", recipe=wide)
    saved = SavedRecipe.objects.create(name="Our baseline", recipe=wide)

    page = page_of(client, f"/leaderboards/sums/?recipe={wide.pk}")
    board = load_board(suite, Filters(model="tiny"))

    assert names_in(page) == ["Our baseline", "Self-consistency"]
    assert page.count(f'href="/recipes/#recipe-{saved.pk}"') == 2  # in the row, and behind it
    assert f"#recipe-{second.pk}" not in page
    assert 'title="Direct · ' in page
    assert [row.label for row in board.rows] == ["Our baseline", "SC"]
    assert [record["name"] for record in rows_as_records(board)] == ["Our baseline", ""]
    assert "Our baseline" in page_of(client, "/leaderboards/")
    assert "Our baseline" in page_of(client, f"/r/{run.pk}/matrix")


def test_a_model_name_with_markup_is_shown_as_text(client):
    suite = make_suite(1)
    add_lanes(make_run(suite), make_recipe(model="<script>alert(1)</script>"), ["right"])

    page = page_of(client)

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("recipes", [1, 6])
def test_the_page_asks_the_database_as_often_for_one_recipe_as_for_many(client, django_assert_num_queries, recipes):
    suite = make_suite(3)
    run = make_run(suite)
    for column in range(1, recipes + 1):
        recipe = make_recipe(drafts=column)
        for repeat in (1, 2):
            add_lanes(run, recipe, ["right", "wrong", "right"], column=column, repeat=repeat)

    with django_assert_num_queries(8):  # versions, models, size of the suite, recipes, runs, tallies, sums, saved names
        page_of(client)


def test_the_list_asks_the_database_four_more_times_than_once(client, django_assert_num_queries):
    for slug in ("one", "two", "three"):
        suite = make_suite(2, slug=slug, name=slug)
        add_lanes(make_run(suite), make_recipe(drafts=1), ["right", "wrong"])

    with django_assert_num_queries(5):  # leaders, suites, recipes, saved names, suites without verdicts
        page_of(client, "/leaderboards/")
