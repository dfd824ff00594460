"""Composing a comparison on the page: what it begins with, what it says is wrong, what it starts."""

import dataclasses
import re

import pytest
from django.http import QueryDict
from django.urls import reverse

from tests.webapp.runs.playing import make_run
from webapp.problems.models import Problem, Suite, SuitePlace
from webapp.runs import setups
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(settings, model_server):
    """A model server that has the model `scripted`."""
    settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=model_server.base_url, model="scripted")
    return model_server


@pytest.fixture
def unserved(settings):
    """An address at which nobody answers."""
    settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url="http://127.0.0.1:9/v1")


@pytest.fixture
def suite():
    suite = Suite.objects.create(slug="sums", name="Sums")
    for position, (question, answer) in enumerate((("What is 1 + 2?", "3"), ("What is 20 + 22?", "42")), 1):
        problem = Problem.objects.create(question=question, answer=answer, grader="number")
        SuitePlace.objects.create(suite=suite, problem=problem, position=position)
    return suite


def fields(**changes):
    """Return the texts of the untouched page with some of them changed; `lane_2_params__drafts` stands for dashes."""
    texts = setups.default_setup()
    setups.complete_cards(texts)
    for name, value in changes.items():
        texts.setlist(name.replace("__", "-"), value if isinstance(value, list) else [value])
    return texts


def post(client, texts, path="/"):
    return client.post(path, texts.urlencode(), content_type="application/x-www-form-urlencoded")


def error_at(response, field):
    """Return the sentence that stands at a field."""
    found = re.search(rf'id="{re.escape(field)}_error"[^>]*>(.*?)</span>\s*(?:<|$)', response.content.decode(), re.S)
    assert found, f"There is no place for an error at {field}."
    sentence = re.sub(r"<[^>]+>", "", found[1]).strip()
    return sentence.replace("&#x27;", "'")


def page_errors(response):
    texts = re.findall(r'role="alert">(.*?)</p>', response.content.decode(), re.S)
    return [re.sub(r"<[^>]+>", "", text).strip() for text in texts]


# --- what the page begins with ---------------------------------------------------------------------------------


def test_one_click_on_run_works(client, served, django_capture_on_commit_callbacks):
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


def test_the_defaults_come_back_on_demand(client, served):
    post(client, fields(question="What is 2 + 2?"))

    assert "What is 2 + 2?</textarea>" not in client.get("/?fresh=1").content.decode()


# --- what it starts --------------------------------------------------------------------------------------------


def test_a_lane_can_have_its_own_sampling(client, served):
    post(client, fields(**{"pick": ["1", "2"], "lane__2__sampling__temperature": "0.1"}))

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


# --- what it says is wrong -------------------------------------------------------------------------------------

WRONG = {
    "empty question": ({"question": " \n"}, "id_question", "Write a problem, or take one from a suite."),
    "long question": (
        {"question": "x" * 1_000_000},
        "id_question",
        "The problem has 1,000,000 bytes; the most is 65,536. Shorten it.",
    ),
    "nul in question": (
        {"question": "a\0b"},
        "id_question",
        "The problem holds a NUL character, which cannot be stored. Delete it.",
    ),
    "10,000 drafts": (
        {"lane__2__params__drafts": "10000"},
        "id_lane-2-params-drafts",
        "Enter 1 to 256; 10,000 is too large.",
    ),
    "widths without an end": (
        {"lane__4__params__widths": "8, 4"},
        "id_lane-4-params-widths",
        "The last width must be 1: its draft is the answer.",
    ),
    "widths in words": (
        {"lane__4__params__widths": "8, four, 1"},
        "id_lane-4-params-widths",
        "Enter whole numbers with commas between, e.g. 8, 4, 1; “four” is not one.",
    ),
    "no such distiller": (
        {"lane__4__params__distiller": "magic"},
        "id_lane-4-params-distiller",
        "Choose one of: global summary, shared topk, per sample topk, random k, identity.",
    ),
    "hot": ({"sampling__temperature": "9"}, "id_sampling-temperature", "Enter 0 to 2; 9.0 is too large."),
    "top-p of nothing": ({"sampling__top_p": "0"}, "id_sampling-top_p", "Enter above 0, up to 1; 0.0 is too small."),
    "temperature nan": (
        {"sampling__temperature": "nan"},
        "id_sampling-temperature",
        "Enter a number; “nan” is not one.",
    ),
    "own sampling": (
        {"lane__1__sampling__max_tokens": "0"},
        "id_lane-1-sampling-max_tokens",
        "Enter 1 to 131,072; 0 is too small.",
    ),
    "budget": ({"budget__tokens": "1"}, "id_budget-tokens", "Enter 100 to 100,000,000; 1 is too small."),
    "unreadable reference": (
        {"grader": "number", "answer": "forty-two"},
        "id_answer",
        "The reference answer 'forty-two' is not a number.",
    ),
    "unknown model": ({"model": "gpt-9"}, "id_model", "The model server has no ‘gpt-9’; it has scripted."),
    "unknown model of one lane": (
        {"lane__3__model": "gpt-9"},
        "id_lane-3-model",
        "The model server has no ‘gpt-9’; it has scripted.",
    ),
}


@pytest.mark.parametrize(("changes", "field", "sentence"), WRONG.values(), ids=WRONG)
def test_a_fault_is_told_at_its_field_and_nothing_starts(client, served, changes, field, sentence):
    response = post(client, fields(**changes))

    assert response.status_code == 422
    assert error_at(response, field) == sentence
    assert not Run.objects.exists()
    assert not Problem.objects.exists()


