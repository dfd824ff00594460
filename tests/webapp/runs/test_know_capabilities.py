"""What the model server cannot do is said on the pages and refused; what is not known forbids nothing."""

import html
import re

import pytest

import workers.strategies
from tests.model_server import Rule
from tests.webapp.catalog.test_add_strategy import _forget, new_strategy  # noqa: F401
from tests.webapp.runs.composing import fields, post
from webapp.runs import models_on_server
from webapp.runs.capabilities import forget, is_current, recall, remember
from webapp.runs.launching import BadRecipe, RecipeSpec, check_recipe
from webapp.runs.models import Run
from webapp.runs.recording import redis_now
from workers.core.capabilities import FEATURES, Capabilities, Finding
from workers.tasks import probe_model

pytestmark = pytest.mark.django_db(transaction=True)

LACK = "The model server does not offer embeddings for ‘scripted’. It refuses (HTTP 404): “Not Found”."


@pytest.fixture
def needy(new_strategy, served, monkeypatch):  # noqa: F811
    """A strategy that needs embeddings, which the model server of the tests does not offer."""
    strategy = workers.strategies.catalog()[new_strategy]._replace(
        find_needs=lambda params: frozenset({"embeddings", "logprobs"})
    )
    monkeypatch.setitem(workers.strategies.catalog(), new_strategy, strategy)
    models_on_server._memory.clear()
    redis_now().flushdb()
    yield strategy
    models_on_server._memory.clear()
    redis_now().flushdb()


def rail(client):
    page = client.get("/strategies/ask_again/").content.decode()
    items = re.findall(r"<li>(.*?)</li>", page.partition("Needs from the server")[2].partition("</section>")[0], re.S)
    return [html.unescape(re.sub(r"<[^>]+>", "", item)).strip() for item in items][2:]


def picked(slug):
    texts = fields()
    texts.setlist("pick", [next(name.split("-")[1] for name, value in texts.items() if value == slug)])
    return texts


def test_what_is_not_known_forbids_nothing_and_a_worker_is_asked_once(client, needy):
    response = post(client, picked("ask_again"))

    assert response.status_code == 302
    assert Run.objects.count() == 1
    assert rail(client) == [
        "Embeddings. Not yet known of the model server",
        "Log-probabilities of what it writes. Not yet known of the model server",
    ]
    asked = [message for message in redis_now().lrange("runs", 0, -1) if b"workers.tasks.probe_model" in message]
    assert len(asked) == 1


def test_what_the_server_lacks_is_refused_with_the_reason(client, needy):
    probe_model(model="scripted")

    response = post(client, picked("ask_again"))
    with pytest.raises(BadRecipe) as refusal:
        check_recipe(RecipeSpec("ask_again", {}, "scripted", {}))

    assert response.status_code == 422
    assert LACK in html.unescape(response.content.decode())
    assert refusal.value.field_errors == {"strategy": [LACK]}
    assert not Run.objects.exists()
    assert rail(client) == [
        "Embeddings. The model server does not offer it. It refuses (HTTP 404): “Not Found”.",
        "Log-probabilities of what it writes. 20 alternatives for each token.",
    ]


def test_settings_that_need_what_the_server_lacks_are_refused_and_others_are_not(client, served):
    redis_now().flushdb()
    lack = Finding(is_there=False, detail="It ignores the wish.")
    remember("scripted", "it", Capabilities(model="scripted", findings={"logprobs": lack}))
    said = f"{FEATURES['logprobs']} for ‘scripted’. It ignores the wish."

    texts = picked("cascade")
    number = texts["pick"]
    texts[f"lane-{number}-params-confidence"] = "mean"
    refused = post(client, texts)
    with pytest.raises(BadRecipe, match="It ignores the wish"):
        check_recipe(RecipeSpec("cascade", {"confidence": "lowest"}, "scripted", {}))

    assert refused.status_code == 422
    assert said in html.unescape(refused.content.decode())
    assert not Run.objects.exists()
    texts[f"lane-{number}-params-confidence"] = "yes_no"
    assert post(client, texts).status_code == 302
    assert check_recipe(RecipeSpec("cascade", {}, "scripted", {})).strategy == "cascade"


def test_a_card_says_what_is_missing_before_it_is_picked(client, needy):
    before = html.unescape(client.get("/?fresh").content.decode())
    probe_model(model="scripted")

    after = html.unescape(client.get("/?fresh").content.decode())

    unknown = "it is not known yet whether the model server offers that"
    assert f"Needs embeddings, log-probabilities of what it writes; {unknown}" in before
    assert LACK in after
    assert unknown not in after


def test_what_is_known_is_not_asked_again(needy, served):
    probe_model(model="scripted")
    asked = len(served.log())

    probe_model(model="scripted")

    assert len(served.log()) == asked > 10


def test_another_server_at_the_same_address_is_asked_anew(needy):
    remember("scripted", "another version", Capabilities(model="scripted"))

    probe_model(model="scripted")

    known = recall("scripted")
    assert known is not None
    assert known.find("logprobs").amount == 20
    assert not is_current("scripted", "another version")


def test_a_probe_that_fails_leaves_nothing_known(client, needy, served):
    probe_model(model="scripted")
    remember("scripted", "an old version", Capabilities(model="scripted"))
    served.script(Rule(fault="status", status=500))

    probe_model(model="scripted")

    assert recall("scripted") is None
    assert post(client, picked("ask_again")).status_code == 302


def test_what_an_older_version_wrote_is_unknown(needy):
    remember("scripted", "it", Capabilities(model="scripted"))
    (key,) = redis_now().keys("capabilities:*")
    redis_now().set(key, b'{"identity": "it", "capabilities": {"findings": {"gone": {}}}}')

    assert recall("scripted") is None
    forget("scripted")
