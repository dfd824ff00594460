"""The whole site as processes: what one does, another one's address tells."""

import time
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.browser.stack import running_site
from tests.fixtures_model_server import ModelServer


def test_what_a_worker_counts_is_read_at_the_web_server(model_server: ModelServer, tmp_path: Path):
    with running_site(model_server, tmp_path) as site:
        page = site.start("self_consistency")
        deadline = time.monotonic() + 60
        while site.lanes(page)[0]["status"] != "finished" or _sum(site.address, "retort_tasks_total") < 1:
            assert time.monotonic() < deadline
            time.sleep(0.2)

        kinds = {kind: _sum(site.address, "retort_processes", kind=kind) for kind in ("web", "runs", "suites")}
        asked = _sum(site.address, "retort_model_requests_total", outcome="stop")
        written = _sum(site.address, "retort_completion_tokens_total")

    assert kinds == {"web": 1, "runs": 1, "suites": 1}
    assert asked == len(model_server.log())
    assert written == sum(entry["tokens"] for entry in model_server.log())


def _sum(address: str, name: str, **labels: str) -> float:
    """Return the sum over all processes, as Prometheus would."""
    with urllib.request.urlopen(f"{address}metrics", timeout=20) as answer:
        text = answer.read().decode()
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name and labels.items() <= one.labels.items()
    )
