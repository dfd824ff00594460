"""Real servers: one as most people start it, one that thinks and sends several tokens in a chunk, one that embeds."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.environment import FOLDER
from tests.vllm.server import Vllm, running_vllm
from tests.vllm.weights import THINK_TAGS

THINKING = (
    *("--stream-interval", "4", "--reasoning-parser", "deepseek_r1", "--reasoning-config"),
    json.dumps(dict(zip(("reasoning_start_str", "reasoning_end_str"), THINK_TAGS, strict=True))),
)
EMBEDDING = ("--runner", "pooling", "--convert", "embed")

LOGS = FOLDER / "logs"
"""Where the servers write what they do; read it when a test fails."""


@pytest.fixture(scope="session")
def vllm() -> Iterator[Vllm]:
    with running_vllm(_fresh("plain.log")) as server:
        yield server


@pytest.fixture(scope="session")
def thinking_vllm() -> Iterator[Vllm]:
    """Its model thinks while the prompt holds an open think tag, for as long as its budget lasts."""
    with running_vllm(_fresh("thinking.log"), *THINKING) as server:
        yield server


@pytest.fixture(scope="session")
def embedding_vllm() -> Iterator[Vllm]:
    """The same weights, read for their hidden states: they answer no chats."""
    with running_vllm(_fresh("embedding.log"), *EMBEDDING) as server:
        yield server


def _fresh(name: str) -> Path:
    LOGS.mkdir(exist_ok=True)
    (LOGS / name).unlink(missing_ok=True)
    return LOGS / name
