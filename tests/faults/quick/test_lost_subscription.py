"""A subscriber whose connection died without a word notices, and hears again; nobody else in its loop has to wait."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings

from tests.faults.proxy import Line, running_loop
from webapp.lib.lost_connections import SteadyParser

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
