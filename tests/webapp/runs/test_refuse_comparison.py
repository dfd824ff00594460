"""Faults of a comparison are told where they are, before any work starts."""

import dataclasses

import pytest

from tests.webapp.runs.composing import error_at, fields, page_errors, post
from webapp.problems.models import Problem
from webapp.runs import setups
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


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
    "unknown grader": ({"grader": "gut"}, "id_grader", "There is no grader ‘gut’. Choose one of the list."),
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
