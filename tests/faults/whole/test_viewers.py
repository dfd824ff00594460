"""Sockets that are slow, many, cut, or late: each viewer sees all of its run, and none harms another."""

import asyncio
import base64
import os
import socket
import time
from urllib.parse import urlsplit

import aiohttp
import orjson
from redis import Redis

from tests.faults.recipes import SLOWLY, direct, long_text
from tests.faults.recorder import Recorder
from tests.faults.stack import Stack
from tests.model_server import Rule


def open_deaf(web: str, run: str) -> socket.socket:
    """Open a websocket with a tiny buffer, of which nobody will ever read."""
    parts = urlsplit(web)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((parts.hostname, parts.port))
    key = base64.b64encode(os.urandom(16)).decode()
    request = [
        f"GET /ws/runs/{run}?after=0&epoch= HTTP/1.1", f"Host: {parts.netloc}", f"Origin: {web.rstrip('/')}",
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", "",
    ]  # fmt: skip
    deaf.sendall("\r\n".join(request).encode())
    return deaf


async def test_f16_sockets_that_nobody_reads_harm_nobody(stack: Stack, recorder: Recorder):
    stack.script(Rule(match="loud", replies=("word " * 12_000,), tokens_per_second=1000), SLOWLY)
    web = stack.addresses[0]
    loud = await recorder.start(*[direct() for _ in range(8)], question="Be loud: 6 times 7?")
    deaf = [open_deaf(web, loud) for _ in range(50)]
    recorder.other_sockets += len(deaf)
    try:
        recorder.watch(loud, 2)
        quiet = await recorder.start("sequential_refinement")
        recorder.watch(quiet, 5)
        await recorder.until_ended()
        await recorder.until(lambda: stack.sockets_of(0) <= 8, "sockets that nobody reads are closed", within=20)
        await recorder.judge("F16", "sockets that nobody reads", injected=len(deaf))
    finally:
        for one in deaf:
            one.close()


async def test_f16_a_thousand_idle_sockets_and_many_that_come_and_go(stack: Stack, recorder: Recorder):
    stack.script(Rule(right="42", first_token_seconds=25, tokens_per_second=20))
    run = await recorder.start(direct())
    recorder.watch(run, 1000)
    await recorder.until_told(1000, within=60)
    flapping = await recorder.start(direct())
    for _ in range(10):
        fresh = recorder.watch(flapping, 100)
        await asyncio.sleep(0.6)
        recorder.unwatch(fresh)
    recorder.watch(flapping)
    await recorder.until_ended()
    await recorder.judge("F16", "1,000 idle sockets, 1,000 more that come and go in six seconds", injected=2000)
    with Redis.from_url(stack.redis_url) as redis:
        await recorder.until(lambda: not redis.pubsub_channels("*run*"), "no channel is left over", within=15)


async def test_f18_ten_thousand_deltas_a_second_with_twenty_viewers(stack: Stack, recorder: Recorder):
    stack.script(long_text(4000, per_second=200))
    runs = [await recorder.start(*[direct(max_tokens=9000) for _ in range(8)]) for _ in range(6)]
    for run in runs[:5]:
        recorder.watch(run, 4)
    began = time.monotonic()
    await recorder.until_ended(within=240)
    took = time.monotonic() - began
    lags = recorder.lags_ms()
    median, nearly_all = (lags[int(len(lags) * share)] for share in (0.5, 0.99))
    how = f"{192_000 / took:,.0f} deltas a second for {took:.0f} s; lag p50 {median:.0f} ms, p99 {nearly_all:.0f} ms"
    history = await recorder.judge("F18", how, injected=192_000)
    assert {lane.status for lane in history.lanes} == {"finished"}


async def test_f19_a_thousand_viewers_come_back_at_once(stack: Stack, recorder: Recorder):
    stack.script(long_text(600, per_second=10))
    run = await recorder.start(direct())
    recorder.watch(run, 1000)
    await recorder.until_told(1000, within=60)
    transactions = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    before = recorder.count(transactions)
    for viewer in recorder.viewers:
        viewer.cut()
    cut_at = time.time()
    back = await recorder.until(
        lambda: all(viewer.has_heard_since(cut_at + 0.1) for viewer in recorder.viewers), "all are current", within=30
    )
    asked = recorder.count(transactions) - before
    await recorder.until_ended()
    how = f"1,000 viewers cut off at once; the database was asked {asked} times until all were back"
    await recorder.judge("F19", how, injected=1000, resumed=back)
    assert asked < 300, "the database was asked for each viewer, not for each run"


async def test_a_viewer_that_leaves_a_hundred_times_sees_everything(stack: Stack, recorder: Recorder):
    stack.script(long_text(400, per_second=10))
    run = await recorder.start(direct(), direct())
    [flapping, _] = recorder.watch(run, 2)
    await recorder.until_asked(run, calls=2)
    cuts = 0
    while cuts < 100 and not flapping.is_over:
        cuts += flapping.cut()
        flapping.hurry()
        await asyncio.sleep(0.25)
    await recorder.until_ended()
    await recorder.judge("F17", "a viewer that is cut off again and again", injected=cuts)
    assert cuts >= 50


async def test_f26_a_log_that_was_trimmed_or_forgotten_is_answered_by_a_snapshot(stack: Stack, recorder: Recorder):
    stack.script(long_text(250, per_second=10))
    run = await recorder.start(direct())
    recorder.watch(run, 2)
    await recorder.until_asked(run)
    await asyncio.sleep(3)
    [log, meta] = f"run:{{{run}}}:log", f"run:{{{run}}}:meta"
    with Redis.from_url(stack.redis_url) as redis:
        epoch = (redis.hget(meta, "epoch") or b"").decode()
        redis.xtrim(log, maxlen=2, approximate=False)
        assert (await first_frame(recorder, run, after=1, epoch=epoch))["snapshot"] is True
        assert (await first_frame(recorder, run, after=1, epoch="another"))["snapshot"] is True
        redis.delete(log, meta)  # as when its time to live is over
        assert (await first_frame(recorder, run, after=20, epoch=epoch))["snapshot"] is True
    await recorder.until_ended()
    await recorder.judge("F26", "log trimmed, then gone, while a viewer is away", injected=2)


async def first_frame(recorder: Recorder, run: str, *, after: int, epoch: str) -> dict[str, object]:
    """Come back with a position, and return what is said first."""
    web = recorder.stack.addresses[1]
    address = f"{web.replace('http', 'ws', 1)}ws/runs/{run}?after={after}&epoch={epoch}"
    timeout = aiohttp.ClientWSTimeout(ws_close=2)
    async with recorder.session.ws_connect(address, origin=web.rstrip("/"), timeout=timeout) as ws:
        frame: dict[str, object] = orjson.loads(await asyncio.wait_for(ws.receive_str(), 10))
        return frame
