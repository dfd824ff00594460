"""F9 and F27: a model server that is killed in the middle, and one that says everything twice."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.streams.test_streams_over_the_line import live_through, read_ending
from tests.fixtures_model_server import ModelServer, run_model_server
from tests.model_server import Rule
from tests.webapp.runs.playing import make_run
from webapp.runs.models import Call, Run

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = Rule(replies=(" ".join(f"word{n}" for n in range(200)),), tokens_per_second=50)
QUICK = Rule(replies=(r"It is \boxed{42}.",))


@pytest.fixture
def own_server() -> Iterator[ModelServer]:
    """A model server that may be killed."""
    with run_model_server() as server:
        yield server


async def kill_in_the_middle(run: Run, server: ModelServer, *, comes_back: bool) -> None:
    """Work on the run's lane; kill the server when all its drafts are being written."""
    server.script(SLOW)
    working = asyncio.create_task(live_through(run, server.base_url, retries=2, backoff_seconds=comes_back * 2))
    await server.wait_for(lambda log: len(log) == 4 and all(entry["tokens"] > 3 for entry in log))
    await asyncio.to_thread(server.kill)
    if comes_back:
        await asyncio.to_thread(server.start_again)
        await asyncio.to_thread(server.script, QUICK)
    await working


def test_calls_of_a_killed_server_go_on_with_the_next_one(own_server: ModelServer) -> None:
    run = make_run(("self_consistency", {"drafts": 4}))

    asyncio.run(kill_in_the_middle(run, own_server, comes_back=True))

    calls = Call.objects.filter(lane__run=run)
    finished = [event.body for event in run.events.filter(kind="call_finished")]
    assert [call.state for call in calls] == ["done"] * 4
    assert {body["text"] for body in finished} == {r"It is \boxed{42}."}
    assert all(1 <= call.retries <= 2 and call.abandoned_tokens > 3 for call in calls)
    assert run.lanes.get().answer == "42"


def test_calls_of_a_server_that_stays_away_fail_and_say_why(own_server: ModelServer) -> None:
    run = make_run(("self_consistency", {"drafts": 4}))

    asyncio.run(kill_in_the_middle(run, own_server, comes_back=False))

    calls = Call.objects.filter(lane__run=run)
    assert [call.state for call in calls] == ["failed"] * 4
    assert all("cannot be reached: Connection refused" in call.error for call in calls)
    assert all("It was tried 3 times." in call.error for call in calls)
    assert run.lanes.get().status == "failed"


def test_deltas_that_come_twice_are_stored_as_they_came(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=("one two three",), fault="twice"))
    run = make_run("direct")

    lived = asyncio.run(live_through(run, model_server.base_url, retries=0))

    ended = read_ending(run)
    assert ended["text"] == lived["draft-1"] == "oneone two two three three"
    assert (ended["finish_reason"], ended["usage"]["completion_tokens"]) == ("stop", 3)
