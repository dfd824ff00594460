"""A connection on which nothing happens is kept open, one that takes nothing is given up. The loop has a fast clock."""

import asyncio
import selectors

import pytest

from webapp.runs.frames import HEARTBEAT, Frame
from webapp.runs.sharing import Place, SharedSnapshot
from webapp.runs.viewers import HEARTBEAT_SECONDS, LONGEST_WAIT_SECONDS, SlowViewer, Viewer
from workers.live.stream import Position

HASTE = 50


class HastySelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None else timeout / HASTE)


class FastLoop(asyncio.SelectorEventLoop):
    """Lets a second pass in 20 ms."""

    def __init__(self) -> None:
        super().__init__(HastySelector())

    def time(self) -> float:
        return super().time() * HASTE


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

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(watch())

    assert [frame for _, frame in taken] == [HEARTBEAT, HEARTBEAT]
    assert [number * HEARTBEAT_SECONDS <= at for number, (at, _) in enumerate(taken, 1)] == [True, True]


def test_a_viewer_that_reads_takes_a_burst_of_many_megabytes() -> None:
    burst = [Frame("x" * 256 * 1024, Position("e", offset)) for offset in range(2, 42)]
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

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(watch())

    assert taken == burst


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

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        assert runner.run(watch()) >= LONGEST_WAIT_SECONDS
