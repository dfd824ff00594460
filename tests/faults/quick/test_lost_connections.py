"""Connections to Redis that died without a word: who used them notices and goes on; nobody else has to wait."""

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import ConnectionError

from tests.faults.proxy import Line, running_loop
from webapp.lib.lost_connections import SteadyParser
from workers.core.events import RunEnded
from workers.live import stream
from workers.live.publishing import Publisher
from workers.tasks import REDIS_OPTIONS

SOON = {socket.TCP_KEEPIDLE: 1, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 1, socket.TCP_USER_TIMEOUT: 1000}


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Break into a loop that gives nobody a turn, so that the test can fail."""

    def break_in(*_: object) -> None:
        raise AssertionError("The loop was held.")

    before = signal.signal(signal.SIGALRM, break_in)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


async def test_a_subscriber_whose_connection_was_lost_hears_again() -> None:
    with running_loop() as loop:
        line = Line(Path(urlsplit(settings.REDIS_URL).path), loop)
        host = {"address": f"redis://127.0.0.1:{line.port}/0", "parser_class": SteadyParser,
                "socket_keepalive": True, "socket_keepalive_options": SOON}  # fmt: skip
        layer = RedisPubSubChannelLayer(hosts=[host])
        channel = await layer.new_channel()
        await layer.group_add("news", channel)
        hearing = asyncio.create_task(layer.receive(channel))

        assert line.lose() > 0
        async with asyncio.timeout(20):
            while not hearing.done():
                await asyncio.sleep(0.2)
                await RedisPubSubChannelLayer(hosts=[settings.REDIS_URL]).group_send("news", {"type": "heard"})

        assert hearing.result() == {"type": "heard"}
        await layer.flush()
        line.end()


async def test_a_subscriber_beside_whom_somebody_waits_for_ever_hears_again() -> None:
    async with (
        Redis.from_url(settings.REDIS_URL, parser_class=SteadyParser) as redis,
        Redis.from_url(settings.REDIS_URL) as other,
        redis.pubsub() as bell,
    ):
        await bell.subscribe("taken")
        while await bell.get_message(timeout=0.1):
            pass
        waiting = asyncio.create_task(bell.connection._reader.read(1))  # for an answer that was read by another
        await asyncio.sleep(0)

        with pytest.raises(ConnectionError):  # it is told once, and connected anew
            async with asyncio.timeout(20):
                while True:
                    assert await bell.get_message(timeout=0.1) is None
        async with asyncio.timeout(20):
            while (message := await bell.get_message(ignore_subscribe_messages=True, timeout=0.1)) is None:
                await other.publish("taken", "heard")

        assert message["data"] == b"heard"
        assert await waiting == b"", "whoever waited is told that the connection is closed"


def test_a_log_whose_connection_was_lost_begins_anew_and_breaks_nothing() -> None:
    async def publish_before_and_after(line: Line) -> tuple[stream.Position, stream.Position]:
        over_tcp: dict[str, Any] = {"socket_keepalive": True, "socket_keepalive_options": SOON}
        async with (
            Redis.from_url(f"redis://127.0.0.1:{line.port}/0", **REDIS_OPTIONS, **over_tcp) as redis,
            Redis.from_url(settings.REDIS_URL) as other,
        ):
            publisher, ended = Publisher(redis, "lost"), RunEnded(lane=0, at=0, status="finished")
            await publisher.publish([ended], time.time())
            before = await stream.read_end(other, "lost")
            line.lose()
            async with asyncio.timeout(20):
                while (after := await stream.read_end(other, "lost")).epoch == before.epoch:
                    await asyncio.sleep(6)  # until the system has closed the connection, or longer
                    await publisher.publish([ended], time.time())
            return before, after

    with running_loop() as loop, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        line = Line(Path(urlsplit(settings.REDIS_URL).path), loop)
        before, after = runner.run(publish_before_and_after(line))
        line.end()

    assert before.epoch != after.epoch
