"""A connection on which nothing happens is kept open; one that takes nothing is given up, one that reads never."""

import asyncio
import selectors

import pytest

from webapp.runs.frames import HEARTBEAT, Frame
from webapp.runs.sharing import Place, SharedSnapshot
from webapp.runs.viewers import HEARTBEAT_SECONDS, LONGEST_WAIT_SECONDS, MOST_AT_ONCE_BYTES, SlowViewer, Viewer
from workers.live.stream import ENTRY_BYTES, Position


class JumpingSelector(selectors.DefaultSelector):
    """Does not wait: it says how long it would have."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.skipped += timeout or 0
        return super().select(timeout and 0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Knows no time but that which would have been waited: nothing takes longer on a busy machine."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.skipped


class Quiet:
    """A run in which nothing happens: whoever comes has got as far as everybody."""

    def join(self, viewer: Viewer) -> bool:
        return True

    def leave(self, viewer: Viewer) -> None:
        pass

    async def page_after(self, place: Place, position: Position) -> Frame | None:
        raise NotImplementedError

    async def snapshot(self, place: Place, *, newest: bool = False) -> SharedSnapshot:
        raise NotImplementedError


def new_viewer() -> Viewer:
    return Viewer(Quiet(), Place(None, None), Position("e", 1))


def test_a_viewer_of_a_quiet_run_gets_signs_of_life() -> None:
    taken: list[tuple[float, Frame]] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        viewer, began = new_viewer(), loop.time()

        async def take(frame: Frame) -> None:
            taken.append((loop.time() - began, frame))
            if len(taken) == 2:
                viewer.hang_up()

        await viewer.watch(take)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(watch())

    assert [frame for _, frame in taken] == [HEARTBEAT, HEARTBEAT]
    assert [number * HEARTBEAT_SECONDS <= at for number, (at, _) in enumerate(taken, 1)] == [True, True]


def test_a_viewer_that_reads_takes_a_burst_of_many_megabytes() -> None:
    burst = [Frame("x" * ENTRY_BYTES, Position("e", offset)) for offset in range(2, 42)]
    taken: list[Frame] = []

    async def watch() -> None:
        viewer = new_viewer()

        async def take(frame: Frame) -> None:
            taken.append(frame)
            await asyncio.sleep(0.03)
            if len(taken) == len(burst):
                viewer.hang_up()

        for frame in burst:
            viewer.push(frame)
        await viewer.watch(take)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(watch())

    assert taken == burst


def test_a_burst_has_a_bound_too() -> None:
    async def take(frame: Frame) -> None:
        raise AssertionError("Nothing is kept that could be sent.")

    async def watch() -> None:
        viewer = new_viewer()
        for offset in range(MOST_AT_ONCE_BYTES // ENTRY_BYTES + 1):
            viewer.push(Frame("x" * ENTRY_BYTES, Position("e", 2 + offset)))
        with pytest.raises(SlowViewer):
            await viewer.watch(take)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(watch())


def test_a_viewer_that_does_not_take_a_frame_in_time_is_given_up() -> None:
    async def never_take(frame: Frame) -> None:
        await asyncio.Event().wait()

    async def watch() -> float:
        loop = asyncio.get_running_loop()
        viewer, began = new_viewer(), loop.time()
        viewer.push(Frame('{"events":[]}', Position("e", 2)))
        with pytest.raises(SlowViewer):
            await viewer.watch(never_take)
        return loop.time() - began

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(watch()) >= LONGEST_WAIT_SECONDS
