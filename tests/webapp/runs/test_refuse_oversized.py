"""F21: what is too large is refused in a sentence, before any work: no row, no request to the model."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.fixtures_model_server import ModelServer
from tests.webapp.runs.composing import fields, page_errors, post
from webapp.problems.models import Problem, Suite
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db
TEN_MEGABYTES = 10 * 1024 * 1024
PROBLEM = {"question": "What is 6 times 7?", "answer": "42", "grader": "number"}


def ask(client: Client, **body: object) -> tuple[int, str]:
    response = client.post("/api/v1/runs", body, content_type="application/json")
    return response.status_code, str(response.json()["detail"])


@pytest.fixture(autouse=True)
def nothing_has_begun(served: ModelServer):
    yield
    assert not Run.objects.exists()
    assert not Problem.objects.exists()
    assert served.log() == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param({"problem": {**PROBLEM, "question": "x" * TEN_MEGABYTES}}, 413, "the most is 5 MB", id="10 MB"),
        pytest.param({"recipes": [{"strategy": "direct"}] * 100}, 422, "at most 8", id="100 strategies"),
        pytest.param(
            {"recipes": [{"strategy": "self_consistency", "params": {"drafts": 10_000}}]}, 422, "256", id="10k drafts"
        ),
        pytest.param(
            {"recipes": [{"strategy": "parallel_distill_refine", "params": {"widths": [64] * 500 + [1]}}]}, 422,
            "widths", id="500 rounds",
        ),
        pytest.param(
            {"recipes": [{"strategy": "self_consistency", "params": {"drafts": 256},
                          "sampling": {"max_tokens": 131_072}}]},
            422, "may use more than", id="fan-out",
        ),
    ],
)  # fmt: skip
def test_a_program_hears_what_is_too_large(client: Client, body: dict[str, object], status: int, words: str) -> None:
    asked = {"problem": PROBLEM, "recipes": [{"strategy": "direct"}]} | body

    answered, detail = ask(client, **asked)

    assert answered == status
    assert words in detail


def test_a_page_hears_that_its_form_is_too_large(client: Client) -> None:
    response = post(client, fields(question="x" * TEN_MEGABYTES))

    assert response.status_code == 413
    assert "The request is too large; the most is 5 MB." in response.content.decode()


def test_a_page_hears_that_too_many_strategies_are_picked(client: Client) -> None:
    texts = fields(question="x")
    texts.setlist("card", [str(number) for number in range(1, 101)])
    for number in range(1, 101):
        texts[f"lane-{number}-strategy"], texts[f"lane-{number}-params-drafts"] = "self_consistency", str(number + 1)
    texts.setlist("pick", [str(number) for number in range(1, 101)])

    response = post(client, texts)

    assert response.status_code == 422
    assert "A comparison has at most 8 lanes; 100 are picked. Clear some." in page_errors(response)


def test_a_suite_of_ten_thousand_long_problems_is_refused_by_its_size(client: Client) -> None:
    text = "problem,answer\n" + "".join(f"{'What is it? ' * 50}{n},{n}\n" for n in range(10_000))

    response = client.post(reverse("suite_import"), {"name": "Vast", "grader": "number", "text": text})

    assert response.status_code == 413
    assert "The request is too large; the most is 5 MB." in response.content.decode()
    assert not Suite.objects.exists()
