"""Celery's way in, and the only file here that knows the site: a task is a hint that some lanes wait."""

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from celery.signals import worker_ready, worker_shutdown
from celery.worker import state
from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connection
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from webapp.lib.patience import patient
from webapp.runs import capabilities, claiming, recording
from webapp.status.reporting import Reporter
from workers import metrics
from workers.app import app
from workers.backends.limits import LimitedModel
from workers.backends.openai_server import OpenAIServer
from workers.backends.probing import identify, probe
from workers.core.assignments import Assignment
from workers.core.errors import ModelError
from workers.core.events import Event, RunEnded
from workers.core.model import Model
from workers.crew import Crew, Desk
from workers.live.publishing import Publisher
from workers.workplace import Workplace

if TYPE_CHECKING:
    from workers.spans import Spans

log = structlog.get_logger(__name__)
SWEEP_SECONDS = 2
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 15
"""How long a worker waits for a database in trouble. Its leases may run out then, but nobody can take its lanes."""
HURRIED_SECONDS = 3
"""The same for a worker that was told to stop."""
REDIS_OPTIONS: dict[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 2, "retry": Retry(NoBackoff(), 0)}
LANES_AT_ONCE = 64


class Tools(NamedTuple):
    """What the crews of this process share."""

    model: Model
    redis: Redis
    spans: "Spans | None"


@asynccontextmanager
async def _open_tools() -> AsyncIterator[Tools]:
    server = settings.MODEL_SERVER
    redis = Redis.from_url(settings.REDIS_URL, **REDIS_OPTIONS, **settings.REDIS_OVER_TCP)
    async with redis, OpenAIServer(server.base_url, server.api_key) as model:
        yield Tools(LimitedModel(model, settings.RETORT_MAX_STREAMS), redis, _spans())


@cache
def _spans() -> "Spans | None":
    """Return what makes spans, if somebody collects them; it costs nothing otherwise, not even its import."""
    if not settings.TRACES_ENDPOINT:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from workers.spans import Exported, Spans

    exported = Exported(settings.MODEL_SERVER.base_url, settings.TRACES_HAVE_TEXTS)
    spans = Spans(BatchSpanProcessor(OTLPSpanExporter()), exported, settings.RETORT_VERSION)
    worker_shutdown.connect(lambda **_: spans.close(), weak=False)
    return spans


workplace = Workplace(_open_tools)
_places_alone = threading.BoundedSemaphore(2)
_handed_over: list[tuple[str, list[int]]] = []
"""Run and lanes of the tasks that ended because the worker does."""


@app.task(name="workers.tasks.run_lanes", max_retries=3, default_retry_delay=2)
def run_lanes(*, run_id: str, lane_ids: list[int], **_: Any) -> None:
    """Work on those of the lanes that are still free, all at once, until they have ended or are handed over."""
    with structlog.contextvars.bound_contextvars(run=run_id):
        try:
            with metrics.running_task():
                workplace.work(crew_of(run_id), lane_ids)
        except Exception:  # the sweep asks again for its lanes; Celery would only print what the error says
            log.exception("task_broke", lanes=len(lane_ids))
    if workplace.is_closing:
        _handed_over.append((run_id, lane_ids))


@app.task(name="workers.tasks.run_alone")
def run_alone(*, run_id: str, lane_ids: list[int], **_: Any) -> None:
    """Let each of the lanes run in a process of its own: workers died while they ran it.

    Returns at once if there are enough such processes: a lane that waits here would keep a thread from all others. It
    waits in the database, and the sweep asks again.
    """
    if not _places_alone.acquire(blocking=False):
        return
    try:
        for lane_id in lane_ids:
            with metrics.running_task():
                _watch_alone(run_id, lane_id)
    finally:
        _places_alone.release()


def _watch_alone(run_id: str, lane_id: int) -> None:
    fence = claiming.find_fence(lane_id) + 1  # which the process will hold, if it gets the lane
    command = (sys.executable, "-m", "workers.alone", run_id, str(lane_id))
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # our end of the pipe closes with us, however
        while process.poll() is None and not workplace.is_closing:
            time.sleep(LOOK_SECONDS)
    if process.returncode and not workplace.is_closing:
        log.error("lane_killed_its_process", run=run_id, lane=lane_id, code=process.returncode)
        claiming.blame(lane_id, fence)


