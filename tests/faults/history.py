"""What was visible from outside while a test ran: the record that the checker judges."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg
from psycopg.rows import namedtuple_row
from redis import Redis

from tests.model_server import read_record
from workers.live import stream

Row = Any
"""A database row by the names of its columns."""


class Asked(NamedTuple):
    """One request as the model server saw it. `tokens` are those sent; times are seconds since 1970."""

    request: str
    at: float
    seed: int | None
    prompt: str
    text: str
    thinking: str
    tokens: int
    prompt_tokens: int
    ended: str
    """How. Empty: it is open, or the server was killed with it and nobody knows what it had written."""

    @property
    def is_complete(self) -> bool:
        """Say whether the server told the client that this is all."""
        return self.ended == "complete"


class Seen(NamedTuple):
    """One viewer's story."""

    name: str
    run: str
    is_over: bool
    steps: Sequence[dict[str, Any]]
    state: dict[str, Any]
    foreign: frozenset[int]


class Log(NamedTuple):
    """A run's live log as it stands at the end; no entries if it was lost and nothing came after."""

    position: stream.Position
    entries: Sequence[tuple[int, list[dict[str, Any]]]]


class Sample(NamedTuple):
    """The memory of a web at the end, beside what it is allowed, in bytes."""

    name: str
    memory: int
    most: int


class History(NamedTuple):
    """Everything. A test that has not recorded a part leaves it empty; then nothing is claimed of it."""

    accepted: dict[str, list[int]] = {}
    """Lanes of every run that was answered 201."""
    viewers: Sequence[Seen] = ()
    asked: Sequence[Asked] = ()
    runs: Sequence[Row] = ()
    lanes: Sequence[Row] = ()
    calls: Sequence[Row] = ()
    facts: Sequence[Row] = ()
    """In order of id: run_id, lane_id, identity, body."""
    audit: Sequence[Row] = ()
    logs: dict[str, Log] = {}
    permalinks: dict[str, list[dict[str, Any]]] = {}
    """The facts of every run's page at the end."""
    keys: dict[str, int] = {}
    """Seconds that every key in Redis will live; -1: for ever."""
    samples: Sequence[Sample] = ()
    open_streams: int = 0
    """At the model server, five seconds after the last run has ended."""


def read_rows(connection: psycopg.Connection[Any], run_ids: Sequence[str]) -> dict[str, Any]:
    """Return runs, lanes, calls, facts and audit of some runs, straight from the tables."""
    runs = list(run_ids)
    in_runs = "lane_id IN (SELECT id FROM runs_lane WHERE run_id = ANY(%s))"
    queries = {
        "runs": "SELECT * FROM runs_run WHERE id = ANY(%s)",
        "lanes": "SELECT * FROM runs_lane WHERE run_id = ANY(%s) ORDER BY id",
        "calls": f"SELECT * FROM runs_call WHERE {in_runs} ORDER BY id",
        "facts": "SELECT * FROM runs_event WHERE run_id = ANY(%s) ORDER BY id",
        "audit": "SELECT *, extract(epoch FROM at)::float8 AS seconds FROM audit "
        "WHERE lane IN (SELECT id FROM runs_lane WHERE run_id = ANY(%s)) ORDER BY id",
    }
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return {name: cursor.execute(query, [runs]).fetchall() for name, query in queries.items()}


def read_log(redis: Redis, run_id: str) -> Log:
    """Return a run's live log, oldest entry first."""
    position = stream.read_position(redis, run_id)
    entries, before = list[stream.Entry](), position.offset
    while before > 0 and (found := stream.read_back(redis, run_id, before)):
        entries += found
        before = found[-1].offset - 1
    return Log(position, [(entry.offset, orjson.loads(entry.events)) for entry in reversed(entries)])


def read_keys(redis: Redis) -> dict[str, int]:
    """Return how long every key in Redis will live."""
    return {key.decode("utf-8", "replace"): int(redis.ttl(key)) for key in redis.scan_iter()}


def read_asked(record: Path, seeds: set[int]) -> list[Asked]:
    """Return the requests with these seeds, from what the model server wrote down in all its lives."""
    shift = time.time() - time.monotonic()
    return [
        Asked(
            request=f"{entry['process']}.{entry['number']}", at=entry["at"] + shift, seed=entry["body"]["seed"],
            prompt=digest(entry["body"]["messages"]), text=entry["text"], thinking=entry["thinking"],
            tokens=entry["tokens"], prompt_tokens=entry["prompt_tokens"], ended=entry["ended"],
        )
        for entry in read_record(record)
        if entry["body"].get("seed") in seeds
    ]  # fmt: skip


def digest(messages: Sequence[dict[str, str]]) -> str:
    """Return what the journal calls a prompt."""
    text = json.dumps([[message["role"], message["content"]] for message in messages], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
