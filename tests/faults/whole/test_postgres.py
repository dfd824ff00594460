"""PostgreSQL restarts, dies, cuts everybody off, is full, refuses, deadlocks: what was accepted comes to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import psycopg
import pytest

from tests.faults.recipes import SLOWLY
from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack

Fault = Callable[[Stack], Awaitable[None]]


async def restart(stack: Stack) -> None:
    await stack.postgres.terminate()
    await stack.postgres.start()


async def kill(stack: Stack) -> None:
    stack.postgres.kill()
    await asyncio.sleep(1)
    await stack.postgres.start()


async def cut_everybody_off(stack: Stack) -> None:
    for _ in range(3):
        stack.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^(web|worker)'")
        await asyncio.sleep(1)


async def take_all_places(stack: Stack) -> None:
    """Take every place there is, those of the site too: its connections are ended and find the door shut."""
    with ExitStack() as exits:
        first = exits.enter_context(stack.connect())
        for _ in range(200):
            try:
                exits.enter_context(stack.connect())
            except psycopg.OperationalError:  # no place left
                first.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^(web|worker)'"
                )
        await asyncio.sleep(4)


async def refuse_writes(stack: Stack) -> None:
    with stack.connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(5)
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")


async def conflict(stack: Stack) -> None:
    """Isolate transactions so strictly that whoever has waited for a row is refused; have them wait for us.

    For 5 s, and on until it has met somebody: between two drafts that end nobody writes.
    """
    before = _refused(stack)
    with stack.connect() as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_isolation = 'serializable'")
        connection.execute("SELECT pg_reload_conf()")
        for turn in range(120):
            if turn >= 10 and _refused(stack) > before:
                break
            with connection.transaction():
                for table in ("runs_run", "runs_lane"):  # in the order in which the site locks them
                    connection.execute(f"UPDATE {table} SET status = status")
                await asyncio.sleep(0.5)
        connection.execute("ALTER SYSTEM RESET default_transaction_isolation")
        connection.execute("SELECT pg_reload_conf()")
    assert _refused(stack) > before, "no transaction was refused: nothing was injected"


def _refused(stack: Stack) -> int:
    return stack.postgres.log.count("could not serialize access")


async def fall_silent(stack: Stack) -> None:
    stack.postgres.halt()
    await asyncio.sleep(5)
    stack.postgres.go_on()


FAULTS: dict[str, Fault] = {
    "restart": restart,
    "kill -9": kill,
    "every connection ended, three times": cut_everybody_off,
    "too many connections": take_all_places,
    "read-only for 5 s": refuse_writes,
    "serialization failures for 5 s": conflict,
    "silent for 5 s": fall_silent,
}


@pytest.mark.parametrize("how", FAULTS)
async def test_f13_postgres(stack: Stack, recorder: Recorder, how: str):
    stack.script(SLOWLY)
    runs = [await recorder.start(*FOUR) for _ in range(2)]
    for run in runs:
        recorder.watch(run, 2)
    await recorder.until_asked(runs[-1], calls=6)

    await FAULTS[how](stack)

    await recorder.until_ended()
    history = await recorder.judge("F13", f"PostgreSQL: {how}")
    assert {lane.status for lane in history.lanes} == {"finished"}


async def test_f13_a_deadlock_is_tried_again(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    run = await recorder.start("direct")
    recorder.watch(run)
    await recorder.until_asked(run)
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = recorder.count(deadlocks)
    [lane] = recorder.accepted[run]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^worker' AND wait_event_type = 'Lock'"

    with stack.connect() as connection, connection.transaction():
        connection.execute("SET deadlock_timeout = '1h'")  # it is the worker that finds out, and is refused
        connection.execute("SELECT 1 FROM runs_run WHERE id = %s FOR UPDATE", [run])
        await recorder.until(lambda: recorder.count(waiting) > 0, "the worker waits for the run's row")
        await asyncio.to_thread(connection.execute, "SELECT 1 FROM runs_lane WHERE id = %s FOR UPDATE", [lane])

    await recorder.until(lambda: recorder.count(deadlocks) > before, "the database has counted the deadlock")
    await recorder.until_ended()
    history = await recorder.judge("F13", "PostgreSQL: deadlock")
    assert [lane.status for lane in history.lanes] == ["finished"]


async def test_f13_a_run_asked_for_while_the_database_is_away_is_refused_in_words(stack: Stack, recorder: Recorder):
    stack.postgres.kill()
    assert await recorder.try_to_start("direct") == 503
    await stack.postgres.start()

    assert await recorder.try_to_start("direct") == 201
    await recorder.until_ended()
    await recorder.judge("F13", "PostgreSQL: away when a run is asked for")
