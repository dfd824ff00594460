"""A corpus is searched by embeddings, by a model that does nothing else; where there is none, the page says so."""

import asyncio
import dataclasses
import html

import pytest

from tests.fixtures_model_server import run_model_server
from tests.model_server import Rule
from tests.webapp.runs.composing import fields, post
from tests.webapp.runs.playing import lane_ids, work
from webapp.corpora.importing import import_corpus
from webapp.problems.models import Problem
from webapp.runs import models_on_server
from webapp.runs.launching import BadRecipe, RecipeSpec, check_recipe, start_run
from webapp.runs.models import Call, Event, Run
from webapp.runs.recording import redis_now
from workers.backends.openai_server import OpenAIServer
from workers.tasks import probe_model

pytestmark = pytest.mark.django_db(transaction=True)

LACK = "The model server does not offer embeddings for ‘scripted’."


@pytest.fixture
def server(settings):
    """A model server with a model for chats and one for embeddings; of both is known what they offer."""
    with run_model_server("--embedder", "embedder", "--context", "600") as server:
        settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=server.base_url, model="scripted")
        models_on_server._memory.clear()
        redis_now().flushdb()
        for model in ("scripted", "embedder"):
            probe_model(model=model)
        server.reset()
        yield server
        models_on_server._memory.clear()
        redis_now().flushdb()


@pytest.fixture
def corpus():
    return import_corpus(content=b"Olaf is king.\n\nAda is queen.\n\nNorland lives on fish.", name="Norland").corpus


def spec(corpus, **models):
    params = {"corpus": corpus.reference, "retriever": "embeddings", "passages": 1, "rewrite": False}
    return RecipeSpec("retrieve_and_reason", params, "scripted", {}, models)


def card(corpus, **changes):
    texts = fields(pick=["1"], lane__1__strategy="retrieve_and_reason", **changes)
    for name, text in {"corpus": corpus.reference, "passages": "1", "retriever": "embeddings"}.items():
        texts[f"lane-1-params-{name}"] = text
    return texts


def test_the_nearest_passage_is_read(server, corpus):
    server.script(Rule(replies=(r"It is \boxed{Ada}.",)))
    run = start_run(
        problems=[Problem.objects.create(question="who is queen")], recipes=[spec(corpus, retriever="embedder")]
    )

    ids = lane_ids(run)

    async def play():
        async with OpenAIServer(server.base_url) as model:
            await work(run, ids, model)

    asyncio.run(play())

    embedding, draft = server.log()
    assert embedding["body"]["input"][0] == "who is queen"
    assert (embedding["body"]["model"], draft["body"]["model"]) == ("embedder", "scripted")
    assert "Ada is queen." in draft["prompt"]
    assert "Olaf" not in draft["prompt"]
    [used] = Event.objects.filter(kind="tool_used").values_list("body", flat=True)
    assert used["output"] == "0.667  Ada is queen."
    row = Call.objects.get(role="embed")
    assert (row.state, row.prompt_tokens, row.completion_tokens) == ("done", 3 + 10, 0)


def test_without_embeddings_it_cannot_be_started(client, server, corpus):
    page = post(client, card(corpus))
    with pytest.raises(BadRecipe) as refused:
        check_recipe(spec(corpus))

    assert page.status_code == 422
    assert LACK in html.unescape(page.content.decode())
    assert refused.value.field_errors["strategy"][0].startswith(LACK)
    assert not Run.objects.exists()


def test_a_model_for_the_retriever_is_enough(client, server, corpus):
    page = post(client, card(corpus, lane__1__models__retriever="embedder"))

    assert page.status_code == 302
    assert Run.objects.get().lanes.get().recipe.models == {"retriever": "embedder"}


def test_another_part_that_embeds_is_no_retriever(server, corpus):
    with pytest.raises(BadRecipe, match="embeddings for ‘scripted’"):
        check_recipe(spec(corpus, judge="embedder"))
