"""A whole site of real processes: engines, workers, webs. The one way in which tests start any of it."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import psycopg

from tests.site.members import Member
from webapp.local import postgres, redis, site

ROOT = Path(__file__).parents[2]
DATABASE_PASSWORD = "correct-horse-battery"
"""Not asked for, so it may be anything; no line of a log may hold it."""


class Stack:
    """The members of a site, and how they are reached. At the end of a `with`, nothing of them is left."""

    def __init__(
        self,
        folder: Path,
        sockets: Path,
        *,
        model_url: str,
        webs: int = 1,
        workers: int = 1,
        suite_workers: int = 0,
        threads: int = 2,
        is_durable: bool = True,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.database_url = postgres.url(sockets).replace("postgres@", f"postgres:{DATABASE_PASSWORD}@")
        self.redis_url = redis.url(sockets)
        self.postgres = Member(postgres.part(folder / "postgres", sockets, is_durable=is_durable), folder)
        self.redis = Member(redis.part(folder / "redis", sockets), folder)
        self.engines = [self.postgres, self.redis]
        ports = free_ports(webs)
        self.addresses = [site.address("127.0.0.1", port) for port in ports]
        """One for each web."""
        self._variables = {
            "REDIS_URL": self.redis_url, "VLLM_BASE_URL": model_url, "VLLM_MODEL": "scripted",
            "RETORT_VAR": str(folder), "SECRET_KEY": "for tests only",
            "ALLOWED_ORIGINS": ",".join(address.rstrip("/") for address in self.addresses), **variables,
        }  # fmt: skip
        self.workers = [self._worker("runs", f"worker-{n + 1}", threads) for n in range(workers)]
        self.suite_workers = [self._worker("suites", f"suite-worker-{n + 1}", 1) for n in range(suite_workers)]
        self.webs = [self._web(f"web-{n}", port) for n, port in enumerate(ports, 1)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in reversed(self.members):
            member.ask_to_end()
        for member in reversed(self.members):
            member.end()

    @property
    def ours(self) -> list[Member]:
        """The processes of the site itself."""
        return [*self.workers, *self.suite_workers, *self.webs]

    @property
    def members(self) -> list[Member]:
        return [*self.engines, *self.ours]

    def environment(self, name: str) -> dict[str, str]:
        """Return what a process of that name finds; PostgreSQL knows each by its name."""
        return {**self._variables, "DATABASE_URL": f"{self.database_url}?application_name={name}"}

    def prepare(self) -> None:
        """Start the engines and make the tables."""
        _start(self.engines)
        command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(command, env={**os.environ, **self.environment("migrate")}, check=True, timeout=180)

    def open(self) -> None:
        """Start the site's own processes; return when all work."""
        _start(self.ours)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(f"{self.database_url}?application_name=tests", autocommit=True)

    def _web(self, name: str, port: int) -> Member:
        part = site.web(host="127.0.0.1", port=port, environment=self.environment(name))
        return Member(replace(part, name=name), self.folder)

    def _worker(self, queue: str, name: str, threads: int) -> Member:
        part = site.worker(queue, threads=threads, environment=self.environment(name), name=name)
        return Member(part, self.folder)


def _start(members: Sequence[Member]) -> None:
    for member in members:
        member.launch()
    for member in members:
        member.wait_ready()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:  # all held at once, so that they differ
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