def crew_of(run_id: str, *, alone: bool = False) -> Callable[[Tools], Crew]:
    """Return what forms a crew for lanes of the run, of any or of those that must run `alone`."""
    return partial(_form_crew, run_id, partial(claiming.claim_work, alone=alone))


def _form_crew(run_id: str, claim: Callable[[int], Assignment | None], tools: Tools) -> Crew:
    desk = Desk(
        claim=patient(claim, _patience_seconds),
        check_in=patient(partial(claiming.check_in, run_id), _patience_seconds),
        save=patient(partial(recording.save_facts, run_id), _patience_seconds),
        give_up=patient(partial(claiming.give_up, run_id), _patience_seconds),
        leave=_keep_connection,
    )
    publisher = Publisher(tools.redis, run_id)

    async def publish(events: Sequence[Event], since: float) -> None:
        if tools.spans and events and isinstance(events[-1], RunEnded):
            tools.spans.end_run(run_id, events[-1])
        await publisher.publish(events, since)

    follow = partial(tools.spans.follow_lane, run_id) if tools.spans else None
    return Crew(desk, tools.model, publish, LANES_AT_ONCE, follow)


def _keep_connection() -> None:
    """Leave this thread's connection open for the next crew, unless something went wrong with it."""
    if connection.errors_occurred:
        connection.close()


def _patience_seconds() -> float:
    return HURRIED_SECONDS if workplace.is_closing else PATIENCE_SECONDS


@app.task(name="workers.tasks.probe_model")
def probe_model(*, model: str, **_: Any) -> None:
    """Find out what a model of the server can do, unless that is known."""
    asyncio.run(_probe(model))


async def _probe(model: str) -> None:
    server = settings.MODEL_SERVER
    async with OpenAIServer(server.base_url, server.api_key) as asked:
        try:
            identity = await identify(asked, model)
            if not capabilities.is_current(model, identity):
                capabilities.remember(model, identity, await probe(asked, model))
        except ModelError as error:
            log.warning("probe_failed", model=model, error=str(error))
            capabilities.forget(model)


# --- the worker's life ------------------------------------------------------------------------------------------


@worker_ready.connect
def begin(**_: Any) -> None:
    """Look for forgotten lanes every few seconds, beside the work, and listen for the order to stop."""
    # Python looks for rings of garbage after every 700 new objects, and now and then through all that is loaded: a
    # tenth of what many streams cost, with halts of a tenth of a second. What is loaded stays, and streams leave few.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    threading.Thread(target=_sweep_for_ever, name="sweep", daemon=True).start()
    # Celery's cold shutdown, which SIGINT and SIGQUIT (and SIGTERM, if remapped) ask for, sleeps first and then fails:
    # threads cannot be ended from outside. Ours end at once, so all three mean the warm one.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _stop)


def _stop(*_: Any) -> None:
    workplace.close()
    state.should_stop = 0  # type: ignore[assignment]  # Celery's main loop looks at it at least once a second


@worker_shutdown.connect
def hint_once_more(**_: Any) -> None:
    """Ask the other workers again: this one's connection may have swallowed the hints while it was ending."""
    for run_id, lane_ids in _handed_over:
        claiming.ask_again(run_id, lane_ids)


@worker_ready.connect
def start_reporting(sender: Any, **_: Any) -> None:
    """Tell the site how this worker is, until it stops."""
    reporter = Reporter("+".join(sorted(sender.app.amqp.queues.consume_from)))
    worker_shutdown.connect(lambda **_: reporter.stop(), weak=False)
    reporter.start()


def _sweep_for_ever() -> None:
    while True:
        pause: float = SWEEP_SECONDS
        try:
            close_old_connections()
            if runs := claiming.sweep():
                log.info("swept", runs=runs)
        except Exception as error:  # the next round tries again
            log.exception("sweep_failed")
            if isinstance(error, DatabaseTrouble):  # when it is back, workers that live shall renew their leases first
                pause = claiming.LEASE.total_seconds()
        time.sleep(pause)
