"""The whole site as processes: what one does, another one's address tells."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.fixtures_model_server import ModelServer
from tests.house.test_compose import OURS
from tests.site.live import LiveSite, running_site
from tests.webapp.status.scraping import figures, until


def test_what_a_worker_counts_is_read_at_the_web_server(model_server: ModelServer, tmp_path: Path):
    with running_site(model_server, tmp_path) as site:
        page = site.start("self_consistency")
        with urllib.request.urlopen(f"{page}events", timeout=60) as stream:
            stream.read()  # to the run's end
        until(lambda: site.lanes(page)[0]["status"] == "finished" and _sum(site.address, "retort_tasks_total") >= 1)

        kinds = {kind: _sum(site.address, "retort_processes", kind=kind) for kind in ("web", "runs", "suites")}
        pid = site.processes["worker-1"].pid
        healths = [_health(site, "web"), _health(site, "worker", pid=pid), _health(site, "worker", pid=os.getpid())]
        frames, lags = (_sum(site.address, f"retort_{name}") for name in ("frames_total", "lag_seconds_count"))
        asked = _sum(site.address, "retort_model_requests_total", outcome="stop")
        written = _sum(site.address, "retort_completion_tokens_total")

    assert frames > 0
    assert lags > 0
    assert kinds == {"web": 1, "runs": 1, "suites": 1}
    assert healths == [0, 0, 1]
    assert asked == len(model_server.log())
    assert written == sum(entry["tokens"] for entry in model_server.log())


def _health(site: LiveSite, service: str, pid: int = 1) -> int:
    """Return the exit status of the compose file's question; in a container the port is 8000 and the process 1."""
    port = site.address.rstrip("/").rsplit(":", 1)[-1]
    here = OURS[service]["healthcheck"]["test"][-1].replace("8000", port).replace(":1'", f":{pid}'")
    environment = {"REDIS_URL": site.processes["worker-1"].part.environment["REDIS_URL"]}
    return subprocess.run([sys.executable, "-c", here], env=environment, check=False).returncode


def _sum(address: str, name: str, **labels: str) -> float:
    """Return the sum over all processes, as Prometheus would."""
    return sum(figures(address, name, **labels).values())
