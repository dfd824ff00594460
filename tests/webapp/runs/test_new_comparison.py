"""Composing a comparison on the page: what it begins with, what it starts."""

import dataclasses
import re

import pytest
from django.http import QueryDict
from django.urls import reverse

from tests.fixtures_model_server import run_model_server
from tests.webapp.runs.composing import fields, post
from tests.webapp.runs.playing import make_run
from webapp.runs import setups
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


# --- what the page begins with ---------------------------------------------------------------------------------


def test_one_click_on_run_works(client, served):
    page = client.get("/")
    assert page.status_code == 200

    response = post(client, fields())

    run = Run.objects.get()
    assert response.status_code == 302
    assert response.url == reverse("run", args=[run.pk])
    assert list(run.lanes.values_list("recipe__strategy", flat=True)) == list(setups.FIRST_PICKS)
    assert {lane.recipe.model for lane in run.lanes.select_related("recipe")} == {"scripted"}
    assert (run.budget_tokens, run.budget_seconds) == (100_000, 1_800)


def test_the_page_begins_with_the_first_problem_of_a_suite(client, served, suite):
    assert "What is 1 + 2?</textarea>" in client.get("/").content.decode()


def test_a_link_preselects_a_problem_of_a_suite(client, served, suite):
    second = suite.problems.get(answer="42")

    page = client.get(f"/?problem={second.pk}").content.decode()

    assert "What is 20 + 22?</textarea>" in page
    assert f'name="problem" value="{second.pk}"' in page


def test_a_problem_that_somebody_typed_is_not_shown_to_others(client, served):
    typed = make_run(question="A secret?").lanes.all()[0].problem

    assert client.get(f"/?problem={typed.pk}").status_code == 404
    assert post(client, fields(do=f"take:{typed.pk}")).status_code == 404


def test_a_link_preselects_strategies(client, served):
    page = client.get("/?strategies=direct,self_consistency").content.decode()

    assert picked_titles(page) == ["Direct", "Self-consistency"]


def test_an_unknown_strategy_in_a_link_is_left_out(client, served):
    assert picked_titles(client.get("/?strategies=direct,nonsense").content.decode()) == ["Direct"]


def picked_titles(page):
    cards = re.findall(r'<article class="strategy-card".*?</h3>', page, re.S)
    return [title for head in cards if " checked>" in head for title in re.findall(r"<label[^>]*>(.*?)<", head)]


def test_a_run_can_be_started_again_with_the_same_settings(client, served):
    run = make_run(("parallel_distill_refine", {"widths": (3, 1)}), "direct", budget_tokens=5_000, seed=7)

    page = client.get(f"/?from={run.pk}").content.decode()

    assert picked_titles(page) == ["Parallel-Distill-Refine", "Direct"]
    assert 'value="3, 1"' in page
    assert 'name="budget-tokens" value="5,000"' in page
    assert 'name="budget-seed" value="7"' in page
    assert "What is 6 times 7?</textarea>" in page


def test_a_run_that_does_not_exist_is_not_found(client, served):
    assert client.get("/?from=nonsense").status_code == 404


def test_the_last_set_up_is_remembered(client, served):
    post(client, fields(question="What is 2 + 2?", sampling__temperature="0.3", pick=["1"]))

    page = client.get("/").content.decode()

    assert "What is 2 + 2?</textarea>" in page
    assert 'name="sampling-temperature" value="0.3"' in page
    assert picked_titles(page) == ["Direct"]


def test_a_remembered_model_that_is_gone_is_replaced(client, served, settings):
    post(client, fields())
    session = client.session
    session["new_run"] = session["new_run"].replace("model=scripted", "model=gone")
    session.save()

    assert "<option selected>scripted</option>" in client.get("/").content.decode()


def test_a_remembered_set_up_gets_fields_that_came_later(client, served):
    post(client, fields(pick=["2"]))
    session = client.session
    session["new_run"] = session["new_run"].replace("lane-2-params-drafts=8", "").replace("sampling-top_p=0.95", "")
    session.save()

    page = client.get("/").content.decode()

    assert 'name="lane-2-params-drafts" value="8"' in page
    assert 'name="sampling-top_p" value="0.95"' in page


