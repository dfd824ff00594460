"""Starting recipes on a whole suite from its page."""

import dataclasses
import re

import pytest

from tests.webapp.board.builders import make_suite
from webapp.board.suite_runs import first_texts
from webapp.corpora.importing import import_corpus
from webapp.runs import models_on_server
from webapp.runs.models import Lane, Run, SavedRecipe
from webapp.runs.setups import pick_strategies
from workers.strategies import catalog

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(settings, model_server):
    settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=model_server.base_url)
    models_on_server._memory.clear()
    yield model_server
    models_on_server._memory.clear()


@pytest.fixture
def unserved():
    models_on_server._memory.clear()
    yield
    models_on_server._memory.clear()


def fields(**changes):
    texts = first_texts()
    for name, value in changes.items():
        texts.setlist(name.replace("__", "-"), value if isinstance(value, list) else [value])
    return texts


def post(client, texts, address="/suites/sums/run"):
    return client.post(address, texts.urlencode(), content_type="application/x-www-form-urlencoded")


def errors_in(response):
    found = re.findall(r'(?:banner--failed"|class="field__error")[^>]*>.*?<span>([^<]+)<', response.content.decode())
    return [" ".join(text.split()).replace("&#x27;", "'") for text in found]


def test_the_page_offers_every_strategy_and_says_what_the_run_will_use(client, served):
    make_suite(5)

    page = client.get("/suites/sums/run").content.decode()

    assert page.count('name="pick"') == len(catalog())
    assert page.count('class="tick pick"') == page.count('name="pick"')
    assert len(re.findall(r'name="pick"[^>]* checked', page)) == 4
    assert "<b>20 lanes</b> on 5 problems, at most" in page


def test_start_makes_a_lane_for_every_problem_recipe_and_repeat(client, served):
    suite = make_suite(3)
    texts = fields(pick=["1", "2"], repeats="2", **{"lane-2-params-drafts": "5"})

    response = post(client, texts)

    run = Run.objects.get()
    assert response["Location"] == f"/r/{run.pk}/matrix"
    assert (run.suite, run.title, run.repeats) == (suite, "Sums, v1", 2)
    assert Lane.objects.filter(run=run).count() == 12
    recipes = {lane.recipe.strategy: lane.recipe.params for lane in run.lanes.select_related("recipe")}
    assert recipes == {"direct": {}, "self_consistency": {"drafts": 5}}
    assert {problem.question for problem in suite.problems.all()} == {lane.problem.question for lane in run.lanes.all()}


def test_the_estimate_alone_comes_back_to_htmx(client, served):
    make_suite(2)

    response = post(client, fields(pick=["1"]), "/suites/sums/run/preview")

    page = response.content.decode()
    assert "<html" not in page
    assert "<b>2 lanes</b> on 2 problems" in page
    assert '<span id="run-label" hx-swap-oob="true">Run 2 lanes' in page
    assert 'id="step-count"' not in page and 'id="id_question_error"' not in page  # the page has neither
    assert not Run.objects.exists()


def test_lanes_are_made_equal_as_in_a_comparison(client, served):
    make_suite(3)
    page = post(client, fields(pick=["1", "2", "4"], do="equal:total_tokens:medium")).content.decode()

    presses = re.findall(r'id="(\w+-\w+)" aria-pressed="true"', page)
    drafts = re.findall(
        r'name="lane-2-params-drafts"[^>]*value="(\d+)"|value="(\d+)"[^>]*name="lane-2-params-drafts"', page
    )

    assert presses == ["total_tokens-medium"]
    assert "16" in drafts[0]
    assert not Run.objects.exists()


def test_saved_recipes_are_used_and_saved_as_in_a_comparison(client, served):
    make_suite(2)
    post(client, fields(do="save:2", **{"lane-2-name": "Five votes", "lane-2-params-drafts": "5"}))
    saved = SavedRecipe.objects.get()

    used = post(client, fields(pick=["1"], do="use", saved=str(saved.pk))).content.decode()
    opened = client.get(f"/suites/sums/run?recipe={saved.pk}").content.decode()

    assert saved.recipe.params == {"drafts": 5}
    assert len(re.findall(r'name="pick"[^>]* checked', used)) == 2
    assert len(re.findall(r'name="pick"[^>]* checked', opened)) == 1
    assert "<b>2 lanes</b> on 2 problems" in opened


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"pick": []}, "Pick at least one strategy.", id="nothing picked"),
        pytest.param({"model": "gpt-9"}, "The model server has no ‘gpt-9’; it has scripted.", id="unknown model"),
        pytest.param({"lane-2-params-drafts": "10000"}, "256", id="too many drafts"),
        pytest.param({"repeats": "0"}, "1", id="no repeats"),
        pytest.param({"sampling-temperature": "hot"}, "Enter a number; “hot” is not one.", id="temperature in words"),
    ],
)
def test_a_fault_is_named_and_nothing_starts(client, served, changes, expected):
    make_suite(2)

    response = post(client, fields(**changes))

    assert response.status_code == 422
    assert any(expected in error for error in errors_in(response)), errors_in(response)
    assert not Run.objects.exists()


def test_settings_of_strategies_that_are_not_picked_do_no_harm(client, served):
    make_suite(1)

    response = post(client, fields(pick=["1"], **{"lane-2-params-drafts": "nonsense"}))

    assert response.status_code == 302


def test_too_many_lanes_are_refused_before_any_is_made(client, served):
    make_suite(400)

    response = post(client, fields(pick=["1"], repeats="64"))

    assert response.status_code == 422
    assert "25,600 lanes; the most is 20,000" in response.content.decode()
    assert not Run.objects.exists()


def test_a_silent_model_server_is_named_and_nothing_starts(client, unserved):
    make_suite(1)

    response = post(client, fields())

    assert response.status_code == 422
    assert any("does not answer" in error for error in errors_in(response))
    assert not Run.objects.exists()


def test_a_suite_without_problems_cannot_be_run(client, served):
    make_suite(0)

    response = post(client, fields())

    assert response.status_code == 422
    assert "Sums, v1 has no problems." in response.content.decode()


def test_a_suite_is_run_over_a_corpus(client, served):
    make_suite()
    corpus = import_corpus(content=b"One and one are two.", name="Sums").corpus

    page = client.get("/suites/sums/run").content.decode()
    texts = fields()
    pick_strategies(texts, ["retrieve_and_reason"])
    texts[f"lane-{texts['pick']}-params-corpus"] = corpus.reference
    response = post(client, texts)

    assert f'<option value="{corpus.reference}">Sums · 1 passage</option>' in page
    assert response.status_code == 302
    assert {lane.recipe.params["corpus"] for lane in Lane.objects.select_related("recipe")} == {corpus.reference}
