"""What failures cost: our account of a run equals the model server's, over all attempts, the abandoned ones too."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.db import connections
from django.db.models import F, Sum
from django.utils import timezone
from redis.asyncio import Redis

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.webapp.runs.playing import lane_ids, make_run
from webapp.runs import claiming, recording
from webapp.runs.continuing import continue_run
from webapp.runs.launching import cancel_run
from webapp.runs.models import Call, Event, Lane, Prompt, Run, Status
from workers.backends._patience import Patience
from workers.backends.openai_server import OpenAIServer
from workers.core.model import estimate_tokens
from workers.crew import Crew, Desk
from workers.live.publishing import Publisher

pytestmark = pytest.mark.django_db(transaction=True)
Interrupt = Callable[[Crew, asyncio.Task[None]], None]
REPLY = " ".join(["So"] * 30) + r" it is \boxed{42}."
SLOW = Rule(replies=(REPLY,), tokens_per_second=40)


async def work(run: Run, ids: list[int], model_server: ModelServer, *, interrupt: Interrupt | None) -> None:
    """Work on the lanes; do `interrupt` to the crew once four streams are being written."""
    redis = Redis.from_url(settings.REDIS_URL)
    desk = Desk(
        claim=claiming.claim_work,
        check_in=partial(claiming.check_in, run.id),
        save=partial(recording.save_facts, run.id),
        give_up=partial(claiming.give_up, run.id),
        leave=connections.close_all,
    )
    patience = Patience(backoff_seconds=0.01)
    async with redis, OpenAIServer(model_server.base_url, patience=patience) as model:
        crew = Crew(desk, model, Publisher(redis, run.id).publish, 64)
        task = asyncio.create_task(crew.work(ids))
        if interrupt:
            await model_server.wait_for(lambda log: len(log) >= 4 and all(entry["tokens"] >= 5 for entry in log[-4:]))
            interrupt(crew, task)
        await asyncio.wait([task])


def play(run: Run, model_server: ModelServer, interrupt: Interrupt | None = None) -> None:
    asyncio.run(work(run, lane_ids(run), model_server, interrupt=interrupt))


def ours() -> tuple[int, int]:
    """Return prompt and completion tokens of all attempts, by the calls; the lanes must say the same."""
    calls = Call.objects.aggregate(
        prompt=Sum(F("prompt_tokens") + F("abandoned_prompt_tokens")),
        written=Sum(F("completion_tokens") + F("abandoned_tokens")),
    )
    lanes = Lane.objects.aggregate(prompt=Sum("prompt_tokens"), written=Sum("completion_tokens"))
    assert lanes == calls
    return calls["prompt"], calls["written"]


def servers(model_server: ModelServer) -> tuple[int, int]:
    log = [entry for entry in model_server.log() if entry["tokens"]]
    return sum(entry["prompt_tokens"] for entry in log), sum(entry["tokens"] for entry in log)


def test_attempts_that_broke_are_counted(model_server: ModelServer) -> None:
    model_server.script(Rule(fault="cut", after=7, times=3, replies=(REPLY,)), Rule(replies=(REPLY,)))

    play(make_run(("self_consistency", {"drafts": 4})), model_server)

    assert ours() == servers(model_server)
    assert Call.objects.aggregate(Sum("retries"), Sum("abandoned_tokens")) == {
        "retries__sum": 3, "abandoned_tokens__sum": 21
    }  # fmt: skip


def test_attempts_that_were_handed_over_are_counted(model_server: ModelServer) -> None:
    model_server.script(SLOW)
    run = make_run(("self_consistency", {"drafts": 4}))

    play(run, model_server, lambda crew, _task: crew.hand_over())
    play(run, model_server)

    lane = run.lanes.get()
    assert (lane.status, lane.ruling, lane.deaths) == ("finished", "right", 0)
    assert_close(ours(), servers(model_server))
    assert set(Call.objects.values_list("retries", "is_estimate")) == {(1, False)}


def test_attempts_that_died_with_their_worker_are_estimated(model_server: ModelServer) -> None:
    model_server.script(SLOW)
    run = make_run(("self_consistency", {"drafts": 4}))

    def die(_crew: Crew, task: asyncio.Task[None]) -> None:
        task.cancel()  # nothing more is told of its calls

    play(run, model_server, die)
    Lane.objects.update(status=Status.RUNNING, lease_until=timezone.now() - timedelta(seconds=1))
    claiming.sweep()
    play(run, model_server)

    lane = run.lanes.get()
    assert (lane.status, lane.ruling, lane.deaths) == ("finished", "right", 1)
    prompt, written = ours()
    _, all_written = servers(model_server)
    assert all_written - 4 * 10 <= written <= all_written
    assert prompt == sum(entry["prompt_tokens"] for entry in model_server.log()[4:]) + 4 * estimated_prompt()
    assert set(Call.objects.values_list("retries", "is_estimate")) == {(1, True)}
    assert Event.objects.filter(kind="call_restarted", body__is_estimate=True).count() == 4


def test_what_a_stopped_run_had_written_is_counted_when_it_goes_on(model_server: ModelServer) -> None:
    model_server.script(SLOW)
    run = make_run(("self_consistency", {"drafts": 4}))

    def stop(_crew: Crew, _task: asyncio.Task[None]) -> None:
        def cancel() -> None:
            cancel_run(run=run)
            connections.close_all()

        asyncio.get_running_loop().run_in_executor(None, cancel)

    play(run, model_server, stop)
    continue_run(run=run)
    play(run, model_server)

    assert run.lanes.get().ruling == "right"
    assert_close(ours(), servers(model_server))


def estimated_prompt() -> int:
    """Return the size of the drafts' prompt, which no call with the same prompt had told when they died."""
    [[_role, content]] = json.loads(Prompt.objects.get().messages)
    return estimate_tokens(content)


def assert_close(ours: tuple[int, int], servers: tuple[int, int]) -> None:
    """Of what the server wrote, the token or two of each of four streams that were on their way may be missing."""
    assert ours[0] == servers[0]
    assert servers[1] - 4 * 3 <= ours[1] <= servers[1]
