"""What is the same for all who watch a run live: what they ask for, and how they are served until one side ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from webapp.lib import metrics
from webapp.runs.frames import Frame
from webapp.runs.sharing import Place
from webapp.runs.tailers import tailers
from webapp.runs.viewers import Viewer
from workers.live.stream import Position

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Wish(NamedTuple):
    """What somebody wants to see of a run, and behind which position; None: from a snapshot on."""

    run_id: str
    place: Place
    position: Position | None


def read_wish(scope: dict[str, Any], last_event: str = "") -> Wish:
    """Read what a connection asks for. `last_event` (`epoch:offset`) counts more than `?after=` and `?epoch=`."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    epoch, _, after = last_event.rpartition(":") if last_event else (_first(query, "epoch"), "", _first(query, "after"))
    offset = number(after)
    return Wish(
        scope["url_route"]["kwargs"]["run_id"],
        Place(number(_first(query, "row")), number(_first(query, "repeat"))),
        None if offset is None else Position(epoch, offset),
    )


def _first(query: dict[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]


def number(text: str | None) -> int | None:
    """Return a number that somebody sent; None if it is none, or too long to be one of ours."""
    return int(text) if text and text.isdecimal() and len(text) < 16 else None


async def serve(wish: Wish, over: str, receive: Receive, send: Callable[[Frame], Awaitable[None]]) -> None:
    """Send somebody a run until it has ended or they have gone.

    Raises UnknownRun, SlowViewer, and whatever the engines raise when they are away.
    """
    async with tailers().of(wish.run_id, wish.place) as tailer:
        viewer = Viewer(tailer, wish.place, wish.position)
        listening = asyncio.create_task(_notice_end(receive, viewer))
        try:
            with metrics.VIEWERS.labels(over).track_inprogress():
                await viewer.watch(send)
        finally:
            listening.cancel()


async def _notice_end(receive: Receive, viewer: Viewer) -> None:
    """Wait until the other side has gone; what it says meanwhile counts nothing."""
    while (await receive())["type"] not in ("websocket.disconnect", "http.disconnect"):
        pass
    viewer.hang_up()
