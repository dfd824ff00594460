"""How each part of the site is, asked now: database, Redis, queues, processes, model server."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from redis import Redis
from redis.exceptions import RedisError

from webapp.runs.capabilities import recall
from webapp.runs.models_on_server import ServedModel, ServerDown, list_models
from webapp.status.exposing import open_lanes, queue_lengths
from webapp.status.model_figures import ModelFigures, fetch_figures
from webapp.status.reporting import Report, read_reports
from workers.core.capabilities import Capabilities

MOST_MODELS = 8
"""Shown one by one, and asked what they can do."""


class DatabaseState(NamedTuple):
    """PostgreSQL, as it answered."""

    milliseconds: float
    version: str
    connections: int
    most_connections: int
    megabytes: float
    missing_migrations: int


class RedisState(NamedTuple):
    """Redis, as it answered."""

    milliseconds: float
    version: str
    megabytes: float
    most_megabytes: float | None
    has_aof: bool
    never_evicts: bool
    queues: Mapping[str, int]
    processes: list["ProcessState"]


class ProcessState(NamedTuple):
    """What a process reported last."""

    report: Report
    figures: Mapping[str, float]
    """Series without their `retort_`, summed over labels."""

    @property
    def is_web(self) -> bool:
        return self.report.kind == "web"


class ModelState(NamedTuple):
    """The model server."""

    address: str
    models: list[ServedModel]
    figures: ModelFigures
    capabilities: Mapping[str, Capabilities]
    """By model, as far as a worker has found out."""


class Down(NamedTuple):
    """A part that does not answer."""

    reason: str


class Status(NamedTuple):
    """Every part of the site."""

    database: DatabaseState | Down
    redis: RedisState | Down
    model: ModelState | Down
    lanes: Mapping[str, int] | None
    problems: list[str]
    """What somebody should look after, in sentences."""


def look() -> Status:
    """Ask every part; a few seconds at most, whatever they do."""
    database, redis, model = ask_database(connection), ask_redis(_redis()), ask_model_server()
    lanes = None if isinstance(database, Down) else open_lanes()
    return Status(database, redis, model, lanes, _find_problems(database, redis, model))


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, **settings.REDIS_OVER_TCP)


def ask_database(database: BaseDatabaseWrapper) -> DatabaseState | Down:
    """Ask PostgreSQL how it is."""
    try:
        with database.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute("SELECT 1")
            milliseconds = (time.perf_counter() - began) * 1000
            cursor.execute(
                "SELECT current_setting('server_version'), (SELECT count(*) FROM pg_stat_activity),"
                " current_setting('max_connections')::int, pg_database_size(current_database()) / 1e6"
            )
            version, used, most, size = cursor.fetchone()
        executor = MigrationExecutor(database)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        return Down(f"PostgreSQL does not answer ({type(error).__name__}). Nothing can be shown or started without it.")
    return DatabaseState(milliseconds, version.split()[0], used, most, float(size), missing)


def ask_redis(redis: Redis) -> RedisState | Down:
    """Ask Redis how it is, and what it was told by the processes."""
    try:
        began = time.perf_counter()
        redis.ping()
        milliseconds = (time.perf_counter() - began) * 1000
        told: dict[str, Any] = redis.info()
        reports, queues = read_reports(redis), queue_lengths(redis)
    except RedisError as error:
        return Down(f"Redis does not answer ({type(error).__name__}). Runs wait, and live text is not shown.")
    most = int(told["maxmemory"])
    return RedisState(
        milliseconds, told["redis_version"], told["used_memory"] / 1e6, most / 1e6 if most else None,
        bool(told["aof_enabled"]), told["maxmemory_policy"] == "noeviction", queues, [*map(_describe, reports)],
    )  # fmt: skip


def _describe(report: Report) -> ProcessState:
    sums: dict[str, float] = {}
    for *_, samples in report.families:
        for name, _labels, value in samples:
            sums[name.removeprefix("retort_")] = sums.get(name.removeprefix("retort_"), 0.0) + value
    return ProcessState(report, sums)


def ask_model_server() -> ModelState | Down:
    """Ask the model server what it serves and how busy it is."""
    server = settings.MODEL_SERVER
    try:
        models = list_models()
    except ServerDown as error:
        return Down(str(error))
    return ModelState(
        urlsplit(server.base_url).netloc.rpartition("@")[2],
        models,
        fetch_figures(server.base_url, server.api_key),
        {model.name: known for model in models[:MOST_MODELS] if (known := recall(model.name))},
    )


def _find_problems(database: DatabaseState | Down, redis: RedisState | Down, model: ModelState | Down) -> list[str]:
    found = [part.reason for part in (database, redis, model) if isinstance(part, Down)]
    if isinstance(database, DatabaseState) and database.missing_migrations:
        found.append(f"The database lacks {database.missing_migrations} migrations: run manage.py migrate.")
    if isinstance(redis, RedisState):
        if not redis.has_aof:
            found.append(
                "Redis writes no append-only file: what is queued is lost if it dies, until the sweep asks again."
            )
        if not redis.never_evicts:
            found.append(
                "Redis may evict keys when its memory is full; a broker must not: set maxmemory-policy noeviction."
            )
        kinds = {one.report.kind for one in redis.processes}
        found += [f"No worker takes the queue {queue}." for queue in redis.queues if queue not in kinds]
        if len(versions := {one.report.version for one in redis.processes if one.report.version}) > 1:
            found.append(f"Processes of several versions run: {', '.join(sorted(versions))}.")
    return found
