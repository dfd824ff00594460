"""What the probe finds of real vLLM."""

from tests.vllm.server import MODEL, Vllm
from workers.backends.openai_server import OpenAIServer
from workers.backends.probing import identify, probe
from workers.core.capabilities import FEATURES, Capabilities


async def look(vllm: Vllm) -> Capabilities:
    async with OpenAIServer(vllm.base_url) as server:
        return await probe(server, MODEL)


def lacking(found: Capabilities) -> set[str]:
    return {feature for feature in FEATURES if not found.find(feature).is_there}


async def test_vllm_does_all_but_think_and_embed(vllm: Vllm) -> None:
    found = await look(vllm)

    assert found.context_tokens == 4096
    assert lacking(found) == {"thinking", "thinking_budget", "embeddings"}
    assert found.find("logprobs").amount == 20
    assert found.find("choices").detail == found.find("continuing").detail == ""
    assert "--reasoning-parser" in found.find("thinking_budget").detail
    assert found.find("embeddings").is_there is False


async def test_a_vllm_with_a_parser_thinks(thinking_vllm: Vllm) -> None:
    found = await look(thinking_vllm)

    assert lacking(found) == {"embeddings"}
    assert found.find("thinking").detail == "In the field ‘reasoning’."


async def test_a_vllm_that_embeds_does_nothing_else(embedding_vllm: Vllm) -> None:
    found = await look(embedding_vllm)

    assert lacking(found) == set(FEATURES) - {"embeddings"}


async def test_the_same_vllm_is_the_same(vllm: Vllm) -> None:
    async with OpenAIServer(vllm.base_url) as server:
        assert await identify(server, MODEL) == await identify(server, MODEL)
