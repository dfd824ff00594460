"""What the workers count, for Prometheus. Each process counts for itself; `webapp.status` shows all of them together.

Labels have few, fixed values: never a run, a lane or a model's text.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from workers.core.errors import ModelError, Refused, StreamCut, Unreachable
from workers.core.model import Chunk
from workers.core.values import FinishReason

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads
REGISTRY = CollectorRegistry()
"""Everything that this process counts, the site's own metrics included."""
ProcessCollector(registry=REGISTRY)

# Work

TASKS_RUNNING = Gauge("retort_tasks_running", "Celery tasks at work.", registry=REGISTRY)
TASKS = Counter("retort_tasks", "Celery tasks, by how they ended.", ["outcome"], registry=REGISTRY)
LANES_HELD = Gauge("retort_lanes_held", "Lanes that this worker holds a lease on.", registry=REGISTRY)
LANES_LOST = Counter("retort_lanes_lost", "Lanes that another worker claimed meanwhile.", registry=REGISTRY)
FENCED_WRITES = Counter("retort_fenced_writes", "Batches of facts refused: another worker has the lane.",
                        registry=REGISTRY)  # fmt: skip
SWEEPS = Counter("retort_sweeps", "Rounds of looking for forgotten lanes.", registry=REGISTRY)
LANES_SWEPT = Counter("retort_lanes_swept", "Lanes found forgotten, by why.", ["reason"], registry=REGISTRY)
SAVE_SECONDS = Histogram(
    "retort_save_seconds", "From handing facts to the database to their commit.", registry=REGISTRY,
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
PUBLISH_FAILURES = Counter("retort_publish_failures", "Frames that could not be put into a run's log.",
                           registry=REGISTRY)  # fmt: skip

# The model server, as seen from here

OPEN_STREAMS = Gauge("retort_open_streams", "Requests that are open at the model server.", registry=REGISTRY)
REQUESTS = Counter("retort_model_requests", "Requests to the model server, by how they ended.", ["outcome"],
                   registry=REGISTRY)  # fmt: skip
RETRIES = Counter("retort_retries", "Requests that were sent again after a fault.", registry=REGISTRY)
PROMPT_TOKENS = Counter("retort_prompt_tokens", "Prompt tokens, as the server counts them.", registry=REGISTRY)
COMPLETION_TOKENS = Counter("retort_completion_tokens", "Tokens written by the model.", registry=REGISTRY)


@contextmanager
def running_task() -> Iterator[None]:
    """Count one task while it works, and whether it came to its end."""
    outcome = "broke"
    try:
        with TASKS_RUNNING.track_inprogress():
            yield
        outcome = "ended"
    finally:
        TASKS.labels(outcome).inc()


_ERRORS: dict[type[ModelError], str] = {Unreachable: "unreachable", StreamCut: "cut", Refused: "refused"}


class OpenRequest:
    """A request that is going on."""

    finish_reason: FinishReason | None = None

    def finish(self, reason: FinishReason | None, last: Chunk | None) -> None:
        """Note how the answer ended, and what its last chunk counts."""
        self.finish_reason = reason
        if last:
            COMPLETION_TOKENS.inc(last.tokens)
        if last and last.usage:
            PROMPT_TOKENS.inc(last.usage.prompt_tokens)


@contextmanager
def open_request() -> Iterator[OpenRequest]:
    """Count one request to the model server from its sending to its end, and how it ended.

    Outcomes: the finish reasons `stop` and `length`; the errors `unreachable`, `cut` and `refused`; and `closed`,
    a request that we ended ourselves because its lane was stopped or handed over.
    """
    request, outcome = OpenRequest(), "closed"
    OPEN_STREAMS.inc()
    try:
        yield request
    except ModelError as error:
        outcome = next((name for kind, name in _ERRORS.items() if isinstance(error, kind)), "other")
        raise
    finally:
        OPEN_STREAMS.dec()
        REQUESTS.labels(request.finish_reason or outcome).inc()
