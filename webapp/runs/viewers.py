"""One viewer, over whatever connection: a queue of frames with bounds, and the way from a cursor to the present."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from webapp.lib import metrics
from webapp.runs.frames import ENDED, HEARTBEAT, Frame
from webapp.runs.sharing import Place, SharedSnapshot
from workers.live.stream import Position

MOST_WAITING_BYTES = 1024 * 1024
"""Of frames that have waited longer than a burst."""
BURST_SECONDS = 2.0
"""Many long drafts that end together are more than that at once; who reads has soon taken it."""
MOST_AT_ONCE_BYTES = 16 * MOST_WAITING_BYTES
"""Of all frames, however young."""
LONGEST_WAIT_SECONDS = 10.0
"""Of a frame that the network does not take."""
HEARTBEAT_SECONDS = 15.0
LOOK_EVERY_SECONDS = 1.0
"""How exactly the two are kept: a timer for each frame, twice, was half of what a viewer costs."""

Send = Callable[[Frame], Awaitable[None]]


class SlowViewer(Exception):
    """More waits for this viewer, or for longer, than we keep: it must come back and go on from its cursor."""


class LostPlace(Exception):
    """The log has nothing that continues a position: it was trimmed, or is another one."""


class Source(Protocol):
    """What a viewer needs from a run's tailer."""

    async def snapshot(self, place: Place, *, newest: bool = False) -> SharedSnapshot:
        """Return a snapshot of these lanes; none older than this call if it must be the newest."""
        ...

    async def page_after(self, place: Place, position: Position) -> Frame | None:
        """Return what follows a position; None: nothing does, try to join. Raises LostPlace."""
        ...

    def join(self, viewer: "Viewer") -> bool:
        """From now on push everything to a viewer who has got as far as the tailer; return whether it has."""
        ...

    def leave(self, viewer: "Viewer") -> None:
        """Push nothing more to a viewer."""
        ...


class Viewer:
    """Sends a run to somebody: from a cursor, or from a snapshot on, until the run has ended.

    What happened before comes at the pace at which it is taken; what happens now waits here, within bounds.
    """

    def __init__(self, source: Source, place: Place, position: Position | None) -> None:
        """Begin behind `position`; None: from a snapshot on."""
        self.place = place
        self.position = position
        self._source = source
        self._waiting = deque[tuple[float, Frame]]()
        self._waiting_bytes = 0
        self._stirred = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._deadline: float | None = None
        """Of the frame that is being sent."""
        self._sent_at = self._now()
        self._patience = asyncio.timeout(None)
        self._is_live = self._is_over = self._is_slow = self._is_gone = False

    # What the tailer calls; none of it waits

    def push(self, frame: Frame) -> None:
        """Queue what has just happened."""
        if self._is_slow:
            return
        self._waiting.append((self._now(), frame))
        self._waiting_bytes += len(frame.text)
        self._check_bounds()
        self._stirred.set()

    def _check_bounds(self) -> None:
        """Keep nothing more for a viewer who is too far behind."""
        if self._is_behind() or self._waiting_bytes > MOST_AT_ONCE_BYTES:
            self._is_slow = True
            self._waiting.clear()
            self._waiting_bytes = 0
            if self._deadline is not None:
                self._give_up()
            self._stirred.set()

    def _is_behind(self) -> bool:
        if self._waiting_bytes > MOST_WAITING_BYTES:
            oldest, _ = self._waiting[0]
            return self._now() > oldest + BURST_SECONDS
        return False

    def start_over(self) -> None:
        """Go on from a snapshot: the log is another one now."""
        self.position, self._is_live, self._is_over = None, False, False
        self._waiting.clear()
        self._waiting_bytes = 0
        self._stirred.set()

    def end(self) -> None:
        """Take the run for ended, once everything is sent."""
        self._is_over = True
        self._stirred.set()

    def hang_up(self) -> None:
        """Send nothing more: the viewer has gone."""
        self._is_gone = True
        self._stirred.set()

    # The way to the present

    async def watch(self, send: Send) -> None:
        """Send until the run has ended or the viewer has gone. Raises SlowViewer, and what the engines raise."""
        watchdog = asyncio.create_task(self._look_after())
        try:
            async with self._patience:
                while not self._is_gone and not await self._go_on(send):
                    pass
        except TimeoutError:
            if self._patience.expired():
                raise SlowViewer from None
            raise
        finally:
            watchdog.cancel()
            self._source.leave(self)

    async def _look_after(self) -> None:
        """Give a viewer up that takes nothing; send a sign of life where nothing happens."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self._check_bounds()
            now = self._now()
            if self._deadline is not None:
                if now > self._deadline:
                    self._give_up()
            elif self._is_live and not self._waiting and now > self._sent_at + HEARTBEAT_SECONDS:
                self.push(HEARTBEAT)

    def _give_up(self) -> None:
        if not self._patience.expired():
            self._patience.reschedule(self._now())

    async def _go_on(self, send: Send) -> bool:
        """Take one step; return whether it was the last."""
        if self.position is None:
            return await self._send_snapshot(send)
        if self._is_live:
            return await self._send_waiting(send)
        if self._source.join(self):
            self._is_live = True
            return False
        try:
            page = await self._source.page_after(self.place, self.position)
        except LostPlace:
            self.position = None
            return False
        if page is None:
            return False
        await self._send(send, page)
        return page.has_end and await self._send_end(send)

    async def _send_snapshot(self, send: Send) -> bool:
        snapshot = await self._source.snapshot(self.place)
        for frame in snapshot.frames:
            await self._send(send, frame)
        self.position = snapshot.position
        if snapshot.has_ended:
            await self._send(send, ENDED)
        return snapshot.has_ended

    async def _send_waiting(self, send: Send) -> bool:
        while self._waiting:
            queued, frame = self._waiting.popleft()
            self._waiting_bytes -= len(frame.text)
            await self._send(send, frame, queued)
            if frame.has_end:
                return await self._send_end(send)
        if self._is_slow:
            raise SlowViewer
        if self._is_over:
            return await self._send_end(send)
        self._stirred.clear()
        await self._stirred.wait()
        return False

    async def _send_end(self, send: Send) -> bool:
        """Send all facts once more: one may have been stored by a worker that died before it was published."""
        snapshot = await self._source.snapshot(self.place, newest=True)
        if self.position is None or not snapshot.has_ended:  # somebody continued the run
            self.position = None
            return False
        for frame in snapshot.repeat_from(self.position):
            await self._send(send, frame)
        await self._send(send, ENDED)
        return True

    async def _send(self, send: Send, frame: Frame, queued: float | None = None) -> None:
        self._deadline = (self._now() if queued is None else queued) + LONGEST_WAIT_SECONDS
        try:
            await send(frame)
        except OSError:  # the connection broke
            self.hang_up()
        self._deadline, self._sent_at = None, self._now()
        if frame.position is not None and self.position is not None:
            self.position = frame.position
        metrics.FRAMES.inc()
        metrics.FRAME_BYTES.inc(len(frame.text))
        if frame.since:
            metrics.LAG_SECONDS.observe(max(0.0, time.time() - frame.since))
