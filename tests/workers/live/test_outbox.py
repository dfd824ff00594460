"""What leaves the outbox, in which order, and how much of it is merged."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core import events
from workers.core.events import Event
from workers.core.ledger import sum_up
from workers.core.values import Usage
from workers.live.outbox import Outbox


class Outside:
    """Keeps what was saved and published, in order."""

    def __init__(self) -> None:
        self.saved: list[Event] = []
        self.prompts: dict[str, str] = {}
        self.frames: list[list[Event]] = []
        self.since: list[float] = []
        self.facts_unsaved_when_published: list[Event] = []

    async def save(self, facts: Sequence[Event], prompts: dict[str, str]) -> None:
        await asyncio.sleep(0)
        self.saved += facts
        self.prompts |= prompts

    async def publish(self, batch: Sequence[Event], since: float) -> None:
        self.frames.append(list(batch))
        self.since.append(since)
        self.facts_unsaved_when_published += [event for event in batch if event.is_fact and event not in self.saved]


def delta(call: str, start: int, text: str, tokens: int = 1) -> events.TextDelta:
    return events.TextDelta(lane=1, at=0, call=call, channel="answer", start=start, text=text, tokens=tokens)


def finished(call: str, text: str) -> events.CallFinished:
    return events.CallFinished(
        lane=1, at=0, call=call, text=text, thinking="", answer=None, finish_reason="stop", usage=Usage(),
        first_token_at=0, marks=(), retries=0,
    )  # fmt: skip


def count(lane: int, round_index: int, *calls: str) -> events.VotesCounted:
    return events.VotesCounted(
        lane=lane, at=0, round=round_index, tallies=(events.Tally(answer="42", calls=calls),), silent=(), expected=9
    )


def ended() -> events.LaneFinished:
    return events.LaneFinished(lane=1, at=0, ledger=sum_up([]), seconds=0, stopped_by="")


def restarted(call: str) -> events.CallRestarted:
    return events.CallRestarted(lane=1, at=0, call=call, retry=1, error="cut", abandoned_tokens=1)


async def test_texts_of_a_call_that_wait_leave_as_one() -> None:
    outside = Outside()
    outbox = Outbox(outside.save, outside.publish)

    for position, letter in enumerate("abc"):
        outbox.emit(delta("draft-1", position, letter, tokens=position + 1))
    outbox.emit(delta("draft-2", 0, "x"))
    await outbox.flush()

    assert outside.frames == [[delta("draft-1", 0, "abc", tokens=3), delta("draft-2", 0, "x")]]


async def test_a_batch_tells_when_its_oldest_event_happened() -> None:
    outside = Outside()
    outbox = Outbox(outside.save, outside.publish)

    times = []
    for _ in range(2):
        outbox.emit(delta("draft-1", 0, "old"))
        times.append(time.time())
        await asyncio.sleep(0.05)
        outbox.emit(delta("draft-1", 3, "new"))
        await outbox.flush()

    assert [told <= happened for told, happened in zip(outside.since, times, strict=True)] == [True, True]
    assert outside.since[1] > times[0] + 0.05


async def test_text_behind_a_restart_is_not_merged_into_text_before_it() -> None:
    outside = Outside()
    outbox = Outbox(outside.save, outside.publish)

    for event in (delta("draft-1", 0, "old"), restarted("draft-1"), delta("draft-1", 0, "new")):
        outbox.emit(event)
    await outbox.flush()

    assert outside.frames == [[delta("draft-1", 0, "old"), restarted("draft-1"), delta("draft-1", 0, "new")]]


async def test_of_the_counts_of_a_vote_that_wait_the_last_one_leaves() -> None:
    outside = Outside()
    outbox = Outbox(outside.save, outside.publish)

    for lane, round_index, calls in ((1, 1, "a"), (1, 1, "ab"), (2, 1, "a"), (1, 2, "c"), (1, 1, "abd")):
        outbox.emit(count(lane, round_index, *calls))
    outbox.emit(finished("e", "42"))
    await outbox.flush()
    outbox.emit(count(1, 1, *"abde"))
    await outbox.flush()

    first, second = outside.frames
    assert first == [count(2, 1, "a"), count(1, 2, "c"), count(1, 1, *"abd"), finished("e", "42")]
    assert second == [count(1, 1, *"abde")]
    assert outside.saved == [*first, *second]


async def test_facts_are_saved_before_they_are_published() -> None:
    outside = Outside()
    outbox = Outbox(outside.save, outside.publish)
    writer = asyncio.create_task(outbox.run())

    for event in (delta("draft-1", 0, "42"), finished("draft-1", "42")):
        outbox.emit(event)
    outbox.close()
    await writer

    assert outside.saved == [finished("draft-1", "42")]
    assert outside.facts_unsaved_when_published == []


async def test_the_last_calls_and_the_end_of_a_lane_are_stored_at_once() -> None:
    outside = Outside()
    outbox = Outbox(outside.save, outside.publish)
    writer = asyncio.create_task(outbox.run())
    facts: list[Event] = [finished("draft-1", "42"), finished("draft-2", "42"), ended()]

    for fact in facts:  # in one step each: more come while the first is waited with
        outbox.emit(fact)
        await asyncio.sleep(0)
    while not outside.saved:  # noqa: ASYNC110
        await asyncio.sleep(0.01)

    assert outside.frames == [facts]
    outbox.close()
    await writer


async def test_a_fault_while_saving_reaches_whoever_runs_the_outbox() -> None:
    async def refuse(facts: Sequence[Event], prompts: dict[str, str]) -> None:
        raise OSError("the database is away")

    outside = Outside()
    outbox = Outbox(refuse, outside.publish)
    writer = asyncio.create_task(outbox.run())

    outbox.emit(finished("draft-1", "42"))

    with pytest.raises(OSError, match="the database is away"):
        await writer
    assert outside.frames == []


@given(st.lists(st.tuples(st.sampled_from(["draft-1", "draft-2"]), st.text(min_size=1), st.booleans())))
def test_nothing_is_lost_or_reordered_however_it_is_flushed(script: list[tuple[str, str, bool]]) -> None:
    outside = Outside()
    written = {"draft-1": "", "draft-2": ""}

    async def play() -> None:
        outbox = Outbox(outside.save, outside.publish)
        for call, text, flush in script:
            start = len(written[call].encode("utf-16-le", "surrogatepass")) // 2
            outbox.emit(delta(call, start, text))
            written[call] += text
            if flush:
                await outbox.flush()
        await outbox.flush()

    asyncio.run(play())

    published = {"draft-1": "", "draft-2": ""}
    for event in (event for frame in outside.frames for event in frame if isinstance(event, events.TextDelta)):
        assert event.start == len(published[event.call].encode("utf-16-le", "surrogatepass")) // 2
        published[event.call] += event.text
    assert published == written
