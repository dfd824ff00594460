"""All processes' figures as one answer for Prometheus: scrape one address, whichever replica answers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from django.db import Error as DatabaseError
from django.db.models import Count
from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from webapp.runs.models import Lane, Status
from webapp.status.reporting import Family, Report, own_families, process_name, read_reports

QUEUES = ("runs", "suites")


def expose(redis: Redis) -> bytes:
    """Return the figures of every process under the label `process`, and those of the whole site without one.

    With Redis away only the answering process is there; `retort_part_up` says so.
    """
    return generate_latest(_Everything(redis))


class _Everything(Collector):
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def collect(self) -> Iterator[Metric]:
        try:
            reports, lengths = read_reports(self._redis), queue_lengths(self._redis)
        except RedisError:
            reports, lengths = None, {}
        lanes = open_lanes()
        yield _gauge("retort_part_up", "Whether a part answers.", "part",
                     {"redis": reports is not None, "database": lanes is not None})  # fmt: skip
        yield _gauge("retort_lanes", "Lanes that have not ended.", "status", lanes or {})
        yield _gauge("retort_queue_length", "Tasks that no worker has taken yet.", "queue", lengths)
        yield _gauge("retort_processes", "Processes that report.", "kind", Counter(one.kind for one in reports or ()))
        yield from _merge(reports or ())


def queue_lengths(redis: Redis) -> dict[str, int]:
    """Return how many tasks wait in each queue. Raises RedisError."""
    return {queue: int(redis.llen(queue)) for queue in QUEUES}


def open_lanes() -> dict[str, int] | None:
    """Return how many lanes wait and how many are worked on, or None if the database does not say."""
    states = {Status.QUEUED.value: 0, Status.RUNNING.value: 0}
    try:
        found = Lane.objects.filter(status__in=states).values_list("status").annotate(Count("id")).order_by()
        return states | dict(found)
    except DatabaseError:
        return None


def _gauge(name: str, documentation: str, label: str, values: dict[str, int] | Counter[str]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _merge(reports: Sequence[Report]) -> Iterable[Metric]:
    """Put the families of all processes together; this process speaks for itself, afresh."""
    me = process_name("web")
    merged: dict[str, Metric] = {}
    _add(merged, own_families(), me)
    for report in reports:
        if report.name != me:
            _add(merged, report.families, report.name)
    return merged.values()


def _add(merged: dict[str, Metric], families: Iterable[Family], process: str) -> None:
    for name, kind, documentation, samples in families:
        family = merged.setdefault(name, Metric(name, documentation, kind))
        for sample, labels, value in samples:
            family.add_sample(sample, {**labels, "process": process}, value)
