"""What the page of a strategy says it did here, and the button that fills what is missing."""

import dataclasses
import re

import pytest
from django.utils import timezone

from tests.webapp.board.builders import add_lanes, make_recipe, make_run, make_suite
from webapp.board.here import look_here
from webapp.runs import models_on_server
from webapp.runs.launching import RecipeSpec, check_recipe, keep_recipe
from webapp.runs.models import Lane, Run, SavedRecipe
from webapp.runs.templatetags.amounts import short
from workers.strategies import catalog

pytestmark = pytest.mark.django_db
PAGE = "/strategies/self_consistency/"


@pytest.fixture
def served(settings, model_server):
    settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=model_server.base_url)
    models_on_server._memory.clear()
    yield
    models_on_server._memory.clear()


@pytest.fixture
def unserved():
    models_on_server._memory.clear()
    yield
    models_on_server._memory.clear()


def panel_of(client, address=PAGE):
    page = client.get(address).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page.split('id="here"')[1].split("</section>")[0]).split())


def look(slug="self_consistency"):
    return look_here(catalog()[slug])


def test_before_any_run_one_button_starts_small_medium_and_large_on_the_first_suite(client, served):
    suite = make_suite(3, name="Starters")
    make_suite(2, slug="later")
    tokens = 3 * sum(fitted.estimate.total_tokens for fitted in look().missing)

    assert f"Nothing of it was run here yet. 3 recipes on Starters, v1, 3 problems each: at most {short(tokens)} " in (
        panel_of(client)
    )
    response = client.post(f"{PAGE}run", {"suite": suite.pk})

    run = Run.objects.get()
    assert response["Location"] == f"/r/{run.pk}/matrix"
    assert (run.suite, Lane.objects.count()) == (suite, 9)
    assert len({lane.recipe_id for lane in run.lanes.all()}) == 3
    assert [line.row for line in look().lines] == [None, None, None]  # nothing is judged yet


def test_what_was_run_shows_with_its_interval_and_only_the_rest_is_offered(client, served):
    suite = make_suite(4)
    small, *others = look().missing
    recipe = keep_recipe(
        check_recipe(RecipeSpec("self_consistency", dict(small.params), "scripted", small.sampling.model_dump()))
    )
    add_lanes(make_run(suite), recipe, ["right", "right", "wrong", "right"])

    here = look()

    assert [line.name for line in here.lines] == ["Small", "Medium", "Large"]
    assert (here.lines[0].row.accuracy, here.missing, here.ranks, here.lanes) == (0.75, others, "1", 4)
    words = panel_of(client)
    assert "Small " in words and "75.0 30–95 100 400" in words
    assert "2 recipes on Sums, v1, 4 problems each" in words and "Run what is missing" in words


def test_other_settings_stand_below_under_their_saved_name(client, served):
    suite = make_suite(2)
    named, plain = (make_recipe("self_consistency", model="scripted", drafts=count) for count in (3, 5))
    SavedRecipe.objects.create(name="Three votes", recipe=named)
    add_lanes(make_run(suite), named, ["right", "right"])
    add_lanes(make_run(suite), plain, ["right"])
    add_lanes(make_run(suite), make_recipe("direct", model="scripted"), ["right", "right"])

    here = look()

    assert [line.name for line in here.lines] == ["Small", "Medium", "Large", "Three votes", "Other settings"]
    assert [line.row.is_complete for line in here.lines[3:]] == [True, False]
    assert "1 of 2" in panel_of(client)


def test_results_with_a_model_that_is_not_served_do_not_count(client, served):
    suite = make_suite(2)
    add_lanes(make_run(suite), make_recipe("self_consistency", model="gone", drafts=3), ["right", "right"])

    here = look()

    assert (here.model, here.is_measured, here.lanes) == ("scripted", False, 2)


def test_a_strategy_that_cannot_spend_so_much_says_so(client, served):
    suite = make_suite(2)
    client.post("/strategies/direct/run", {"suite": suite.pk})
    Lane.objects.update(status="finished", ruling="right", ended_at=timezone.now())

    (line,) = look("direct").lines

    assert (line.name, line.is_met, line.row.accuracy) == ("Small, medium, large", False, 1)
    assert "can spend 32.8k of 132k" in panel_of(client, "/strategies/direct/")


def test_while_the_model_server_is_away_results_show_and_nothing_can_be_started(client, unserved):
    suite = make_suite(2)
    add_lanes(make_run(suite), make_recipe("self_consistency", model="any", drafts=3), ["right", "wrong"])

    words = panel_of(client)
    response = client.post(f"{PAGE}run", {"suite": suite.pk})

    assert "Here, on any" in words and "50.0" in words and "does not answer" in words
    assert response.status_code == 400
    assert Run.objects.count() == 1


@pytest.mark.parametrize("sent", [{}, {"suite": "x"}, {"suite": "99999"}])
def test_a_stale_or_false_button_starts_nothing(client, served, sent):
    make_suite(2)

    response = client.post(f"{PAGE}run", sent)

    assert (response.status_code, Run.objects.count()) == (400, 0)


def test_without_a_suite_the_panel_says_so(client, served):
    assert "There is no suite yet" in panel_of(client)
