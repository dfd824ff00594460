"""Work on many lanes at once in one event loop: claim, run, record, and let go."""

import asyncio
import contextvars
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

import structlog

from workers import metrics
from workers.backends.replay import ReplayModel
from workers.core.assignments import Assignment, Pulse, Saved
from workers.core.errors import FencedOff
from workers.core.events import Event
from workers.core.model import Model
from workers.graders import are_equal
from workers.live.outbox import Outbox, Publish
from workers.running import LaneRun

log = structlog.get_logger(__name__)
PULSE_SECONDS = 0.5
RENEW_EVERY = 4
"""Pulses between two renewals of the leases: 2 of their 8 seconds."""
LONGEST_SILENCE_SECONDS = 5.0
"""Without a pulse for longer, a lease may have run out: who has the lanes is asked before a text is shown."""

_idle_threads: list[ThreadPoolExecutor] = []
"""Database threads of crews that have ended. They keep their connections, which take milliseconds to open."""

T = TypeVar("T")


Emit = Callable[[Event, str | None], None]
Follow = Callable[[Assignment, Emit], AbstractContextManager[Emit]]
"""Wraps a lane's `emit` to hear what it tells, for the length of a `with`."""


class Desk(NamedTuple):
    """The database's side of the work, as plain functions; each is called in the crew's one database thread."""

    claim: Callable[[int], Assignment | None]
    check_in: Callable[[Mapping[int, int], bool], Pulse]
    save: Callable[[Sequence[Event], Mapping[int, int], Mapping[str, str]], Saved]
    give_up: Callable[[Mapping[int, int]], None]
    leave: Callable[[], None]
    """Called last; another crew may have the thread, and what is open in it, afterwards."""


class Crew:
    """All lanes of one task. One event loop, one database thread, one way out for events."""

    def __init__(
        self, desk: Desk, model: Model, publish: Publish, lanes_at_once: int, follow: Follow | None = None
    ) -> None:
        """Take the database's side, the model, the way to viewers, and who else wants to hear of each lane."""
        self._follow = follow or (lambda _, emit: nullcontext(emit))
        self._desk = desk
        self._model = model
        self._publish = publish
        self._places = asyncio.Semaphore(lanes_at_once)
        self._thread = _idle_threads.pop() if _idle_threads else ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._outbox = Outbox(self._save, self._publish_all)
        self._saved: list[Saved] = []
        self._is_leaving = False
        self._is_cut_off = False
        self._checked_in_at = float("inf")
        self._lost: set[int] = set()
        self._fences: dict[int, int] = {}
        self._active: dict[int, LaneRun] = {}

    async def work(self, lane_ids: Sequence[int]) -> None:
        """Work until every lane that was free has ended, or `hand_over` is called; hands the rest over."""
        self._checked_in_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._outbox.run())
                pulse = group.create_task(self._keep_pulse())
                await self._work_all(lane_ids)
                pulse.cancel()
                self._outbox.close()
                await writer
        finally:
            await self._leave()

    def hand_over(self) -> None:
        """Leave all lanes to other workers, at once: what is written is stored and shown, then `work` ends."""
        self._is_leaving = True
        for lane in self._active.values():
            lane.hand_over()

    async def _work_all(self, lane_ids: Sequence[int]) -> None:
        async with asyncio.TaskGroup() as group:
            for lane_id in lane_ids:
                await self._places.acquire()
                if self._is_leaving:
                    return
                group.create_task(self._work_one(lane_id)).add_done_callback(lambda _: self._places.release())

    async def _work_one(self, lane_id: int) -> None:
        structlog.contextvars.bind_contextvars(lane=lane_id)  # this task's lines, and those of what it starts
        assignment = None if self._is_leaving else await self._ask(self._desk.claim, lane_id)
        if assignment is None:
            return
        work = assignment.work
        log.info("lane_claimed", strategy=work.strategy, fence=work.fence, is_resumed=work.is_resumed)
        with metrics.LANES_HELD.track_inprogress(), self._follow(assignment, self._outbox.emit) as emit:
            await self._run_lane(assignment, emit)

    async def _run_lane(self, assignment: Assignment, emit: Emit) -> None:
        work, lane_id = assignment.work, assignment.work.lane
        now = asyncio.get_running_loop().time
        began = now() - assignment.run_age_ms / 1000
        lane = LaneRun(
            work,
            model=ReplayModel(assignment.journal, self._model) if assignment.journal else self._model,
            emit=emit,
            clock=lambda: round((now() - began) * 1000),
            equal=_are_equal,
        )
        self._fences[lane_id] = work.fence
        self._active[lane_id] = lane
        if self._is_leaving:  # the order came while the lane was being claimed
            return
        task = lane.start()
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            lane.abandon()
            await asyncio.wait([task])
            raise
        if not self._is_leaving:  # then it stays among the active: `_leave` hands it over
            self._active.pop(lane_id, None)

    async def _keep_pulse(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            beats += 1
            await self._check_in(renew=beats % RENEW_EVERY == 0)

    async def _check_in(self, *, renew: bool) -> None:
        now = asyncio.get_running_loop().time()
        pulse = await self._ask(self._desk.check_in, {lane: self._fences[lane] for lane in self._active}, renew)
        self._checked_in_at = now
        self._let_go(pulse.lost)
        if pulse.is_cancelled:
            for lane in list(self._active.values()):
                lane.stop()

    async def _save(self, facts: Sequence[Event], prompts: dict[str, str]) -> None:
        while facts := [fact for fact in facts if fact.lane not in self._lost]:
            try:
                with metrics.SAVE_SECONDS.time():
                    self._saved.append(await self._ask(self._desk.save, facts, self._fences, prompts))
                return
            except FencedOff as refusal:
                self._let_go(refusal.lane_ids)

    async def _publish_all(self, events: Sequence[Event], since: float) -> None:
        saved, self._saved = self._saved, []
        if asyncio.get_running_loop().time() - self._checked_in_at > LONGEST_SILENCE_SECONDS:
            await self._check_in(renew=False)  # this process was halted; texts, unlike facts, pass no fence
        ours = [event for event in events if event.lane not in self._lost]
        for each in saved:
            ours = [each.known.get((event.lane, event.identity), event) if event.is_fact else event for event in ours]
            ours += each.following
        if ours:
            await self._publish(ours, since)

    def _let_go(self, lane_ids: Iterable[int]) -> None:
        """Stop working on lanes that somebody else has claimed, and write nothing more of them."""
        for lane_id in lane_ids:
            log.warning("lane_lost", lane=lane_id)
            metrics.LANES_LOST.inc()
            self._lost.add(lane_id)
            if lane_id in self._active:
                self._active.pop(lane_id).abandon()

    async def _leave(self) -> None:
        unfinished = {lane: self._fences[lane] for lane in self._active}
        if not self._is_cut_off:
            with suppress(Exception):  # what cannot be written now is found by the sweep when its lease has run out
                await self._outbox.flush()
                if unfinished:
                    await self._ask(self._desk.give_up, unfinished)
        await self._ask(self._desk.leave)
        _idle_threads.append(self._thread)

    async def _ask(self, verb: Callable[..., T], *args: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, partial(contextvars.copy_context().run, verb, *args)
            )
        except FencedOff:
            raise
        except Exception:
            self._is_cut_off = True
            raise


async def _are_equal(one: str, other: str) -> bool:
    return await asyncio.to_thread(are_equal, one, other)