def test_nothing_typed_is_lost_when_something_is_wrong(client, served):
    response = post(client, fields(question="What is $2+2$?", answer="4", lane__4__params__widths="8, 4"))

    page = response.content.decode()
    assert "What is $2+2$?</textarea>" in page
    assert 'name="answer" value="4"' in page
    assert 'name="lane-4-params-widths" value="8, 4"' in page


def test_a_problem_longer_than_the_context_is_refused(client, settings):
    from tests.fixtures_model_server import run_model_server

    with run_model_server("--context", "2048") as server:
        settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=server.base_url, model="scripted")
        response = post(client, fields(question="word " * 2_000))

    assert error_at(response, "id_question") == (
        "The problem has about 2,500 tokens; scripted reads at most 2,048. "
        "Shorten it, or choose a model with a longer context."
    )
    assert not Run.objects.exists()


def test_an_unknown_strategy_is_refused(client, served):
    response = post(client, fields(lane__1__strategy="telepathy"))

    assert page_errors(response) == ["There is no strategy ‘telepathy’. Pick one of those on the page."]
    assert not Run.objects.exists()


def test_no_strategy_is_refused(client, served):
    texts = fields()
    del texts["pick"]

    assert page_errors(post(client, texts)) == ["Pick at least one strategy."]


def test_more_than_eight_lanes_are_refused(client, served):
    texts = fields()
    for drafts in range(1, 6):
        setups.add_card(texts, "2")
        texts[f"lane-{texts.getlist('pick')[-1]}-params-drafts"] = str(drafts)

    assert page_errors(post(client, texts)) == ["A comparison has at most 8 lanes; 9 are picked. Clear some."]


def test_the_same_recipe_twice_is_refused(client, served):
    texts = fields()
    setups.add_card(texts, "2")

    response = post(client, texts)

    assert response.status_code == 422
    assert "The same recipe as lane 2. Change one, or clear one." in response.content.decode()


def test_a_server_that_is_down_starts_nothing_and_keeps_the_page(client, unserved):
    page = client.get("/")
    response = post(client, fields(question="What is 2 + 2?"))

    sentence = "The model server at http://127.0.0.1:9/v1 does not answer."
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert 'value="check"' in page.content.decode()
    assert response.status_code == 422
    assert page_errors(response)[0].startswith(sentence)
    assert page_errors(response)[0].endswith("Nothing was started.")
    assert "What is 2 + 2?</textarea>" in response.content.decode()
    assert not Run.objects.exists()


def test_trying_again_keeps_what_was_typed(client, unserved):
    assert "What is 2 + 2?</textarea>" in post(client, fields(question="What is 2 + 2?", do="check")).content.decode()


# --- the preview and the reading -------------------------------------------------------------------------------


def test_the_preview_counts_calls_and_depth(client, served):
    page = post(client, fields(lane__4__params__widths="8, 4, 1"), "/new/preview").content.decode()

    assert re.findall(r"(\d+) calls?, depth (\d+)", page) == [("1", "1"), ("8", "1"), ("3", "3"), ("15", "5")]


def test_the_preview_grows_with_the_length_of_a_call(client, served):
    short, long = (
        post(client, fields(sampling__max_tokens=size), "/new/preview").content.decode() for size in ("100", "1000")
    )

    assert total_of(short) < total_of(long)


def total_of(page):
    text = page.partition("<dt>Total tokens</dt><dd>")[2].partition("<")[0]
    return float(text.removesuffix("k")) * (1_000 if text.endswith("k") else 1)


def test_the_preview_tells_faults_at_their_fields(client, served):
    response = post(client, fields(lane__4__params__widths="8, 4"), "/new/preview")

    assert error_at(response, "id_lane-4-params-widths") == "The last width must be 1: its draft is the answer."
    assert "Correct the settings to see the cost." in response.content.decode()


def test_more_calls_than_a_lane_may_make_are_refused_before_they_are_played(client, served):
    texts = fields(pick=["4"], lane__4__params__widths="200, 50, 1", lane__4__params__distiller="per_sample_topk")

    response = post(client, texts)

    sentence = "These settings ask for more than 256 calls, which is the most of one lane. Ask for fewer."
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Run.objects.exists()


def test_a_call_longer_than_the_context_is_warned_of(client, settings):
    from tests.fixtures_model_server import run_model_server

    with run_model_server("--context", "600") as server:
        settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=server.base_url, model="scripted")
        page = post(client, fields(), "/new/preview").content.decode()

    assert re.search(r"A call may need [\d,]+ tokens; the model&#x27;s context holds 600\.", page)


def test_the_reading_says_what_counts_as_right(client, served):
    page = post(client, fields(answer="1,200", grader="number"), "/new/reading").content.decode()

    assert "Reads <b>1,200</b> as right. Strategies never see the reference." in page


def test_the_reading_refuses_what_the_grader_cannot_read(client, served):
    response = post(client, fields(answer="forty-two", grader="number"), "/new/reading")

    assert error_at(response, "id_answer") == "The reference answer 'forty-two' is not a number."


def test_without_a_reference_lanes_are_not_judged(client, served):
    page = post(client, fields(answer=""), "/new/reading").content.decode()

    assert "Without a reference answer, lanes are not judged." in page
