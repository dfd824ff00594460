"""Celery's way in, and the only file here that knows the site: a task is a hint that some lanes wait."""

import asyncio
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
import uvloop
from celery.signals import worker_ready, worker_shutdown
from django.conf import settings
from django.db import close_old_connections, connections
from redis.asyncio import Redis

from webapp.runs import claiming, recording
from webapp.status.reporting import Reporter
from workers import metrics
from workers.app import app
from workers.backends.limits import LimitedModel
from workers.backends.openai_server import OpenAIServer
from workers.core.events import Event
from workers.crew import Crew, Desk
from workers.live import stream

log = structlog.get_logger(__name__)
SWEEP_SECONDS = 5
LANES_AT_ONCE = 64


@app.task(name="workers.tasks.run_lanes", max_retries=3, default_retry_delay=2)
def run_lanes(*, run_id: str, lane_ids: list[int], **_: Any) -> None:
    """Work on those of the lanes that are still free, all at once, until they have ended."""
    with metrics.running_task(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(run_id, lane_ids))


async def _work(run_id: str, lane_ids: Sequence[int]) -> None:
    server = settings.MODEL_SERVER
    redis = Redis.from_url(settings.REDIS_URL)

    async def publish(events: Sequence[Event], since: float) -> None:
        with metrics.PUBLISH_FAILURES.count_exceptions():
            await stream.append(redis, run_id, stream.encode(events), since)

    desk = Desk(
        claim=claiming.claim_work,
        check_in=partial(claiming.check_in, run_id),
        save=partial(recording.save_facts, run_id),
        give_up=partial(claiming.give_up, run_id),
        leave=connections.close_all,
    )
    try:
        async with OpenAIServer(server.base_url, server.api_key) as model:
            limited = LimitedModel(model, settings.RETORT_MAX_STREAMS)
            await Crew(desk, limited, publish, LANES_AT_ONCE).work(lane_ids)
    finally:
        await redis.aclose()


@worker_ready.connect
def start_sweeping(**_: Any) -> None:
    """Look for forgotten lanes every few seconds, beside the work."""
    threading.Thread(target=_sweep_for_ever, name="sweep", daemon=True).start()


@worker_ready.connect
def start_reporting(sender: Any, **_: Any) -> None:
    """Tell the site how this worker is, until it stops."""
    reporter = Reporter(sender.hostname.split("@")[0], list(sender.app.amqp.queues.consume_from))
    worker_shutdown.connect(lambda **_: reporter.stop(), weak=False)
    reporter.start()


def _sweep_for_ever() -> None:
    while True:
        try:
            close_old_connections()
            if runs := claiming.sweep():
                log.info("swept", runs=runs)
        except Exception:  # the database may be away for a while; the next round tries again
            log.exception("sweep_failed")
        time.sleep(SWEEP_SECONDS)
