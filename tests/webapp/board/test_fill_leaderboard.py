"""From lanes that really ran to their row on the board."""

import pytest
from django.db.models import Avg

from tests.webapp.board.builders import make_suite
from tests.webapp.runs.playing import play
from webapp.runs.launching import RecipeSpec, start_run

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_suite_that_was_played_stands_on_the_board_with_its_ledger(client):
    suite = make_suite(3)  # the answers are 2, 3 and 4; the scripted model always says 42
    suite.problems.filter(question="What is 2 + 1?").update(answer="42")
    specs = [RecipeSpec(strategy, {}, "scripted", {}) for strategy in ("direct", "parallel_distill_refine")]

    run = play(start_run(problems=list(suite.problems.all()), recipes=specs, suite=suite, seed=1))

    rows = {row["strategy"]: row for row in client.get("/leaderboards/sums.json").json()["rows"]}
    assert {row["accuracy"] for row in rows.values()} == {1 / 3}
    for strategy, row in rows.items():
        lanes = run.lanes.filter(recipe__strategy=strategy)
        assert row["mean_total_tokens"] == pytest.approx(lanes.aggregate(mean=Avg("total_tokens"))["mean"])
        assert row["mean_critical_path_tokens"] <= row["mean_total_tokens"]
