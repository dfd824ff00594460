"""One call: what it tells while it is written, and how it ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.call import MARK_EVERY_MS, LiveCall
from workers.core.errors import StreamCut
from workers.core.events import CallRestarted, TextDelta
from workers.core.model import Chunk, Message, Request
from workers.core.values import Usage


def make_call(*, prompt: str = "Why?", offers_solution: bool = True) -> LiveCall:
    request = Request(
        key="draft-1", role="draft", messages=(Message("user", prompt),), model="scripted", temperature=1, top_p=1,
        max_tokens=100, seed=7,
    )  # fmt: skip
    call = LiveCall(1, request, 1, (), offers_solution=offers_solution)
    call.started(1_000)
    return call


def feed(call: LiveCall, *chunks: Chunk) -> list[TextDelta | CallRestarted]:
    return [event for at, chunk in enumerate(chunks) for event in call.take(chunk, 1_000 + at)]


STOP = Chunk(finish_reason="stop")


def test_the_start_tells_all_that_is_asked():
    started = make_call(prompt="Warum?").started(5)

    assert (started.at, started.call, started.role, started.round, started.seed, started.max_tokens) == (
        5, "draft-1", "draft", 1, 7, 100,
    )  # fmt: skip
    assert len(started.prompt) == 64
    assert started.prompt != make_call(prompt="Why?").started(5).prompt


def test_a_delta_says_where_it_begins_in_what_browsers_count():
    deltas = feed(make_call(), Chunk("a🙂"), Chunk("é"), Chunk("𝒙!"), Chunk("b"))

    assert [(d.start, d.text) for d in deltas if isinstance(d, TextDelta)] == [
        (0, "a🙂"),
        (3, "é"),
        (4, "𝒙!"),
        (7, "b"),
    ]


@given(st.lists(st.text(max_size=5), max_size=8))
def test_deltas_follow_each_other_without_gap(texts: list[str]):
    call = make_call()
    deltas = [delta for delta in feed(call, *map(Chunk, texts), STOP) if isinstance(delta, TextDelta)]

    units = b""
    for delta in deltas:
        assert delta.start == len(units) // 2
        units += delta.text.encode("utf-16-le")
    assert call.finish(2_000)[0].text == units.decode("utf-16-le")


def test_thinking_and_answer_are_counted_apart():
    deltas = feed(make_call(), Chunk(thinking="Hm. "), Chunk("So", thinking="Ah."), Chunk(" 42"))

    assert [(d.channel, d.start, d.text) for d in deltas if isinstance(d, TextDelta)] == [
        ("thinking", 0, "Hm. "), ("thinking", 4, "Ah."), ("answer", 0, "So"), ("answer", 2, " 42")
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=["NUL", "a lone surrogate"])
def test_what_no_database_holds_is_replaced(text: str):
    call = make_call()
    [delta] = feed(call, Chunk(text))

    assert isinstance(delta, TextDelta)
    assert delta.text == "a\ufffdb"
    assert delta.model_dump_json()


def test_a_finished_call_tells_everything():
    call = make_call()
    usage = Usage(prompt_tokens=9, completion_tokens=6, reasoning_tokens=1)
    feed(call, Chunk(thinking="Hm.", tokens=1), Chunk("It is ", tokens=2), Chunk("\\boxed{42}", tokens=3))
    feed(call, Chunk(finish_reason="stop", usage=usage))

    reply, finished = call.finish(2_000)

    assert (reply.key, reply.text, reply.thinking, reply.answer) == ("draft-1", "It is \\boxed{42}", "Hm.", "42")
    assert reply.usage == finished.usage == usage
    assert (finished.finish_reason, finished.answer, finished.first_token_at, finished.retries) == (
        "stop", "42", 1_000, 0,
    )  # fmt: skip
    assert call.state == "done"
    assert not call.spent().is_wasted


def test_a_call_that_offers_no_solution_gives_no_answer():
    call = make_call(offers_solution=False)
    feed(call, Chunk("\\boxed{42}"), STOP)

    assert call.finish(2_000)[0].answer is None
    assert not call.spent().is_wasted


def test_a_stream_that_ends_without_a_reason_is_cut():
    call = make_call()
    feed(call, Chunk("It is \\boxed{42}", tokens=8))

    with pytest.raises(StreamCut) as cut:
        call.finish(2_000)

    assert str(cut.value) == (
        "The model server closed the stream after 8 tokens with no finish reason; the text is kept as cut off."
    )
    failed = call.failed(2_000, str(cut.value))
    assert (failed.text, failed.usage.completion_tokens) == ("It is \\boxed{42}", 8)
    assert call.spent().is_wasted


def test_a_usage_that_comes_after_the_reason_counts():
    call = make_call()
    feed(call, Chunk("42", tokens=1), STOP, Chunk(usage=Usage(prompt_tokens=5, completion_tokens=2)))

    assert call.is_complete
    assert call.finish(2_000)[1].usage == Usage(prompt_tokens=5, completion_tokens=2)


def test_tokens_are_estimated_where_the_server_does_not_count():
    call = make_call(prompt="x" * 40)
    feed(call, Chunk("42", tokens=3), STOP)

    assert call.finish(2_000)[1].usage == Usage(prompt_tokens=10, completion_tokens=3)


def test_a_restart_voids_the_text_but_not_the_tokens():
    call = make_call()
    again = Chunk("whole", tokens=1, restarted="The connection broke.")
    events = feed(call, Chunk("Half a", thinking="Hm", tokens=4), again, STOP)

    reply, finished = call.finish(2_000)

    restarted = events[2]
    assert isinstance(restarted, CallRestarted)
    assert (restarted.retry, restarted.error, restarted.abandoned_tokens) == (1, "The connection broke.", 4)
    assert isinstance(events[3], TextDelta)
    assert (events[3].start, events[3].text) == (0, "whole")
    assert (reply.text, reply.thinking, finished.retries, finished.first_token_at) == ("whole", "", 1, 1_001)
    assert (call.spent().given_up.tokens, call.spent().given_up.retries) == (4, 1)


def test_a_second_restart_adds_up():
    call = make_call()
    feed(call, Chunk("a", tokens=2), Chunk(restarted="One."), Chunk("b", tokens=3), Chunk(restarted="Two."), STOP)

    assert (call.spent().given_up.tokens, call.spent().given_up.retries) == (5, 2)


@pytest.mark.parametrize(
    ("text", "reason", "wasted"),
    [("\\boxed{1}", "stop", False), ("\\boxed{1}", "length", True), ("no answer", "stop", True)],
)
def test_waste_is_what_was_cut_off_or_gives_no_answer(text: str, reason: str, wasted: bool):
    call = make_call()
    feed(call, Chunk(text), Chunk(finish_reason=reason))  # type: ignore[arg-type]
    call.finish(2_000)

    assert call.spent().is_wasted is wasted


def test_a_call_that_offers_no_solution_may_be_cut_off_on_purpose():
    call = make_call(offers_solution=False)
    feed(call, Chunk("Hm."), Chunk(finish_reason="length"))
    call.finish(2_000)

    assert not call.spent().is_wasted


def test_a_cancelled_call_keeps_what_it_wrote():
    call = make_call()
    feed(call, Chunk("It is", thinking="Hm", tokens=2))

    cancelled = call.cancelled(2_000)

    assert (cancelled.text, cancelled.thinking, cancelled.usage.completion_tokens) == ("It is", "Hm", 2)
    assert call.spent().is_wasted


def test_a_cancelled_call_counts_the_prompt_as_the_server_did_while_writing():
    call = make_call()
    feed(call, Chunk(prompt_tokens=23), Chunk("It is", tokens=2))

    assert call.tokens_so_far == 25
    assert call.cancelled(2_000).usage == Usage(prompt_tokens=23, completion_tokens=2)


def test_a_call_that_wrote_nothing_cost_nothing():
    call = make_call()

    assert call.failed(2_000, "down").usage == Usage()


def test_marks_are_few_and_rise():
    call = make_call()
    for at in range(0, 1_000, 5):
        list(call.take(Chunk("ab"), 1_000 + at))
    list(call.take(STOP, 2_000))

    marks = call.finish(2_000)[1].marks

    assert all(one[0] + MARK_EVERY_MS <= other[0] and one[1] < other[1] for one, other in pairwise(marks))
    assert marks[-1][1] == 400
