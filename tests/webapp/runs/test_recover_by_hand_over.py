"""A worker that is told to stop, as a deployment does: others go on with its lanes at once."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.site.live import LiveSite, running_site
from webapp.local import parts, site
from webapp.local.parts import Process

RESUMED_WITHIN_SECONDS = 3
GONE_WITHIN_SECONDS = 5
REPLY = " ".join(["So"] * 60) + r" it is \boxed{42}."
Workers = Mapping[str, Process]


@pytest.fixture(scope="module")
def live_site(model_server_process: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """A site without a worker for runs: each test starts its own."""
    with running_site(model_server_process, tmp_path_factory.mktemp("site"), workers=0) as found:
        yield found


@contextmanager
def two_workers(live_site: LiveSite, folder: Path, **environment: str) -> Iterator[Workers]:
    with ExitStack() as stack:
        workers = {}
        for name in ("one", "other"):
            part = site.worker("runs", threads=4, environment={**live_site.environment, **environment}, name=name)
            workers[name] = stack.enter_context(parts.running(part, folder / f"{name}.log"))
        yield workers


@pytest.mark.parametrize(
    ("number", "environment"),
    [
        pytest.param(signal.SIGTERM, {}, id="SIGTERM"),
        pytest.param(signal.SIGQUIT, {}, id="SIGQUIT"),
        pytest.param(signal.SIGTERM, {"REMAP_SIGTERM": "SIGQUIT"}, id="SIGTERM-remapped"),
    ],
)
def test_a_stopped_workers_lanes_go_on_elsewhere_at_once(
    live_site: LiveSite, model_server: ModelServer, tmp_path: Path, number: int, environment: dict[str, str]
) -> None:
    model_server.script(Rule(replies=(REPLY,), tokens_per_second=20))
    with two_workers(live_site, tmp_path, **environment) as workers:
        page = live_site.start({"strategy": "self_consistency", "params": {"drafts": 8}}, "sequential_refinement")
        wait_until(lambda: len(written(model_server)) == 9, within=20)
        holder = next(worker for worker in workers.values() if "received" in worker.log.read_text())

        os.kill(holder.pid, number)
        told = time.monotonic()
        wait_until(lambda: kinds(live_site, page)["lane_resumed"] == 2, within=RESUMED_WITHIN_SECONDS)
        wait_until(lambda: holder.exit_code() is not None, within=GONE_WITHIN_SECONDS - (time.monotonic() - told))

        wait_until(lambda: kinds(live_site, page)["run_ended"] == 1, within=40)

    lanes = live_site.lanes(page)
    assert [(lane["status"], lane["verdict"]) for lane in lanes] == [("finished", "right")] * 2
    assert kinds(live_site, page)["call_finished"] == sum(lane["usage"]["calls"] for lane in lanes)
    finished = Counter(entry["body"]["seed"] for entry in model_server.log() if entry["ended"] == "complete")
    assert set(finished.values()) == {1}


def test_one_process_keeps_its_limit_however_many_tasks_it_works_on(
    live_site: LiveSite, model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.script(Rule(replies=(REPLY,), tokens_per_second=200))
    part = site.worker("runs", threads=4, environment={**live_site.environment, "RETORT_MAX_STREAMS": "3"}, name="one")
    with parts.running(part, tmp_path / "one.log"):
        pages = [live_site.start({"strategy": "self_consistency", "params": {"drafts": 8}}) for _ in range(3)]
        wait_until(lambda: all(kinds(live_site, page)["run_ended"] for page in pages), within=40)

    assert max(entry["open_before"] for entry in model_server.log()) == 2


def written(model_server: ModelServer) -> list[dict[str, Any]]:
    return [entry for entry in model_server.log() if entry["tokens"]]


def kinds(live_site: LiveSite, page: str) -> Counter[str]:
    run_id = page.rstrip("/").rsplit("/", 1)[-1]
    return Counter(event["kind"] for event in live_site.ask(f"api/v1/runs/{run_id}/events")["events"])


def wait_until(condition: Callable[[], object], *, within: float) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:.1f} s"
        time.sleep(0.02)
