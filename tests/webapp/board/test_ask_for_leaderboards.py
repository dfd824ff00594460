"""Leaderboards under /api/v1."""

import pytest

from tests.webapp.board.builders import add_lanes, make_recipe, make_run, make_suite

pytestmark = pytest.mark.django_db


def test_the_list_names_suites_and_models_with_verdicts(client):
    suite = make_suite(2)
    add_lanes(make_run(suite), make_recipe(), ["right", "wrong"])
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right"])
    make_suite(1, slug="idle", name="Idle")

    listed = client.get("/api/v1/leaderboards").json()

    assert listed == [{"suite": "sums", "version": 1, "model": "tiny", "recipes": 2, "ranked": 1}]


def test_a_leaderboard_is_the_same_as_its_download(client):
    suite = make_suite(2)
    add_lanes(make_run(suite), make_recipe(), ["right", "wrong"])
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right", "right"])

    record = client.get("/api/v1/leaderboards/sums").json()

    assert [row["strategy"] for row in record["rows"]] == ["self_consistency", "direct"]
    assert record == client.get("/leaderboards/sums.json").json()


def test_filters_apply_and_a_bad_one_is_refused(client):
    suite = make_suite(1)
    add_lanes(make_run(suite), make_recipe(), ["right"])
    add_lanes(make_run(suite), make_recipe("self_consistency"), ["right"])

    some = client.get("/api/v1/leaderboards/sums?family=vote")
    bad = client.get("/api/v1/leaderboards/sums?max_total=lots")

    assert [row["strategy"] for row in some.json()["rows"]] == ["self_consistency"]
    assert bad.status_code == 422
    assert "“lots” is not one" in bad.json()["detail"]


@pytest.mark.parametrize("address", ["nothing", "sums?version=9"])
def test_what_is_not_there_is_not_found(client, address):
    make_suite(1)

    response = client.get(f"/api/v1/leaderboards/{address}")

    assert response.status_code == 404
    assert response.json()["detail"].startswith(("There is no suite 'nothing'", "Suite 'sums' has no version 9"))
