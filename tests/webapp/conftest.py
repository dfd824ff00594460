"""Fixtures of pages that start runs."""

import dataclasses

import pytest

from tests.fixtures_model_server import run_model_server
from webapp.problems.models import Problem, Suite, SuitePlace


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


@pytest.fixture
def small_context(settings):
    """A model server whose model reads 2,048 tokens."""
    with run_model_server("--context", "2048") as server:
        settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=server.base_url, model="scripted")
        yield server
