"""What the model server tells of itself at its /metrics, where it does: vLLM, or llama.cpp with `--metrics`.

Whatever it answers is material: read within a time and a size, redirects not followed, only known names looked at.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import aiohttp
from asgiref.sync import async_to_sync
from prometheus_client.parser import text_string_to_metric_families

ANSWER_SECONDS = 2.0
MOST_BYTES = 2_000_000
MOST_LINES = 1000
"""Of those that are looked at; vLLM has one for each figure and engine."""
NAMES = {
    "running": ("vllm:num_requests_running", "llamacpp:requests_processing"),
    "waiting": ("vllm:num_requests_waiting", "llamacpp:requests_deferred"),
    "cache": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "llamacpp:kv_cache_usage_ratio"),
    "prefix_queries": ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
    "prefix_hits": ("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
    "written": ("vllm:generation_tokens_total", "llamacpp:tokens_predicted_total"),
    "read": ("vllm:prompt_tokens_total", "llamacpp:prompt_tokens_total"),
    "preempted": ("vllm:num_preemptions_total",),
}
"""Figure to the names that servers and their versions have for it."""
_WANTED = tuple(name for names in NAMES.values() for name in names)


class ModelFigures(NamedTuple):
    """Figures of the model server since its start; None where it does not export one."""

    running: int | None = None
    waiting: int | None = None
    cache: float | None = None
    """Part of the cache that is in use, from 0 to 1; of several engines the mean."""
    prefix_hits: float | None = None
    """Part of the prompt tokens that the prefix cache had, from 0 to 1."""
    written: int | None = None
    """Completion tokens."""
    read: int | None = None
    """Prompt tokens."""
    preempted: int | None = None
    """Requests put back for want of cache."""


def read_figures(text: str) -> ModelFigures:
    r"""Return what an exposition says, several engines of a server taken together.

    >>> read_figures('vllm:num_requests_running{engine="0"} 3.0\nvllm:num_requests_running{engine="1"} 1.0').running
    4
    """
    found: dict[str, list[float]] = {}
    lines = [line for line in text.splitlines() if line.startswith(_WANTED)][:MOST_LINES]
    for line in lines:
        try:
            samples = [one for family in text_string_to_metric_families(line) for one in family.samples]
        except ValueError:  # not a line of an exposition
            continue
        for sample in samples:
            if math.isfinite(sample.value) and sample.value >= 0:
                found.setdefault(sample.name, []).append(sample.value)
    values = {figure: _first(found, names) for figure, names in NAMES.items()}
    sums = {figure: None if value is None else round(sum(value)) for figure, value in values.items()}
    cache, queries, hits = values["cache"], sums["prefix_queries"], sums["prefix_hits"]
    return ModelFigures(
        sums["running"], sums["waiting"],
        min(1.0, sum(cache) / len(cache)) if cache else None,
        min(1.0, hits / queries) if queries and hits is not None else None,
        sums["written"], sums["read"], sums["preempted"],
    )  # fmt: skip


def _first(found: Mapping[str, list[float]], names: Iterable[str]) -> list[float] | None:
    return next((found[name] for name in names if name in found), None)


def fetch_figures(base_url: str, api_key: str) -> ModelFigures:
    """Ask the server. All None if it exports nothing, or does not answer as it should."""
    try:
        return read_figures(async_to_sync(_fetch)(f"{base_url.removesuffix('/v1')}/metrics", api_key))
    except (aiohttp.ClientError, OSError, ValueError):
        return ModelFigures()


async def _fetch(address: str, api_key: str) -> str:
    headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {api_key}"} if api_key else {})}
    async with (
        asyncio.timeout(ANSWER_SECONDS),
        aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as client,
        client.get(address, allow_redirects=False) as answer,
    ):
        if answer.status != 200:
            return ""
        body = b""
        while len(body) < MOST_BYTES and (data := await answer.content.readany()):
            body += data
        return body.decode("utf-8", "replace")
