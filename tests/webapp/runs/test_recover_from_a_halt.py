"""A process that stood still for so long that its lanes went to somebody else."""

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from threading import Thread

import orjson
import pytest
from django.db import connections
from django.utils import timezone

from tests.webapp.runs.playing import lane_ids, make_run, work
from webapp.runs import claiming
from webapp.runs.models import Lane
from webapp.runs.recording import redis_now
from workers.core.model import Chunk, Request
from workers.crew import LONGEST_SILENCE_SECONDS
from workers.live import stream

pytestmark = pytest.mark.django_db(transaction=True)


class HaltedModel:
    """Writes a word, lets the whole process stand still while its lane goes to another worker, and writes on."""

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Halt in the second draft, whose first word would be shown at once."""
        if request.key == "draft-2":
            await asyncio.sleep(0.3)
            _halt()
        yield Chunk(text=f"Word of {request.key}.", tokens=1)
        await asyncio.sleep(60)

    async def count_tokens(self, text: str) -> int:
        """Count characters."""
        return len(text)


def test_a_worker_that_wakes_up_shows_nothing_of_lanes_it_has_lost() -> None:
    run = make_run(("self_consistency", {"drafts": 2}))

    asyncio.run(work(run, lane_ids(run), HaltedModel()))

    top = stream.read_position(redis_now(), run.id).offset
    entries = stream.read_back(redis_now(), run.id, top)
    shown = [event for entry in entries for event in orjson.loads(entry.events)]
    assert b"[]" not in [entry.events for entry in entries], "it wrote an entry with nothing in it"
    assert [event["text"] for event in shown if event["kind"] == "text_delta"] == ["Word of draft-1."]
    assert Lane.objects.get().fence == 3


def _halt() -> None:
    time.sleep(LONGEST_SILENCE_SECONDS + 0.2)
    other = Thread(target=_take_over)
    other.start()
    other.join()


def _take_over() -> None:
    Lane.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    claiming.sweep()
    assert claiming.claim_work(Lane.objects.get().pk) is not None
    connections.close_all()
