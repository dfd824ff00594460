"""What the status page reads from vLLM's own figures."""

import asyncio

from tests.vllm.server import Vllm
from webapp.status.model_figures import fetch_figures

PROMPT = [{"role": "user", "content": "Count the days of all months, one after the other, and explain each. " * 8}]


def test_every_figure_of_the_status_page_is_exported(vllm: Vllm) -> None:
    for _ in range(2):
        vllm.ask("/v1/chat/completions", messages=PROMPT, max_tokens=5)
    counters = asyncio.run(vllm.wait_idle())

    seen = fetch_figures(vllm.base_url, "")

    assert (seen.running, seen.waiting, seen.preempted) == (0, 0, 0)
    assert (seen.written, seen.read) == (counters.written_tokens, counters.prompt_tokens)
    assert seen.cache is not None
    assert seen.prefix_hits is not None
    assert 0 < seen.prefix_hits < 1
