"""The matrix of a run with several problems."""

import re

import pytest

from tests.webapp.board.builders import add_lanes, make_recipe, make_run, make_suite
from webapp.runs.models import Lane, Status

pytestmark = pytest.mark.django_db


def make_matrix(*columns, status=Status.FINISHED, repeats=1):
    suite = make_suite(len(columns[0]))
    run = make_run(suite, status=status, repeats=repeats)
    for column, rulings in enumerate(columns, 1):
        recipe = make_recipe("direct" if column == 1 else "self_consistency")
        for repeat in range(1, repeats + 1):
            add_lanes(run, recipe, rulings, column=column, repeat=repeat)
    return run


def page_of(client, run, query="", **headers):
    response = client.get(f"/r/{run.pk}/matrix{query}", headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def words_in(page):
    return re.findall(r'aria-label="Problem (\d+), ([^"]+)"', page)


def test_every_cell_says_how_its_lane_stands_and_leads_to_it(client):
    run = make_matrix(["right", "wrong", "unreadable"], ["failed", "running", "queued"], status=Status.RUNNING)

    page = page_of(client, run)

    assert words_in(page) == [
        ("1", "right"), ("1", "failed"), ("2", "wrong"), ("2", "working"), ("3", "unreadable"), ("3", "waiting"),
    ]  # fmt: skip
    assert f'href="/r/{run.pk}/?row=2&amp;repeat=1"' in page


def test_with_repeats_a_cell_counts_the_right_ones(client):
    run = make_matrix(["right", "wrong"], repeats=3)
    Lane.objects.filter(run=run, row=1, repeat=2).update(ruling="wrong")

    page = page_of(client, run)

    assert words_in(page) == [("1", "partly right, 2/3 right"), ("2", "wrong, 0/3 right")]


def test_a_working_run_shows_its_progress_and_can_be_stopped(client):
    run = make_matrix(["right", "running", "queued"], status=Status.RUNNING)

    page = page_of(client, run)

    assert "1 of 3 lanes ended" in page
    assert "Stop the run" in page
    assert 'hx-trigger="every 2s"' in page


def test_the_time_left_follows_the_pace_of_the_last_lanes(client):
    run = make_matrix(["right"] * 6 + ["queued"] * 30, status=Status.RUNNING)  # a lane a second

    assert "about 0:30 left" in page_of(client, run)


def test_an_ended_run_is_asked_for_no_more_and_offers_to_continue_what_is_missing(client):
    run = make_matrix(["right", "failed", "cancelled"], status=Status.CANCELLED)

    page = page_of(client, run)

    assert "Continue 2 lanes" in page
    assert "Stop the run" not in page
    assert "hx-trigger" not in page


def test_a_page_that_has_seen_everything_gets_nothing(client):
    run = make_matrix(["right", "running"], status=Status.RUNNING)
    mark = re.search(r"\?seen=([^\"]+)\"", page_of(client, run))
    assert mark

    nothing = client.get(f"/r/{run.pk}/matrix?seen={mark[1]}", headers={"HX-Request": "true"})
    Lane.objects.filter(run=run, row=2).update(status=Status.FINISHED, ruling="right", ended_at=run.started_at)
    news = page_of(client, run, f"?seen={mark[1]}", **{"HX-Request": "true"})

    assert nothing.status_code == 204
    assert news.strip().startswith('<div id="matrix"')
    assert words_in(news)[1] == ("2", "right")


def test_an_unknown_run_is_not_found(client):
    assert client.get("/r/nothing/matrix").status_code == 404


@pytest.mark.parametrize("problems", [2, 12])
def test_the_matrix_asks_the_database_as_often_for_few_problems_as_for_many(
    client, django_assert_num_queries, problems
):
    run = make_matrix(["right"] * problems, ["wrong"] * problems)

    with django_assert_num_queries(6):  # run, cells, recipes, names saved of them, problems, their names
        page_of(client, run)


def test_markup_in_a_question_is_shown_as_text(client):
    run = make_matrix(["right", "wrong"])
    problem = run.lanes.all()[0].problem
    problem.question = "<img src=x onerror=alert(1)>"
    problem.save()

    page = page_of(client, run)

    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
