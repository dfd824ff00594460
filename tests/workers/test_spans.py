"""A run as spans: what joins what, what they say, and what they keep to themselves."""

import hashlib
from collections.abc import Iterator
from itertools import pairwise

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from workers.core import events
from workers.core.assignments import Assignment, LaneWork, Recorded
from workers.core.events import Ledger
from workers.core.values import Usage
from workers.spans import Exported, Spans

SERVER = "https://gpu.example.org/v1"
PROMPT = '[["user", "How many legs have two cats?"]]'


@pytest.fixture
def finished() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    yield exporter
    exporter.shutdown()


def make_spans(finished: InMemorySpanExporter, *, has_texts: bool = False) -> Spans:
    return Spans(SimpleSpanProcessor(finished), Exported(SERVER, has_texts), "1.2")


def make_assignment(lane: int = 7, journal: dict[str, Recorded] | None = None) -> Assignment:
    work = LaneWork(
        lane=lane, fence=1, is_resumed=bool(journal), strategy="direct", params={}, model_name="smol",
        sampling={"temperature": 0.5, "top_p": 0.9, "max_tokens": 100}, question="", reference="", grader="number",
        grader_input={}, seed=1, budget_tokens=None, budget_seconds=None,
    )  # fmt: skip
    return Assignment(work, journal or {}, 0)


def started(call: str, round_index: int = 0) -> events.CallStarted:
    digest = hashlib.sha256(PROMPT.encode()).hexdigest()
    return events.CallStarted(
        lane=7, at=0, call=call, round=round_index, role="draft", prompt=digest, seed=3, max_tokens=100, after=()
    )


def done(call: str) -> events.CallFinished:
    return events.CallFinished(
        lane=7, at=9, call=call, text="Eight.", thinking="", answer="8", finish_reason="stop",
        usage=Usage(prompt_tokens=11, completion_tokens=2), first_token_at=5, marks=(), retries=0,
    )  # fmt: skip


def failed(call: str) -> events.CallFailed:
    error = "It said: How many legs have two cats?"
    return events.CallFailed(lane=7, at=9, call=call, error=error, text="Ei", thinking="", usage=Usage())


def play(spans: Spans, *told: events.Event, assignment: Assignment | None = None, run: str = "run-1") -> None:
    heard: list[events.Event] = []
    with spans.follow_lane(run, assignment or make_assignment(), lambda event, _: heard.append(event)) as emit:
        for event in told:
            emit(event, PROMPT if isinstance(event, events.CallStarted) else None)
    assert heard == list(told)


def by_name(finished: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in finished.get_finished_spans()}


def test_a_call_is_in_its_round_its_lane_and_its_run(finished: InMemorySpanExporter) -> None:
    spans = make_spans(finished)
    opened = events.RoundOpened(lane=7, at=0, index=1, name="draft")

    play(spans, opened, started("draft-1", 1), done("draft-1"), events.RoundClosed(lane=7, at=9, index=1))
    spans.end_run("run-1", events.RunEnded(lane=0, at=9, status="finished"))

    named = by_name(finished)
    chain = [named[name] for name in ("chat smol", "round draft", "invoke_workflow direct", "run")]
    for inner, outer in pairwise(chain):
        assert inner.parent is not None
        assert outer.context is not None
        assert (inner.parent.trace_id, inner.parent.span_id) == (outer.context.trace_id, outer.context.span_id)
    assert chain[-1].parent is None


def test_a_call_says_what_the_conventions_name(finished: InMemorySpanExporter) -> None:
    play(make_spans(finished), started("draft-1"), done("draft-1"))

    call = by_name(finished)["chat smol"]
    assert call.kind is SpanKind.CLIENT
    assert dict(call.attributes or {}) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "smol",
        "gen_ai.request.max_tokens": 100, "gen_ai.request.seed": 3, "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9, "gen_ai.response.finish_reasons": ("stop",), "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 2, "server.address": "gpu.example.org", "server.port": 443,
        "retort.call": "draft-1", "retort.role": "draft",
    }  # fmt: skip
    assert call.resource.attributes["service.version"] == "1.2"


def test_the_first_token_and_a_retry_are_moments_of_the_call(finished: InMemorySpanExporter) -> None:
    deltas = [
        events.TextDelta(lane=7, at=n, call="draft-1", channel="answer", start=n, text="x", tokens=n) for n in (1, 2)
    ]
    again = events.CallRestarted(lane=7, at=3, call="draft-1", retry=1, error="cut", abandoned_tokens=2)

    play(make_spans(finished), started("draft-1"), *deltas, again, done("draft-1"))

    moments = [(event.name, dict(event.attributes or {})) for event in by_name(finished)["chat smol"].events]
    assert moments == [("first_token", {}), ("request_again", {"retry": 1, "abandoned_tokens": 2})]


def test_failures_are_marked_without_their_words(finished: InMemorySpanExporter) -> None:
    lane_failed = events.LaneFailed(lane=7, at=9, error="two cats", ledger=Ledger(), seconds=1)

    play(make_spans(finished), started("draft-1"), failed("draft-1"), lane_failed)

    for span in finished.get_finished_spans():
        assert span.status.status_code is StatusCode.ERROR
        assert "cats" not in span.to_json()


def test_texts_go_along_only_if_asked_for(finished: InMemorySpanExporter) -> None:
    play(make_spans(finished), started("draft-1"), done("draft-1"))
    silent = by_name(finished)["chat smol"].to_json()
    finished.clear()

    play(make_spans(finished, has_texts=True), started("draft-1"), done("draft-1"))

    assert "cats" not in silent
    assert "Eight" not in silent
    quoted = by_name(finished)["chat smol"].attributes or {}
    assert quoted["gen_ai.input.messages"] == (
        '[{"role": "user", "parts": [{"type": "text", "content": "How many legs have two cats?"}]}]'
    )
    assert '"content": "Eight."' in str(quoted["gen_ai.output.messages"])


def test_lanes_of_one_run_join_whichever_worker_had_them(finished: InMemorySpanExporter) -> None:
    play(make_spans(finished))
    play(make_spans(finished), assignment=make_assignment(lane=8))
    play(make_spans(finished), run="run-2")

    one, other, stranger = (span.context.trace_id for span in finished.get_finished_spans() if span.context)
    assert one == other != stranger


def test_a_call_that_is_answered_from_the_journal_is_not_told_twice(finished: InMemorySpanExporter) -> None:
    recorded = Recorded(started("draft-1").prompt, "Eight.", "", "stop", Usage())

    play(make_spans(finished), started("draft-1"), done("draft-1"), started("draft-2"), done("draft-2"),
         assignment=make_assignment(journal={"draft-1": recorded}))  # fmt: skip

    calls = [span.attributes for span in finished.get_finished_spans() if span.name == "chat smol"]
    assert [(attributes or {})["retort.call"] for attributes in calls] == ["draft-2"]


def test_a_lane_that_is_handed_over_leaves_no_span_open(finished: InMemorySpanExporter) -> None:
    play(make_spans(finished), events.RoundOpened(lane=7, at=0, index=1, name="draft"), started("draft-1", 1))

    assert by_name(finished).keys() == {"chat smol", "round draft", "invoke_workflow direct"}
    assert (by_name(finished)["chat smol"].attributes or {})["retort.left_open"] is True
