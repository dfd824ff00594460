"""The real vLLM as a process of the tests, and what it says of itself."""

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.vllm.environment import PYTHON, WEIGHTS
from webapp.local import parts
from webapp.local.model_server import answers_health, free_address

MODEL = "smollm2"
THREADS = 2
T = TypeVar("T")

_COUNTERS = {
    "running": "num_requests_running",
    "waiting": "num_requests_waiting",
    "prompt_tokens": "prompt_tokens_total",
    "written_tokens": "generation_tokens_total",
    "prefix_hits": "prefix_cache_hits_total",
}


class Counters(NamedTuple):
    """What vLLM counts, since it started."""

    running: int
    waiting: int
    prompt_tokens: int
    written_tokens: int
    prefix_hits: int
    """Prompt tokens that were in the prefix cache."""

    def since(self, before: "Counters") -> "Counters":
        return Counters(*(now - then for now, then in zip(self, before, strict=True)))


class Vllm:
    """A handle on a running vLLM."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        """With /v1."""

    def counters(self) -> Counters:
        text = self._request("/metrics").decode()
        return Counters(**{name: _read_counter(text, counter) for name, counter in _COUNTERS.items()})

    def ask(self, path: str, **fields: Any) -> dict[str, Any]:
        """Return vLLM's own JSON, also of a refusal."""
        answer: dict[str, Any] = json.loads(self._request(path, {"model": MODEL, **fields}))
        return answer

    def stream(self, **fields: Any) -> bytes:
        """Return the bytes of a whole streamed chat."""
        return self._request("/v1/chat/completions", {"model": MODEL, "stream": True, **fields})

    async def wait_for(self, wanted: Callable[[Counters], bool], *, within_seconds: float = 60) -> Counters:
        async with asyncio.timeout(within_seconds):
            while not wanted(counters := await asyncio.to_thread(self.counters)):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.05)
        return counters

    async def wait_idle(self) -> Counters:
        """Return the counters once nothing is being written or waits. Before that they still move."""
        seen = await self.wait_for(lambda counters: counters.running == counters.waiting == 0)
        while True:
            await asyncio.sleep(0.2)  # an answer is counted a moment after it was sent
            if seen == (seen := await asyncio.to_thread(self.counters)):
                return seen

    def _request(self, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        url = self.base_url.removesuffix("/v1") + path
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                answer: bytes = response.read()
        except urllib.error.HTTPError as refusal:
            answer = refusal.read()
        return answer


@contextmanager
def running_vllm(log: Path, *options: str) -> Iterator[Vllm]:
    """Run a vLLM of one's own for the length of a `with`; it is up in about 40 s."""
    if not PYTHON.exists():
        raise parts.PartError("There is no vLLM in .venv-vllm: run make test-vllm, which makes it.")
    port = free_address().port
    part = parts.Part(
        name="vllm",
        command=(
            *(str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(WEIGHTS)),
            *("--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), "--max-model-len", "4096"),
            *("--max-num-seqs", "32", "--enforce-eager", "--enable-prompt-tokens-details", *options),
        ),
        is_ready=lambda _log: answers_health(port),
        environment={
            "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
            "OMP_NUM_THREADS": str(THREADS),
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
        },
        ready_within_seconds=300,
    )
    with parts.running(part, log):
        yield Vllm(f"http://127.0.0.1:{port}/v1")


def _read_counter(text: str, name: str) -> int:
    found = re.search(rf"^vllm:{name}{{[^}}]*}} (\S+)$", text, re.M)
    assert found, f"vLLM's /metrics has no vllm:{name} any more."
    return int(float(found[1]))
