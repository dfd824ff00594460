"""A part of a strategy, such as its judge, can have a model of its own: by the page and by the JSON interface."""

import dataclasses
import html
import re
import sys

import pytest
from django.http import QueryDict

import workers.strategies
from tests.fixtures_model_server import run_model_server
from tests.webapp.catalog.test_add_strategy import _forget
from tests.webapp.runs.composing import error_at, fields, post
from tests.webapp.runs.playing import make_run, play, scripted
from webapp.runs import models_on_server, setups
from webapp.runs.capabilities import remember
from webapp.runs.launching import BadRecipe, RecipeSpec, check_recipe
from webapp.runs.models import Recipe, Run
from webapp.runs.recording import redis_now
from workers.core.capabilities import Capabilities, Finding

pytestmark = pytest.mark.django_db(transaction=True)

FILE = r'''"""Draft, and let a judge look.

Cost: 2 calls. Depth: 2.
Source: this test.
"""

from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer

ASK = "$question Answer in a box."


class Params(StrategyParams):
    """None."""


@strategy(
    title="Judged", short="Judged", family="verify", source="this test", params=Params, describe=lambda params: "once",
    example=Example(
        question="6 x 7?", params={}, replies={"draft": (r"\boxed{42}",), "judge": ("1",)}, answer="42",
        calls=2, depth=2,
    ),
    models={"judge": "Reads the draft."}, needs=frozenset({"logprobs"}),
)
async def judged(problem, lane, params):
    async with lane.round("Draft"):
        draft = await lane.ask(fill(ASK, question=problem.question), role="draft")
    async with lane.round("Judge"):
        await lane.ask(fill(ASK, question=draft.text), role="judge", after=draft, model="judge")
    return Answer.from_reply(draft)
'''
REPLIES = {"draft": (r"\boxed{42}",), "judge": ("Right.",)}


@pytest.fixture
def judged(tmp_path):
    """A strategy with a part that may have a model of its own."""
    (tmp_path / "judged.py").write_text(FILE)
    workers.strategies.__path__.append(str(tmp_path))
    _forget()
    yield "judged"
    workers.strategies.__path__.remove(str(tmp_path))
    sys.modules.pop("workers.strategies.judged", None)
    _forget()


@pytest.fixture
def two_models(settings):
    """A model server that has the models `scripted` and `org/big`."""
    redis_now().flushdb()
    with run_model_server("--model", "scripted,org/big") as server:
        settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=server.base_url, model="scripted")
        models_on_server._memory.clear()
        yield server
    models_on_server._memory.clear()
    redis_now().flushdb()


def picked(model=""):
    """Return the texts with that strategy picked, and the number of its card."""
    texts = fields()
    number = next(name.split("-")[1] for name, slug in texts.items() if slug == "judged")
    texts.setlist("pick", [number])
    texts[f"lane-{number}-models-judge"] = model
    return texts, number


def test_the_judge_asks_its_own_model(client, judged, two_models):
    texts, _ = picked("org/big")

    response = post(client, texts)
    model = scripted(REPLIES)
    run = play(Run.objects.get(), model)

    assert [(request.key, request.model) for request in model.asked] == [
        ("draft-1", "scripted"),
        ("judge-1", "org/big"),
    ]
    lane = run.lanes.get()
    assert (lane.answer, lane.recipe.models) == ("42", {"judge": "org/big"})
    assert "judge by big" in client.get(response.url).content.decode()
    assert client.get(f"{response.url}calls/{lane.pk}/judge-1").json()["model"] == "org/big"
    assert client.get(f"{response.url}calls/{lane.pk}/draft-1").json()["model"] == "scripted"


def test_a_part_without_a_model_takes_the_lanes(client, judged, two_models):
    post(client, picked("scripted")[0])
    post(client, picked("")[0])

    assert Recipe.objects.get().models == {}


def test_a_recipe_without_own_models_is_the_same_as_ever(served):
    recipe = check_recipe(RecipeSpec("direct", {}, "scripted", {}))

    assert recipe.fingerprint == "9e97b473fb8f4381749c77eabe69e62fb7347f8a65d6c0210d487cc57a3fd1ae"


def test_a_model_that_the_server_lacks_stands_at_its_field(client, judged, two_models):
    texts, number = picked("gone")

    response = post(client, texts)

    assert response.status_code == 422
    assert error_at(response, f"id_lane-{number}-models-judge") == (
        "The model server has no ‘gone’; it has scripted, org/big."
    )
    assert not Run.objects.exists()


def test_what_a_parts_model_lacks_is_refused(client, judged, two_models):
    why = Finding(is_there=False, detail="It ignores the wish.")
    remember("org/big", "it", Capabilities(model="org/big", findings={"logprobs": why}))

    response = post(client, picked("org/big")[0])

    assert response.status_code == 422
    assert "does not offer log-probabilities of what it writes for ‘org/big’." in html.unescape(
        response.content.decode()
    )
    assert post(client, picked("")[0]).status_code == 302


def test_a_part_that_the_strategy_does_not_have_is_refused(judged, served):
    with pytest.raises(BadRecipe) as refusal:
        check_recipe(RecipeSpec(judged, {}, "scripted", {}, {"chef": "org/big"}))

    assert refusal.value.field_errors == {"models.chef": ["Judged has no part 'chef'; it has judge."]}


def test_a_run_is_started_again_with_the_same_models(client, judged, two_models):
    run = make_run(("judged", {}))
    run.lanes.update(recipe=Recipe.objects.create(
        strategy="judged", params={}, model="scripted", sampling={}, models={"judge": "org/big"}, fingerprint="x"
    ))  # fmt: skip

    texts = setups.setup_of_run(run)

    assert isinstance(texts, QueryDict)
    assert [texts[name] for name in texts if name.endswith("-models-judge")] == ["org/big"]


def test_programs_give_parts_models_too(client, judged, two_models):
    recipe = {"strategy": "judged", "models": {"judge": "org/big"}}
    body = {"problem": {"question": "What is 6 times 7?"}, "recipes": [recipe]}

    started = client.post("/api/v1/runs", body, content_type="application/json").json()
    listed = {one["slug"]: one["models"] for one in client.get("/api/v1/strategies").json()}
    recipe["models"] = {"judge": "gone"}
    refused = client.post("/api/v1/runs", body, content_type="application/json")

    assert client.get(f"/api/v1/runs/{started['id']}").json()["lanes"][0]["models"] == {"judge": "org/big"}
    assert listed["judged"] == {"judge": "Reads the draft."}
    assert (refused.status_code, Run.objects.count()) == (422, 1)


def test_the_catalog_names_the_parts(client, judged, served):
    page = client.get("/strategies/judged/").content.decode()

    assert re.search(r"judge</td><td[^>]*>Reads the draft\.", page)
