"""Spans of a run, as a collector receives them from several workers."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.site.live import LiveSite, running_site
from tests.webapp.status.scraping import figures, until
from webapp.local.parts import Process

PROMPT, TEXT = "zebracrossing", "platypusbill"


class Collector:
    """An OpenTelemetry collector's front door: takes OTLP over HTTP and keeps it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in list(self.bodies)]
        return [span for one in requests for resource in one.resource_spans for scope in resource.scope_spans
                for span in scope.spans]  # fmt: skip


@contextmanager
def collecting() -> Iterator[Collector]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield collector
        server.shutdown()


def test_a_run_of_two_workers_is_one_trace(model_server: ModelServer, tmp_path: Path):
    model_server.script(Rule(replies=(f"{TEXT} " * 60 + "\\boxed{42}",), tokens_per_second=20))
    with collecting() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with running_site(model_server, tmp_path, workers=2, variables=variables) as site:
            site.start(*["direct"] * 8, question=PROMPT)
            until(lambda: len(model_server.log()) == 8 and holders(site))
            holders(site)[0].ask_to_stop()
            until(lambda: "run" in {span.name for span in collector.spans})
        spans, asked = collector.spans, len(model_server.log())  # the workers have stopped, and handed on the rest

    told = Counter(span.name for span in spans)
    assert told == {"run": 1, "invoke_workflow direct": 16, "round Draft": 16, "chat scripted": asked}
    assert asked == 16
    assert len({span.trace_id for span in spans}) == 1
    known = {span.span_id for span in spans}
    assert [span.name for span in spans if span.parent_span_id not in known] == ["run"]
    assert not [text for text in (PROMPT, TEXT) for body in collector.bodies if text.encode() in body]


def holders(site: LiveSite) -> list[Process]:
    """Return the workers that hold lanes."""
    held = figures(site.address, "retort_lanes_held")
    return [
        one for one in site.processes.values() if any(label.endswith(f":{one.pid}") for label in held if held[label])
    ]
