"""A leaderboard as CSV and JSON."""

import csv
import io

import pytest

from tests.webapp.board.builders import add_lanes, make_recipe, make_run, make_suite

pytestmark = pytest.mark.django_db


def rows_of(response):
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_the_csv_holds_what_the_page_shows(client):
    suite = make_suite(4)
    add_lanes(make_run(suite), make_recipe(), ["right", "wrong", "wrong", "failed"])
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right", "right", "right", "wrong"], total_tokens=900)

    first, second = rows_of(client.get("/leaderboards/sums.csv"))

    assert (first["strategy"], first["accuracy"], first["rank_first"]) == ("self_consistency", "0.75", "1")
    assert first["mean_total_tokens"] == "900.0"
    assert (second["strategy"], second["rank_first"], second["lanes_failed"]) == ("direct", "", "1")


def test_the_csv_keeps_the_filters_of_the_address(client):
    suite = make_suite(1)
    add_lanes(make_run(suite), make_recipe(), ["right"])
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right"])

    (row,) = rows_of(client.get("/leaderboards/sums.csv?family=vote"))

    assert row["strategy"] == "self_consistency"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "  =", "＝"])
def test_no_cell_of_the_csv_is_a_formula(client, start):
    suite = make_suite(1)
    name = f'{start}HYPERLINK("http://evil.example","x")'
    add_lanes(make_run(suite), make_recipe(model=name), ["right"])

    (row,) = rows_of(client.get("/leaderboards/sums.csv"))

    assert row["model"] == f"'{name}"


def test_the_json_keeps_every_text_as_it_is_and_says_how_it_was_computed(client):
    suite = make_suite(3)
    one, other = make_recipe(model="=1+1"), make_recipe("self_consistency", model="=1+1")
    add_lanes(make_run(suite), one, ["right", "wrong", "wrong"])
    add_lanes(make_run(suite), other, ["right", "right", "wrong"])

    record = client.get("/leaderboards/sums.json").json()

    assert record["model"] == "=1+1"
    assert [row["recipe"] for row in record["rows"]] == [other.pk, one.pk]
    assert record["pairs"] == [
        {
            "first": one.pk,
            "second": other.pk,
            "gain_problems": -1.0,
            "only_first": 0,
            "only_second": 1,
            "adjusted_p": 1.0,
        }
    ]
    assert "Wilson" in record["method"]["interval"]


def test_a_download_has_the_name_of_its_suite_and_version(client):
    make_suite(1)

    assert client.get("/leaderboards/sums.csv")["Content-Disposition"] == 'attachment; filename="sums-v1.csv"'
