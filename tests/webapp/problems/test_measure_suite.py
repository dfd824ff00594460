"""A maintainer measures how often a model is right on a suite in a single draft."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.model_server import Rule
from webapp.problems.importing import import_suite
from webapp.settings import ModelServer

SUMS = b'{"problem": "What is 1 + 1?", "answer": 2}\n{"problem": "What is 1 + 2?", "answer": 3}\n'


@pytest.mark.django_db
def test_each_problem_and_the_whole_suite_get_a_rate_with_its_interval(model_server, settings):
    import_suite(content=SUMS, name="Sums", grader="number")
    model_server.script(Rule(match=r"1 \+ 1", replies=(r"\boxed{2}",)), Rule(match=r"1 \+ 2", replies=(r"\boxed{4}",)))
    settings.MODEL_SERVER = ModelServer(base_url=model_server.base_url, api_key="", model="")
    out = StringIO()

    call_command("measure_suite", "sums", "--drafts", "4", stdout=out)

    lines = out.getvalue().splitlines()
    assert sorted(lines[:2]) == [
        "  1 100% (51% to 100%) 'What is 1 + 1?' wants '2', got 2 ×4",
        "  2   0% (0% to 49%) 'What is 1 + 2?' wants '3', got 4 ×4",
    ]
    assert lines[2] == "Sums: right  50% (22% to 78%) of 8 drafts ({'right': 4, 'wrong': 4})."
    assert lines[3] == "0 of 2 problems were solved sometimes, but not always."
    assert {(entry["body"]["seed"], entry["body"]["temperature"]) for entry in model_server.log()} == {
        (seed, 0.8) for seed in (1, 2, 3, 4)
    }


@pytest.mark.django_db
def test_a_suite_that_does_not_exist_is_said():
    with pytest.raises(CommandError, match=r"^There is no suite 'sums'\.$"):
        call_command("measure_suite", "sums")


@pytest.mark.django_db
def test_a_server_that_is_down_is_said(settings):
    import_suite(content=SUMS, name="Sums", grader="number")
    settings.MODEL_SERVER = ModelServer(base_url="http://127.0.0.1:9/v1", api_key="", model="")

    with pytest.raises(CommandError, match=r"^The model server does not answer: "):
        call_command("measure_suite", "sums")
