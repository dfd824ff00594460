"""What servers can do, found out by asking: the scripted one in its dialects, and the embedded llama.cpp."""

from pathlib import Path

import pytest

from tests.fixtures_model_server import ModelServer, run_model_server
from tests.model_server import Rule
from webapp.local import model_server as embedded
from workers.backends.openai_server import OpenAIServer
from workers.backends.probing import LOOKS, identify, probe
from workers.core.capabilities import FEATURES, Capabilities, Feature, Finding
from workers.core.errors import ModelError, Unreachable

YES = Finding(is_there=True)
IGNORES = Finding(is_there=False, detail="It ignores the wish.")


async def look(server: ModelServer, model: str = "scripted") -> Capabilities:
    async with OpenAIServer(server.base_url) as asked:
        return await probe(asked, model)


def there(found: Capabilities) -> set[Feature]:
    return {feature for feature, finding in found.findings.items() if finding.is_there}


def test_every_feature_is_looked_for() -> None:
    assert list(LOOKS) == list(FEATURES)


async def test_a_server_like_vllm_is_found_to_do_nearly_all(model_server: ModelServer) -> None:
    found = await look(model_server)

    assert found.model == "scripted"
    assert found.context_tokens == 32_768
    assert set(FEATURES) - there(found) == {"thinking", "embeddings"}
    assert found.find("logprobs") == Finding(is_there=True, detail="20 alternatives for each token.", amount=20)
    assert found.find("thinking_budget").detail == "As ‘thinking_token_budget’."
    assert found.find("thinking") == Finding(is_there=False, detail="It answered a small question without.")
    assert found.find("embeddings").detail == "It refuses (HTTP 404): “Not Found”."


async def test_wishes_that_are_ignored_are_not_there() -> None:
    with run_model_server("--dialect", "none") as server:
        found = await look(server)

    assert there(found) == {"streaming", "choices", "completions", "logprobs", "keeping_thoughts"}
    assert found.find("prompt_logprobs") == found.find("token_ids") == found.find("reasoning_effort") == IGNORES
    assert found.find("continuing").detail == "It begins a new answer after the given text."
    assert found.find("usage_while_writing").detail.startswith("It counts at the end, or never")
    assert found.find("tokenize").detail.startswith("It refuses (HTTP 404)")


@pytest.mark.parametrize(
    ("field", "detail"),
    [
        ("reasoning", "In the field ‘reasoning’."),
        ("reasoning_content", "In the field ‘reasoning_content’."),
        ("content", "In the text, between think tags."),
    ],
)
async def test_thinking_is_found_where_it_is(model_server: ModelServer, field: str, detail: str) -> None:
    model_server.script(Rule(thinking="Let me see", thinking_field=field, replies=("8",)))

    assert (await look(model_server)).find("thinking") == Finding(is_there=True, detail=detail)


async def test_a_template_that_drops_thoughts_is_found_out() -> None:
    with run_model_server("--drop-thoughts") as server:
        found = await look(server)

    assert found.find("continuing") == YES
    assert found.find("keeping_thoughts") == Finding(is_there=False, detail="The model's template drops it.")


async def test_a_server_that_breaks_leaves_unknown_what_it_did_not_say(model_server: ModelServer) -> None:
    model_server.script(Rule(times=1), Rule(fault="status", status=500))  # it answers once

    found = await look(model_server)

    asked_elsewhere: set[Feature] = {"tokenize", "embeddings"}
    assert {name for name, finding in found.findings.items() if finding.is_there is None} == (
        set(FEATURES) - asked_elsewhere
    )
    assert not found.explain_lacks(["logprobs", "continuing"])


async def test_a_server_that_does_not_chat_is_an_error(model_server: ModelServer) -> None:
    with pytest.raises(Unreachable, match="does not answer a plain chat"):
        await look(model_server, "missing")


async def test_a_key_that_the_server_repeats_is_not_kept(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url, "the-secret-key") as server:
        with pytest.raises(ModelError) as failure:
            await probe(server, "a model named the-secret-key")

    assert "***" in str(failure.value)
    assert "the-secret-key" not in str(failure.value)


async def test_a_lack_is_told_with_its_reason(model_server: ModelServer) -> None:
    found = await look(model_server)

    assert found.explain_lacks({"embeddings", "logprobs"}) == [
        "The model server does not offer embeddings for ‘scripted’. It refuses (HTTP 404): “Not Found”."
    ]


async def test_identity_changes_with_what_the_server_says_of_the_model(model_server: ModelServer) -> None:
    async with OpenAIServer(model_server.base_url) as server:
        same = {await identify(server, "scripted"), await identify(server, "scripted")}
    with run_model_server("--context", "4096") as other:
        async with OpenAIServer(other.base_url) as server:
            different = await identify(server, "scripted")

    assert len(same) == 1
    assert different not in same


async def test_the_embedded_llama_cpp_is_known_for_what_it_is(tmp_path: Path) -> None:
    with embedded.running(tmp_path / "log") as address:
        async with OpenAIServer(address.base_url, address.api_key) as server:
            found = await probe(server, embedded.NAME)

    assert found.context_tokens == embedded.CONTEXT_TOKENS_PER_SLOT
    assert there(found) == {
        "streaming", "choices", "completions", "logprobs", "continuing", "keeping_thoughts", "tokenize"
    }  # fmt: skip
    assert found.find("choices").detail == "Its usage counts one of the texts only."
    assert found.find("continuing").detail == "Its answer repeats the given text."
    assert found.find("logprobs").amount == 20
    assert found.find("embeddings").detail.startswith("It refuses (HTTP 501)")
    assert not [name for name, finding in found.findings.items() if finding.is_there is None]
