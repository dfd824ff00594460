"""F27: a model server that is slower than the lease; the lane stays its worker's."""

import asyncio

import pytest
from django.db import connections

from tests.faults.streams.test_streams_over_the_line import read_ending
from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.webapp.runs.playing import lane_ids, make_run, work
from webapp.runs import claiming
from workers.backends.openai_server import OpenAIServer

pytestmark = pytest.mark.django_db(transaction=True)
PAUSE_SECONDS = claiming.LEASE.total_seconds() + 4


def sweep() -> None:
    try:
        claiming.sweep()
    finally:
        connections.close_all()


def test_a_lane_whose_tokens_come_slower_than_its_lease_ends_is_not_taken_over(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three",), tokens_per_second=1 / PAUSE_SECONDS))
    run = make_run("direct")
    ids = lane_ids(run)

    async def work_under_the_sweep() -> None:
        async with OpenAIServer(model_server.base_url) as model:
            working = asyncio.create_task(work(run, ids, model))
            while not working.done():
                await asyncio.to_thread(sweep)
                await asyncio.wait([working], timeout=1)
            await working

    asyncio.run(work_under_the_sweep())

    assert read_ending(run)["text"] == "one two three"
    assert (run.lanes.get().fence, len(model_server.log())) == (1, 1)
    assert not run.events.filter(kind="lane_resumed").exists()
