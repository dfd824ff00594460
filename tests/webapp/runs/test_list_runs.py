"""The list of runs: what a row says, filters in the address, pages, a fixed number of queries."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from tests.webapp.runs.playing import make_run
from webapp.problems.models import Problem, Suite
from webapp.runs import listing
from webapp.runs.launching import RecipeSpec, start_run
from webapp.runs.models import Run, Status

pytestmark = pytest.mark.django_db


def finish(run, *, rulings, tokens=(1_000, 4_000)):
    """End a run whose lanes have these rulings; `tokens` are critical path and total of each lane."""
    now = timezone.now()
    for lane, ruling in zip(run.lanes.order_by("column"), rulings, strict=True):
        lane.ruling, lane.status, lane.ended_at = ruling, Status.FINISHED, now
        lane.critical_path_tokens, lane.total_tokens = tokens
        lane.save()
    run.status, run.started_at, run.ended_at = Status.FINISHED, now - timedelta(seconds=65), now
    run.save()
    return run


def titles(response):
    return re.findall(r'<td class="runs__problem"><a href="[^"]*">(.*?)</a>', response.content.decode())


def test_without_runs_the_page_says_what_to_do(client):
    page = client.get("/runs/").content.decode()

    assert "No runs yet" in page
    assert "Write a problem and pick two strategies." in page


def test_a_row_shows_verdicts_both_token_axes_and_time(client):
    run = finish(make_run("direct", "self_consistency"), rulings=("right", "wrong"), tokens=(1_500, 6_000))

    page = client.get("/runs/").content.decode()

    assert f'href="/r/{run.pk}/"' in page
    assert re.findall(r'<li title="(.*?)">', page) == ["Direct: right", "Self-consistency: wrong"]
    assert re.findall(r'<td class="num">(.*?)</td>', page) == ["1.5k", "12.0k", "1:05"]


def test_a_run_over_many_problems_counts_what_is_right(client):
    problems = [Problem.objects.create(question=f"What is {number}?", answer=str(number)) for number in range(3)]
    run = start_run(problems=problems, recipes=[RecipeSpec("direct", {}, "scripted", {})], title="Numbers")
    run.lanes.filter(row__lt=3).update(ruling="right", status=Status.FINISHED, ended_at=timezone.now())

    page = client.get("/runs/").content.decode()

    assert re.findall(r'<li title="(.*?)">', page) == ["Direct: 2 of 3 right, 1 open"]
    assert "2/3" in page

    run.lanes.filter(row=3).update(ruling="right", status=Status.FAILED, ended_at=timezone.now())
    page = client.get("/runs/").content.decode()
    assert re.findall(r'<li title="(.*?)">', page) == ["Direct: 2 of 3 right"]  # the best of a failed lane is no result


def test_newest_runs_come_first(client):
    for name in ("first", "second"):
        make_run(question=name)

    assert titles(client.get("/runs/")) == ["second", "first"]


def test_older_runs_stand_on_the_next_page(client):
    for number in range(listing.PAGE + 2):
        make_run(question=f"Question {number}")

    first = client.get("/runs/?q=Question")
    (older,) = re.findall(r'<a class="button" href="\?(.*?)">Older runs', first.content.decode())
    second = client.get(f"/runs/?{unescape(older)}")

    assert len(titles(first)) == listing.PAGE
    assert titles(second) == ["Question 1", "Question 0"]
    assert "Older runs" not in second.content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=capital", ["The capital of France"]),
        ("q=CAPITAL", ["The capital of France"]),
        ("strategy=self_consistency", ["Two plus two"]),
        ("status=finished", ["Two plus two"]),
        ("status=queued&q=capital", ["The capital of France"]),
        ("status=nonsense", ["Two plus two", "The capital of France"]),
        ("suite=sums", []),
        ("before=nonsense", ["Two plus two", "The capital of France"]),
        ("q=%00", ["Two plus two", "The capital of France"]),
    ],
)
def test_the_address_filters(client, query, expected):
    make_run("direct", question="The capital of France")
    finish(make_run("self_consistency", question="Two plus two"), rulings=("right",))

    assert titles(client.get(f"/runs/?{query}")) == expected


def test_a_filter_by_suite_finds_its_runs(client):
    suite = Suite.objects.create(slug="sums", name="Sums")
    make_run(question="alone")
    make_run(question="of the suite", suite=suite)

    assert titles(client.get("/runs/?suite=sums")) == ["of the suite"]


def test_filters_without_a_hit_say_so(client):
    make_run()

    assert "No run matches" in client.get("/runs/?q=zebra").content.decode()


def test_htmx_gets_the_table_alone(client):
    make_run()

    page = client.get("/runs/", headers={"HX-Request": "true"}).content.decode()

    assert "<table" in page
    assert "<html" not in page


def test_the_number_of_queries_does_not_grow(client, django_assert_num_queries):
    for _ in range(3):
        make_run("direct", "self_consistency", "sequential_refinement")
    client.get("/runs/")

    with django_assert_num_queries(3):  # runs, sums over their lanes, suites to choose from
        client.get("/runs/")

    for _ in range(10):
        make_run("direct", "self_consistency", "sequential_refinement", "parallel_distill_refine")
    with django_assert_num_queries(3):
        client.get("/runs/")
    assert Run.objects.count() == 13
