"""What lanes do, as OpenTelemetry spans: a run holds lanes, a lane rounds, a round calls. Imported only if configured.

Built from the lanes' events alone, so strategies and lanes know nothing of it. A run spans several workers: its trace
and its own span are named by the run's id, so that all of them join it without a word between them.
Source: OpenTelemetry's semantic conventions for generative AI (in development; names as of version 1.41).
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from workers.core import events
from workers.core.assignments import Assignment

Emit = Callable[[events.Event, str | None], None]
Attributes = Mapping[str, str | int | float | bool | list[str]]


class Exported(NamedTuple):
    """What spans say of the model server, and whether they quote."""

    base_url: str
    has_texts: bool = False
    """Prompts and texts go along."""


class Spans:
    """Makes spans and hands them to `processor`."""

    def __init__(self, processor: SpanProcessor, exported: Exported, version: str = "") -> None:
        """Take where finished spans go; attributes of the process come from OTEL_RESOURCE_ATTRIBUTES too."""
        named = {"service.name": "retort", **({"service.version": version} if version else {})}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._processor = processor
        self._tracer = self._provider.get_tracer("retort", version)
        server = urlsplit(exported.base_url)
        port = server.port or (443 if server.scheme == "https" else 80)
        self._server: Attributes = {"server.address": server.hostname or "", "server.port": port}
        self._has_texts = exported.has_texts

    @contextmanager
    def follow_lane(self, run_id: str, assignment: Assignment, emit: Emit) -> Iterator[Emit]:
        """Yield an `emit` that makes spans of what it passes on; what is open at the end is ended then."""
        lane = _LaneSpans(self, run_id, assignment, emit)
        try:
            yield lane.emit
        finally:
            lane.end()

    def end_run(self, run_id: str, ended: events.RunEnded) -> None:
        """Tell of a whole run, now that it has ended."""
        now = time.time_ns()
        failed = ended.status == "failed"
        self._processor.on_end(
            ReadableSpan(
                "run", _run_context(run_id), resource=self._provider.resource,
                attributes={"retort.run.id": run_id, "retort.status": ended.status}, kind=SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=now - ended.at * 1_000_000, end_time=now,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Hand on what is left."""
        self._provider.shutdown()

    def begin(self, name: str, parent: Context, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL) -> Span:
        """Return a new span."""
        return self._tracer.start_span(name, parent, kind, attributes)

    def describe_call(self, assignment: Assignment, call: events.CallStarted, prompt: str | None) -> Attributes:
        """Return what a call's span says when it begins."""
        sampling = {name: assignment.work.sampling[name] for name in ("temperature", "top_p")
                    if name in assignment.work.sampling}  # fmt: skip
        quoted = {"gen_ai.input.messages": _as_messages(prompt)} if self._has_texts and prompt else {}
        return {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",  # the interface; the host says who
            "gen_ai.request.model": call.model or assignment.work.model_name,
            "gen_ai.request.max_tokens": call.max_tokens, "gen_ai.request.seed": call.seed,
            **{f"gen_ai.request.{name}": value for name, value in sampling.items()},
            "retort.call": call.call, "retort.role": call.role, **self._server, **quoted,
        }  # fmt: skip

    def describe_text(self, text: str, finish_reason: str) -> Attributes:
        """Return the text of a call, if texts go along."""
        if not self._has_texts:
            return {}
        part = {"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": finish_reason}
        return {"gen_ai.output.messages": json.dumps([part], ensure_ascii=False)}


