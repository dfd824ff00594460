"""What all tasks of a worker process share: one event loop, and the clients that are opened in it."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Generic, NamedTuple, TypeVar

import uvloop

from workers.crew import Crew

Tools = TypeVar("Tools")


class _Open(NamedTuple, Generic[Tools]):
    loop: asyncio.AbstractEventLoop
    tools: Tools


class Workplace(Generic[Tools]):
    """An event loop in a thread of its own, started with the first task; the threads of tasks only wait for it.

    So one limit, one connection pool and one Redis client serve every lane of the process.
    """

    def __init__(self, open_tools: Callable[[], AbstractAsyncContextManager[Tools]]) -> None:
        """Take what opens the tools that crews need; it is entered once, inside the loop."""
        self.is_closing = False
        self._open_tools = open_tools
        self._opened: Future[_Open[Tools]] | None = None
        self._lock = threading.Lock()
        self._crews: set[Crew] = set()

    def work(self, form_crew: Callable[[Tools], Crew], lane_ids: Sequence[int]) -> None:
        """Let a crew work on lanes until they have ended or are handed over. Blocks its thread, not the loop."""
        loop, tools = self._open().result()
        asyncio.run_coroutine_threadsafe(self._work(form_crew(tools), lane_ids), loop).result()

    def close(self) -> None:
        """Have every crew hand its lanes over; a later one begins nothing. May be called by a signal's handler."""
        self.is_closing = True
        if self._opened and self._opened.done() and not self._opened.exception():
            self._opened.result().loop.call_soon_threadsafe(self._hand_over_all)

    async def _work(self, crew: Crew, lane_ids: Sequence[int]) -> None:
        self._crews.add(crew)
        try:
            if not self.is_closing:  # asked after the crew is known to `_hand_over_all`
                await crew.work(lane_ids)
        finally:
            self._crews.discard(crew)

    def _hand_over_all(self) -> None:
        for crew in self._crews:
            crew.hand_over()

    def _open(self) -> Future[_Open[Tools]]:
        with self._lock:
            if self._opened is None:
                self._opened = Future()
                threading.Thread(target=self._run, args=(self._opened,), name="lanes", daemon=True).start()
            return self._opened

    def _run(self, opened: Future[_Open[Tools]]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._keep_open(opened))

    async def _keep_open(self, opened: Future[_Open[Tools]]) -> None:
        try:
            async with self._open_tools() as tools:
                opened.set_result(_Open(asyncio.get_running_loop(), tools))
                await asyncio.Event().wait()
        except Exception as error:  # each task that asks for the tools is told
            opened.set_exception(error)
