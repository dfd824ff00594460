"""An answer that nobody can read is asked for once more: a setting of the recipe, by the page and by JSON."""

from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client

from tests.fixtures_model_server import ModelServer
from tests.webapp.runs.composing import error_at, fields, post
from tests.webapp.runs.playing import make_run, play, scripted
from webapp.runs import setups
from webapp.runs.capabilities import remember
from webapp.runs.launching import RecipeSpec, check_recipe
from webapp.runs.models import Recipe, Run, SavedRecipe
from webapp.runs.saving import save_recipe
from workers.core.capabilities import Capabilities, Finding

pytestmark = pytest.mark.django_db(transaction=True)
REPLIES = {"draft": ("Six sevens are what is asked for.",), "settle": ("42}.",)}
PROBLEM = {"question": "What is 6 times 7?", "answer": "42", "grader": "number"}


def settles(run: Run) -> list[bool]:
    return [lane.recipe.settle for lane in run.lanes.select_related("recipe").order_by("column")]


def know(*, continuing: bool) -> None:
    found = Finding(is_there=continuing, detail="" if continuing else "It begins anew.")
    remember("scripted", "it", Capabilities(model="scripted", findings={"continuing": found}))


def start(client: Client, **recipe: Any) -> dict[str, Any]:
    body = {"problem": PROBLEM, "recipes": [{"strategy": "direct", **recipe}]}
    run = client.post("/api/v1/runs", body, content_type="application/json").json()
    shown: dict[str, Any] = client.get(f"/api/v1/runs/{run['id']}").json()
    return shown


def test_a_lane_begun_at_the_page_settles_its_answer(client: Client, served: ModelServer) -> None:
    page = post(client, fields(pick=["1"], question=PROBLEM["question"], answer="42", grader="number"))
    run = play(Run.objects.get(), scripted(REPLIES))

    lane = run.lanes.get()
    assert page.status_code == 302
    assert (lane.answer, lane.ruling, lane.answer_note) == ("42", "right", "asked once more for the end")
    assert (lane.calls, lane.depth) == (2, 2)
    assert list(run.events.filter(kind="round_opened").values_list("body__name", flat=True)) == ["Draft", "Settle"]


def test_a_recipe_that_does_not_settle_leaves_the_answer_unread(served: ModelServer) -> None:
    run = play(make_run("direct"), scripted(REPLIES))

    assert (run.lanes.get().ruling, run.lanes.get().calls) == ("unreadable", 1)


def test_it_is_turned_off_for_all_lanes_and_on_for_one(client: Client, served: ModelServer) -> None:
    post(client, fields(pick=["1", "2"], ending__settle="off", lane__2__ending__settle="on"))

    assert settles(Run.objects.get()) == [False, True]


def test_it_is_on_or_off(client: Client, served: ModelServer) -> None:
    page = post(client, fields(ending__settle="perhaps"))

    assert error_at(page, "id_ending-settle") == "Choose one of: on, off."


def test_a_model_that_cannot_go_on_settles_nothing(client: Client, served: ModelServer) -> None:
    know(continuing=False)

    post(client, fields(pick=["1"]))

    assert settles(Run.objects.get()) == [False]
    know(continuing=True)
    assert check_recipe(RecipeSpec("direct", {}, "scripted", {}, settle=True)).settle


def test_texts_of_a_page_before_the_setting_was_there_have_it_on(served: ModelServer) -> None:
    texts = QueryDict("card=1&pick=1&lane-1-strategy=direct", mutable=True)

    setups.complete(texts)

    assert (texts["ending-settle"], texts["lane-1-ending-settle"]) == ("on", "")


def test_a_run_is_started_again_as_it_was(client: Client, served: ModelServer) -> None:
    post(client, fields(pick=["1", "2"], ending__settle="off", lane__2__ending__settle="on"))

    texts = setups.setup_of_run(Run.objects.get())

    assert texts["ending-settle"] == "off"
    assert [texts[f"lane-{number}-ending-settle"] for number in texts.getlist("pick")] == ["", "on"]


def test_programs_have_it_on_unless_they_say_otherwise(client: Client, served: ModelServer) -> None:
    assert start(client)["lanes"][0]["settle"] is True
    assert start(client, settle=False)["lanes"][0]["settle"] is False
    assert Recipe.objects.count() == 2


def test_a_saved_recipe_keeps_it(client: Client, served: ModelServer) -> None:
    save_recipe(name="Settled", spec=RecipeSpec("direct", {}, "scripted", {}, settle=True))
    save_recipe(name="Left", spec=RecipeSpec("direct", {}, "scripted", {}))

    body = {"problem": PROBLEM, "recipes": [{"saved": "Left"}, {"saved": "Settled"}]}
    client.post("/api/v1/runs", body, content_type="application/json")

    assert settles(Run.objects.get()) == [False, True]
    assert [one["settle"] for one in client.get("/api/v1/recipes").json()] == [False, True]
    assert "settles" in client.get("/recipes/").content.decode()
    assert SavedRecipe.objects.count() == 2


def test_a_web_process_of_the_version_before_stores_recipes_that_do_not_settle() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runs_recipe (strategy, params, model, sampling, fingerprint, models) "
            "VALUES ('direct', '{}', 'scripted', '{}', 'before', '{}')"
        )

    assert Recipe.objects.get().settle is False