class _LaneSpans:
    """The spans of one lane at one worker."""

    def __init__(self, spans: Spans, run_id: str, assignment: Assignment, emit: Emit) -> None:
        work = assignment.work
        self._spans, self._assignment, self._emit = spans, assignment, emit
        self._lane = spans.begin(
            f"invoke_workflow {work.strategy}",
            set_span_in_context(NonRecordingSpan(_run_context(run_id)), Context()),
            {
                "gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": work.strategy,
                "gen_ai.request.model": work.model_name, "retort.run.id": run_id, "retort.lane.id": work.lane,
                "retort.fence": work.fence,
            },
        )  # fmt: skip
        self._rounds: dict[int, Span] = {}
        self._calls: dict[str, Span] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            events.RoundOpened: self._open_round, events.RoundClosed: self._close_round,
            events.TextDelta: self._hear_text, events.CallRestarted: self._restart_call,
            events.CallFinished: self._finish_call, events.CallFailed: self._fail_call,
            events.CallCancelled: self._cancel_call, events.LaneFailed: self._fail_lane,
        }  # fmt: skip
        self._silent: set[str] = set()
        """Calls that have begun and written nothing yet."""

    def emit(self, event: events.Event, prompt: str | None = None) -> None:
        """Pass an event on, and make of it what it means."""
        self._emit(event, prompt)
        if isinstance(event, events.CallStarted):
            self._start_call(event, prompt)
        elif (handler := self._handlers.get(type(event))) is not None:
            handler(event)

    def end(self) -> None:
        """End everything: the lane has ended, or goes on elsewhere."""
        for span in (*self._calls.values(), *self._rounds.values()):
            span.set_attribute("retort.left_open", True)  # noqa: FBT003  OpenTelemetry's signature
            span.end()
        self._lane.end()

    def _open_round(self, event: events.RoundOpened) -> None:
        parent = set_span_in_context(self._lane, Context())
        self._rounds[event.index] = self._spans.begin(f"round {event.name}", parent, {"retort.round": event.index})

    def _close_round(self, event: events.RoundClosed) -> None:
        if span := self._rounds.pop(event.index, None):
            span.end()

    def _start_call(self, event: events.CallStarted, prompt: str | None) -> None:
        recorded = self._assignment.journal.get(event.call)
        if recorded and recorded.prompt == event.prompt:  # not asked again: the worker that asked it made the span
            return
        parent = set_span_in_context(self._rounds.get(event.round, self._lane), Context())
        attributes = self._spans.describe_call(self._assignment, event, prompt)
        name = f"chat {self._assignment.work.model_name}"
        self._calls[event.call] = self._spans.begin(name, parent, attributes, SpanKind.CLIENT)
        self._silent.add(event.call)

    def _hear_text(self, event: events.TextDelta) -> None:
        if event.call in self._silent and event.call in self._calls:
            self._silent.discard(event.call)
            self._calls[event.call].add_event("first_token")

    def _restart_call(self, event: events.CallRestarted) -> None:
        if span := self._calls.get(event.call):
            span.add_event("request_again", {"retry": event.retry, "abandoned_tokens": event.abandoned_tokens})

    def _finish_call(self, event: events.CallFinished) -> None:
        text = self._spans.describe_text(event.text, event.finish_reason)
        self._end_call(event, {"gen_ai.response.finish_reasons": [event.finish_reason], **text})

    def _fail_call(self, event: events.CallFailed) -> None:
        self._end_call(event, {"error.type": "ModelError"}, StatusCode.ERROR)  # what it says may quote the prompt

    def _cancel_call(self, event: events.CallCancelled) -> None:
        self._end_call(event, {"retort.cancelled": True})

    def _end_call(
        self, event: events.CallFinished | events.CallFailed | events.CallCancelled, attributes: Attributes,
        status: StatusCode = StatusCode.UNSET,
    ) -> None:  # fmt: skip
        self._silent.discard(event.call)
        if span := self._calls.pop(event.call, None):
            usage = event.usage
            span.set_attribute("gen_ai.usage.input_tokens", usage.prompt_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", usage.completion_tokens)
            span.set_attributes(dict(attributes))
            span.set_status(status)
            span.end()

    def _fail_lane(self, _event: events.LaneFailed) -> None:
        self._lane.set_attribute("error.type", "LaneFailed")
        self._lane.set_status(StatusCode.ERROR)


def _run_context(run_id: str) -> SpanContext:
    """Return the context of a run's own span, the same in every process."""
    digest = hashlib.sha256(f"retort run {run_id}".encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _as_messages(prompt: str) -> str:
    """Return the prompt of a CallStarted, a JSON list of (role, content), in the convention's shape."""
    messages = [{"role": role, "parts": [{"type": "text", "content": content}]} for role, content in json.loads(prompt)]
    return json.dumps(messages, ensure_ascii=False)
