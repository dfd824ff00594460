"""Streams are read at a beat; where they are many, at every second one. The loop's time passes at once."""

import asyncio
import selectors

import pytest

from workers.backends._pace import MANY_STREAMS, Beat


class Impatient(selectors.DefaultSelector):
    """Waits for nothing, and counts what it should have waited."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.waited += timeout or 0
        return super().select(0)


class Timeless(asyncio.SelectorEventLoop):
    """Lets no time pass but what it waits for."""

    def __init__(self) -> None:
        self._waits = Impatient()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.waited


@pytest.mark.parametrize(
    ("streams", "beats"),
    [(1, [1, 2, 3, 4]), (MANY_STREAMS, [1, 2, 3, 4]), (MANY_STREAMS + 1, [1, 2, 4, 6]), (300, [1, 2, 4, 6])],
)
def test_streams_are_read_at_the_beat_or_at_every_second_one(streams: int, beats: list[int]) -> None:
    beat, read_at = Beat(), list[float]()

    async def follow(number: int) -> None:
        for _ in range(4):
            await beat.next()
            if number == 0:
                read_at.append(asyncio.get_running_loop().time())

    async def follow_all() -> None:
        await asyncio.gather(*(follow(number) for number in range(streams)))

    with asyncio.Runner(loop_factory=Timeless) as runner:
        runner.run(follow_all())

    assert read_at == pytest.approx([0.04 * number for number in beats])
