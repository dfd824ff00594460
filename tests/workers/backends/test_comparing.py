"""How near texts are is asked for in batches, and read whatever their order; the real server of the tests answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures_model_server import ModelServer, run_model_server
from tests.model_server import Rule
from workers.backends._comparing import compare, read_embeddings, write_embeddings
from workers.backends._patience import Patience
from workers.backends.openai_server import OpenAIServer
from workers.backends.probing import probe
from workers.core.capabilities import FEATURES
from workers.core.errors import ModelError, Refused
from workers.core.model import Chunk, Message, Request, estimate_prompt
from workers.core.values import Usage, read_similarities

ASKED = Request(
    key="embed-1", role="embed", messages=(Message("user", "zebras run"),), model="embedder", temperature=1, top_p=1,
    max_tokens=9, seed=3, compared=("zebras run", "fish swim", "zebras swim"),
)  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[ModelServer]:
    with run_model_server("--embedder", "embedder", "--context", "200") as server:
        yield server


@pytest.fixture
def embedder(running: ModelServer) -> ModelServer:
    running.reset()
    return running


async def ask(server: ModelServer, request: Request = ASKED) -> list[Chunk]:
    patience = Patience(backoff_seconds=0.01)
    async with OpenAIServer(server.base_url, patience=patience) as model:
        return [chunk async for chunk in model.stream(request)]


def vectors(*entries: Any) -> dict[str, Any]:
    return {"data": [{"embedding": entry} for entry in entries]}


async def test_near_texts_have_high_similarities(embedder: ModelServer) -> None:
    [chunk] = await ask(embedder)

    assert read_similarities(chunk.text) == [1.0, 0.0, 0.5]
    assert (chunk.finish_reason, chunk.tokens, chunk.usage) == ("stop", 0, Usage(prompt_tokens=8))


async def test_many_texts_are_sent_in_several_requests(embedder: ModelServer) -> None:
    texts = tuple(f"word{number % 100} zebras" for number in range(150))

    [chunk] = await ask(embedder, ASKED.model_copy(update={"compared": texts}))

    assert [len(entry["body"]["input"]) for entry in embedder.log()] == [64, 64, 23]
    assert len(read_similarities(chunk.text)) == 150
    assert chunk.usage == Usage(prompt_tokens=2 * 151)


async def test_a_busy_server_is_asked_again(embedder: ModelServer) -> None:
    embedder.script(Rule(times=1, fault="status", status=500))

    first, last = await ask(embedder)

    assert "HTTP 500" in first.restarted
    assert read_similarities(last.text) == [1.0, 0.0, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compared": ("word " * 201,)}, "maximum context length is 200 tokens"),
        ({"model": "scripted"}, "does not support Embeddings API"),
    ],
    ids=["too long", "another model"],
)
async def test_what_the_server_refuses_is_said(embedder: ModelServer, change: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        await ask(embedder, ASKED.model_copy(update=change))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"data": None},
        vectors([1.0]),
        vectors([1.0], None),
        vectors([1.0], []),
        vectors([1.0], ["x"]),
        vectors([1.0], [None]),
        vectors([1.0], [1e400]),
    ],
)
def test_an_answer_without_a_vector_for_each_text_is_refused(answer: Any) -> None:
    with pytest.raises(Refused, match="gave no vector for each text"):
        read_embeddings("It", answer, 2)


def test_vectors_of_different_sizes_are_refused() -> None:
    with pytest.raises(Refused, match="different sizes"):
        compare("It", [[1.0], [1.0, 2.0]], None)


def test_a_vector_of_zeros_is_near_nothing() -> None:
    assert read_similarities(compare("It", [[3.0, 4.0], [0.0, 0.0], [30.0, 40.0], [-3.0, -4.0]], None).text) == [
        0,
        1,
        -1,
    ]


def test_half_characters_are_not_sent() -> None:
    [fields] = write_embeddings(ASKED.model_copy(update={"compared": ("a\ud800",)}))

    assert fields["input"] == ["zebras run", "a\ufffd"]


def test_the_texts_count_as_read_and_are_told_by_their_digest() -> None:
    longer = ASKED.model_copy(update={"compared": (*ASKED.compared, "x" * 400)})

    assert estimate_prompt(longer) == estimate_prompt(ASKED) + 100
    assert ASKED.prompt_text != longer.prompt_text
    assert len(longer.prompt_text) < 200


# --- what a probe finds -----------------------------------------------------------------------------------------------


async def test_a_model_that_only_embeds_is_known_for_it(embedder: ModelServer) -> None:
    async with OpenAIServer(embedder.base_url) as asked:
        found = await probe(asked, "embedder")

    assert found.is_complete
    assert [feature for feature in FEATURES if found.find(feature).is_there] == ["embeddings"]
    assert found.find("embeddings").amount == 256
    assert found.explain_lacks(["logprobs"]) == [
        "The model server does not offer log-probabilities of what it writes for ‘embedder’. "
        "It embeds texts, and writes none."
    ]


async def test_a_model_that_does_nothing_is_not_known(embedder: ModelServer) -> None:
    async with OpenAIServer(embedder.base_url) as asked:
        with pytest.raises(ModelError, match="does not answer a plain chat"):
            await probe(asked, "nobody")
