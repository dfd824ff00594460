"""The database or Redis goes away under a run: it goes on as soon as they are back, and nothing is lost."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from redis import Redis

from tests.fixtures_model_server import ModelServer
from tests.webapp.runs.playing import lane_ids, make_run, play, scripted, until, work
from webapp.local import parts, redis
from webapp.runs import claiming
from webapp.runs.models import Call, Event, Lane, Run
from workers.core.model import Chunk, Request
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)


class SlowModel:
    """Writes a word every 50 ms."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.asked: list[str] = []

    async def stream(self, request: Request):
        self.asked.append(request.key)
        for _ in range(self.words):
            await asyncio.sleep(0.05)
            yield Chunk("so ", tokens=1)
        yield Chunk(r"\boxed{42}", tokens=1, finish_reason="stop")

    async def count_tokens(self, text: str) -> int:
        return len(text.split())


@contextmanager
def database_away() -> Iterator[None]:
    """Let nobody in, and throw everybody out."""
    database = connection.settings_dict["NAME"]
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database}" WITH ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{database}" WITH ALLOW_CONNECTIONS true')


def be_away(seconds: float) -> None:
    with database_away():
        time.sleep(seconds)


async def work_through_an_outage(run: Run, ids: list[int], model: SlowModel, *, away: float, patience: float) -> None:
    crew = asyncio.create_task(work(run, ids, model, patience_seconds=patience))
    await until(lambda: model.asked)
    await asyncio.sleep(0.3)  # one call has ended with a short text, none with a long one
    await asyncio.to_thread(be_away, away)
    await crew


def test_a_run_goes_on_when_the_database_was_away_for_seconds() -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}))
    ids, model = lane_ids(run), SlowModel(15)
    connections.close_all()

    asyncio.run(work_through_an_outage(run, ids, model, away=2, patience=10))

    run.refresh_from_db()
    lane = Lane.objects.get()
    assert (run.status, lane.status, lane.ruling, lane.fence) == ("finished", "finished", "right", 1)
    assert list(Call.objects.values_list("key", "state")) == [(key, "done") for key in model.asked]


def test_a_worker_that_outwaits_its_lease_stops_and_another_goes_on() -> None:
    run = make_run(("sequential_refinement", {"rounds": 3}))
    ids, model = lane_ids(run), SlowModel(4)
    connections.close_all()

    with pytest.raises(ExceptionGroup):
        asyncio.run(work_through_an_outage(run, ids, model, away=2, patience=0.5))

    assert Lane.objects.get().status == "running"
    stored = set(Call.objects.filter(state="done").values_list("key", flat=True))
    Lane.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    claiming.sweep()
    second = scripted()
    play(run, second)
    assert (run.status, run.lanes.get().ruling) == ("finished", "right")
    assert stored
    assert stored.isdisjoint(request.key for request in second.asked)


@pytest.fixture
def own_redis() -> Iterator[tuple[Path, Path]]:
    """A folder for the data of a Redis that a test may kill, and one for its socket."""
    with parts.private_folder() as sockets:
        data = Path(tempfile.mkdtemp())
        yield data, sockets
        shutil.rmtree(data, ignore_errors=True)


def test_a_run_goes_on_without_redis_and_its_log_begins_anew(own_redis: tuple[Path, Path], tmp_path: Path) -> None:
    data, sockets = own_redis
    log, address, part = tmp_path / "redis.log", redis.url(sockets), redis.part(data, sockets)
    client = Redis.from_url(address)
    run = make_run(("sequential_refinement", {"rounds": 4}))
    ids, model = lane_ids(run), SlowModel(15)

    async def lose_redis_for_a_while() -> tuple[stream.Position, stream.Position]:
        with parts.running(part, log) as first:
            crew = asyncio.create_task(work(run, ids, model, redis_url=address))
            await until(lambda: len(model.asked) == 2)
            before = stream.read_position(client, run.id)
            first.stop(within_seconds=0)  # killed
        await until(lambda: len(model.asked) == 3)
        with parts.running(part, log):
            await crew
            return before, stream.read_position(client, run.id)

    before, after = asyncio.run(lose_redis_for_a_while())

    run.refresh_from_db()
    assert (run.status, run.lanes.get().ruling) == ("finished", "right")
    assert Event.objects.filter(kind="call_finished").count() == 4
    assert before.epoch != after.epoch
    assert after.offset > 0


def test_a_log_that_went_back_begins_anew() -> None:
    run = make_run("direct")
    model = SlowModel(20)
    client = Redis.from_url(settings.REDIS_URL)
    ids = lane_ids(run)
    epochs = []

    async def lose_entries() -> None:
        crew = asyncio.create_task(work(run, ids, model))
        await until(lambda: stream.read_position(client, run.id).offset > 5)
        epochs.append(stream.read_position(client, run.id).epoch)
        client.hset(stream._keys(run.id)[1], "top", 2)  # as after a crash that lost the file's last second
        client.xtrim(stream._keys(run.id)[0], maxlen=0)
        await crew

    asyncio.run(lose_entries())

    epochs.append(stream.read_position(client, run.id).epoch)
    assert epochs[0] != epochs[1]


SUBMIT = """
import django
django.setup()
from django.test import Client
body = {"problem": {"question": "?", "answer": "42", "grader": "number"}, "recipes": [{"strategy": "direct"}]}
print(Client().post("/api/v1/runs", body, content_type="application/json").status_code)
"""


def test_a_run_is_accepted_while_redis_is_away(model_server: ModelServer) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "DATABASE_URL": f"{settings.DATABASE_URL.rpartition('/')[0]}/{connection.settings_dict['NAME']}",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "VLLM_BASE_URL": model_server.base_url,
        "ALLOWED_HOSTS": "testserver",
    }

    web = subprocess.run(
        [sys.executable, "-c", SUBMIT], env=environment, capture_output=True, text=True, check=False, timeout=60
    )

    assert web.stdout.strip() == "201", web.stderr
    lane = Run.objects.get().lanes.get()
    assert (lane.status, lane.hinted_at) == ("queued", None)
    assert claiming.sweep() == 1
    assert Lane.objects.get().hinted_at is not None