def test_the_defaults_come_back_on_demand(client, served):
    post(client, fields(question="What is 2 + 2?"))

    assert "What is 2 + 2?</textarea>" not in client.get("/?fresh=1").content.decode()


# --- what it starts --------------------------------------------------------------------------------------------


def test_texts_are_so_short_by_default_that_a_prompt_holds_several(client, settings):
    with run_model_server("--context", "2048") as server:
        settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=server.base_url, model="scripted")
        post(client, fields())

    lane = Run.objects.get().lanes.select_related("recipe").get(column=1)
    assert lane.recipe.sampling["max_tokens"] == 256


def test_a_lane_can_have_its_own_sampling(client, served):
    post(client, fields(**{"pick": ["1", "2"], "sampling__max_tokens": "512", "lane__2__sampling__temperature": "0.1"}))

    first, second = Run.objects.get().lanes.select_related("recipe")
    assert first.recipe.sampling == {"temperature": 0.8, "top_p": 0.95, "max_tokens": 512}
    assert second.recipe.sampling == {"temperature": 0.1, "top_p": 0.95, "max_tokens": 512}


def test_a_strategy_can_run_twice_with_different_settings(client, served):
    texts = fields(pick=["2"])
    added = QueryDict(texts.urlencode(), mutable=True)
    setups.add_card(added, "2")
    new = added.getlist("pick")[-1]
    added[f"lane-{new}-params-drafts"] = "3"

    post(client, added)

    lanes = Run.objects.get().lanes.select_related("recipe")
    assert [lane.recipe.params for lane in lanes] == [{"drafts": 8}, {"drafts": 3}]


def test_add_again_puts_a_second_card_behind_the_first(client, served):
    page = post(client, fields(do="add:2")).content.decode()

    assert picked_titles(page).count("Self-consistency") == 2
    assert picked_titles(page)[1:3] == ["Self-consistency", "Self-consistency"]
    assert not Run.objects.exists()


def test_a_second_card_can_be_removed(client, served):
    texts = fields()
    setups.add_card(texts, "2")
    texts["do"] = f"drop:{texts.getlist('pick')[-1]}"

    assert picked_titles(post(client, texts).content.decode()).count("Self-consistency") == 1


def test_a_problem_of_a_suite_is_used_not_copied(client, served, suite):
    problem = suite.problems.get(answer="42")
    texts = fields()
    setups.put_problem(texts, problem)

    post(client, texts)

    assert Run.objects.get().lanes.all()[0].problem == problem


def test_a_changed_problem_of_a_suite_is_a_new_problem(client, served, suite):
    problem = suite.problems.get(answer="42")
    texts = fields()
    setups.put_problem(texts, problem)
    texts["question"] = "What is 20 + 23?"

    post(client, texts)

    assert Run.objects.get().lanes.all()[0].problem.question == "What is 20 + 23?"
    problem.refresh_from_db()
    assert problem.question == "What is 20 + 22?"


@pytest.mark.parametrize("number", ["nonsense", "9" * 30, "-1", "\0"])
def test_a_number_of_no_problem_makes_a_new_one(client, served, number):
    post(client, fields(problem=number, question="What is 9 + 9?"))

    assert Run.objects.get().lanes.all()[0].problem.question == "What is 9 + 9?"


def test_taking_a_problem_keeps_everything_else(client, served, suite):
    problem = suite.problems.get(answer="42")

    page = post(client, fields(do=f"take:{problem.pk}", sampling__temperature="0.25")).content.decode()

    assert "What is 20 + 22?</textarea>" in page
    assert 'name="sampling-temperature" value="0.25"' in page


def test_problems_of_a_suite_are_found_by_their_words(client, served, suite):
    page = client.get("/new/problems?suite=sums&search=20").content.decode()

    assert re.findall(r'picker__question">(.*?)<', page) == ["What is 20 + 22?"]


def test_a_search_without_a_hit_says_so(client, served, suite):
    assert "No problem of Sums holds “zebra”." in client.get("/new/problems?suite=sums&search=zebra").content.decode()
