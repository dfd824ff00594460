"""The disk is full: nothing is half written, submissions are refused in words, and all goes on when there is room."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from redis import Redis

from tests.faults.recipes import SLOWLY, direct
from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack
from tests.site.members import Member
from webapp.local import parts

MIB = 2**20


@contextmanager
def no_file_beyond(member: Member, size: int) -> Iterator[None]:
    """Let no file of the process and its children grow beyond `size` bytes, as on a full disk."""
    _limit(member, size)
    try:
        yield
    finally:
        _limit(member, "unlimited")


def _limit(member: Member, size: int | str) -> None:
    family = psutil.Process(member.pid)
    for process in [family, *family.children(recursive=True)]:
        command = ["prlimit", f"--pid={process.pid}", f"--fsize={size}:unlimited"]
        subprocess.run(
            command, **parts.identity(member.part.user), check=process is family, capture_output=True, timeout=10
        )


async def test_f15_no_room_for_postgres(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    run = await recorder.start(*FOUR)
    recorder.watch(run, 2)
    fill_events(stack)
    await recorder.until_asked(run, calls=6)

    with no_file_beyond(stack.postgres, 16 * MIB):
        statuses = [await recorder.try_to_start(direct()) for _ in range(3)]
        await asyncio.sleep(5)

    refusals = re.findall(r"ERROR: .*could not (?:extend|write).*", stack.postgres.log)
    assert refusals, "PostgreSQL never wanted for room"
    empty_events(stack)
    await recorder.until_ended()
    await recorder.judge("F15", "no room on PostgreSQL's disk")
    assert set(statuses) <= {201, 503}


async def test_f15_no_room_for_redis(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    run = await recorder.start(*FOUR)
    recorder.watch(run, 2)
    await recorder.until_asked(run, calls=6)
    with Redis.from_url(stack.redis_url) as redis:
        size = int(redis.info("persistence")["aof_current_size"])

    with no_file_beyond(stack.redis, size + 4096):
        await asyncio.sleep(5)

    await recorder.until_ended()
    await recorder.judge("F15", "no room on Redis' disk")


def fill_events(stack: Stack) -> None:
    """Make the table of facts as large as a file may be: from then on it cannot grow."""
    with stack.connect() as connection:
        connection.execute("INSERT INTO runs_run (id, title, status, seed, repeats, created_at) "
                           "VALUES ('filler', '', 'queued', 0, 1, now()) ON CONFLICT DO NOTHING")  # fmt: skip
        connection.execute("ALTER TABLE runs_event ALTER body SET STORAGE PLAIN")
        connection.execute(
            "INSERT INTO runs_event (run_id, identity, kind, body) "
            "SELECT 'filler', n::text, '', to_jsonb(repeat('x', 7000)) FROM generate_series(1, 2100) n"
        )


def empty_events(stack: Stack) -> None:
    with stack.connect() as connection:
        connection.execute("DELETE FROM runs_event WHERE run_id = 'filler'")
        connection.execute("DELETE FROM runs_run WHERE id = 'filler'")
        connection.execute("ALTER TABLE runs_event ALTER body SET STORAGE EXTENDED")
        connection.execute("VACUUM FULL runs_event")
