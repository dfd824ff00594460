"""What every process tells of itself: put into Redis every few seconds, gone when the process is.

Web replicas stand behind a balancer, so whoever asks for metrics meets one of them by chance. Therefore each process
leaves its figures where any of them can read all.
"""

import os
import socket
import threading
import time
from typing import NamedTuple

import orjson
import structlog
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from webapp.lib import metrics as _web_metrics  # noqa: F401  registers what web processes count
from workers.metrics import REGISTRY

log = structlog.get_logger(__name__)
REPORT_SECONDS = 3.0
KEEP_SECONDS = 15
_INDEX = "retort:{processes}"  # a new shape of reports takes a new name: during an upgrade old and new run side by side

Sample = tuple[str, dict[str, str], float]
Family = tuple[str, str, str, list[Sample]]
"""Name, type, documentation and samples, as Prometheus has them."""


class Report(NamedTuple):
    """One process and its figures."""

    name: str
    """Kind, host and process id, e.g. `web@box:17`."""
    kind: str
    """`web`, or the queues that a worker takes tasks from, e.g. `runs`."""
    version: str
    up_seconds: float
    tokens_per_second: float
    """Completion tokens since the report before."""
    families: list[Family]
    age_seconds: float = 0.0
    """How long ago it was written; measured by Redis, so no clocks are compared."""


class Reporter:
    """Reports this process, in a thread of its own, until stopped."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = process_name(kind)
        self._redis = Redis.from_url(
            settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5, **settings.REDIS_OVER_TCP
        )
        self._began = self._looked_at = time.monotonic()
        self._tokens = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._report_for_ever, name="reporter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Report no more, and take the last report away."""
        self._stopping.set()
        self._thread.join(timeout=10)
        try:
            self._redis.delete(_key(self.name))
        except RedisError:
            log.warning("report_stays", process=self.name, seconds=KEEP_SECONDS)
        self._redis.close()

    def report(self) -> Report:
        """Return what there is to tell now."""
        now, tokens = time.monotonic(), REGISTRY.get_sample_value("retort_completion_tokens_total") or 0.0
        rate = (tokens - self._tokens) / max(now - self._looked_at, 0.001)
        self._looked_at, self._tokens = now, tokens
        return Report(self.name, self.kind, settings.RETORT_VERSION, now - self._began, rate, own_families())

    def write(self) -> None:
        """Put a report into Redis."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(_key(self.name), orjson.dumps(tuple(self.report())), ex=KEEP_SECONDS)
            pipe.sadd(_INDEX, self.name)
            pipe.expire(_INDEX, KEEP_SECONDS)
            pipe.execute()

    def _report_for_ever(self) -> None:
        is_heard = True
        while not self._stopping.is_set():
            try:
                self.write()
                is_heard = True
            except RedisError as error:  # it is away; told once, not every three seconds
                if is_heard:
                    log.warning("report_unheard", error=type(error).__name__)
                is_heard = False
            self._stopping.wait(REPORT_SECONDS)


def process_name(kind: str) -> str:
    """Return what this process is called: kind, host and process id."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


def own_families() -> list[Family]:
    """Return what this process has counted."""
    return [
        (family.name, family.type, family.documentation, [(one.name, one.labels, one.value) for one in family.samples])
        for family in REGISTRY.collect()
    ]


def read_reports(redis: Redis) -> list[Report]:
    """Return the reports of all processes that live, by name. Raises RedisError."""
    names = sorted(name.decode() for name in redis.smembers(_INDEX))  # type: ignore[union-attr]
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.get(_key(name))
            pipe.pttl(_key(name))
        found = pipe.execute()
    gone = [name for name, body in zip(names, found[::2], strict=True) if body is None]
    if gone:
        redis.srem(_INDEX, *gone)
    return [_read(body, left) for body, left in zip(found[::2], found[1::2], strict=True) if body is not None]


def _read(body: bytes, milliseconds_left: int) -> Report:
    report = Report(*orjson.loads(body))
    return report._replace(age_seconds=max(0.0, KEEP_SECONDS - milliseconds_left / 1000))


def _key(name: str) -> str:
    return f"{_INDEX}:{name}"
