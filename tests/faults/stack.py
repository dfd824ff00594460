"""A whole site of real processes, each of which can be killed, halted, told to stop and started again by itself."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.browser.stack import free_ports
from tests.model_server import Rule
from webapp.local import parts, postgres, redis, site
from webapp.local.parts import Part, PartError, Process

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).parent / "inside"
"""What workers find on their path, besides the site."""
AUDIT = (Path(__file__).parent / "audit.sql").read_text()


class Member:
    """One process of the site, through all its lives."""

    def __init__(self, part: Part, folder: Path) -> None:
        self.part, self.folder = part, folder
        self.lives = 0
        self.process: Process | None = None
        self.is_halted = False
        self.is_wanted = False
        """It was started and nobody ended it."""

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def pid(self) -> int:
        return self._current.pid

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.exit_code() is None

    @property
    def is_ready(self) -> bool:
        return self.is_alive and not self.is_halted and self._current.is_ready()

    @property
    def _current(self) -> Process:
        assert self.process is not None, f"{self.name} was never started"
        return self.process

    @property
    def log(self) -> str:
        """Everything it said in this life."""
        return self._current.log.read_text(errors="replace")

    def launch(self) -> None:
        """Begin a life, from the main thread: the kernel ends the process with the thread that began it."""
        self.lives += 1
        self.is_wanted = True
        self.process = Process(self.part, self.folder / f"{self.name}.{self.lives}.log")

    async def start(self) -> None:
        """Begin a life and return when it works; engines may need several tries beside what a dead one left."""
        deadline = time.monotonic() + self.part.ready_within_seconds
        while not await asyncio.to_thread(lambda: self.is_ready):
            if not self.is_alive:
                self.launch()
            if time.monotonic() > deadline:
                raise PartError(f"{self.name} does not start:\n{self._current.last_lines(40)}")
            await asyncio.sleep(0.1)

    def kill(self) -> None:
        """Kill -9: it learns of nothing."""
        self.is_wanted = False
        self._current.stop(within_seconds=0)
        self.is_halted = False

    def halt(self) -> None:
        """Stop it and its children where they stand, as a machine does that is out of breath."""
        self.is_halted = True
        self._signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal_all(signal.SIGCONT)
        self.is_halted = False

    def stall(self) -> None:
        """Hold a worker's interpreter for 20 s, as code does that never lets go of it; see `inside/`."""
        os.kill(self._current.pid, signal.SIGUSR2)

    async def terminate(self, *, within_seconds: float = 30) -> float:
        """Ask it to stop, as a deploy does; return how many seconds it took."""
        began = time.monotonic()
        self.is_wanted = False
        self._current.ask_to_stop()
        while self.is_alive:
            if time.monotonic() - began > within_seconds:
                raise AssertionError(f"{self.name} did not stop within {within_seconds} s")
            await asyncio.sleep(0.05)
        took = time.monotonic() - began
        self.kill()  # what it left of children
        return took

    def memory(self) -> int:
        """Return the bytes it holds, its children not counted."""
        return int(psutil.Process(self._current.pid).memory_info().rss)

    def children_with(self, *words: str) -> list[psutil.Process]:
        """Return the processes it started whose command has all these words."""
        children = psutil.Process(self._current.pid).children(recursive=True)
        running = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in running if set(words) <= set(child.cmdline())]

    def _signal_all(self, number: signal.Signals) -> None:
        family = psutil.Process(self._current.pid)
        for process in [family, *family.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                os.kill(process.pid, number)


class Stack:
    """The members of a site, and how they are reached."""

    def __init__(self, folder: Path, sockets: Path, *, webs: int, workers: int, threads: int) -> None:
        self.folder = folder
        self.record, self._script = folder / "model.jsonl", folder / "script.json"
        self.record.touch()
        self._script.write_text("[]")
        self.database_url, self.redis_url = postgres.url(sockets), redis.url(sockets)
        self.postgres = Member(postgres.part(folder / "postgres", sockets), folder)
        self.redis = Member(_bearing_full_disks(redis.part(folder / "redis", sockets)), folder)
        model_port, *ports = free_ports(1 + webs)
        self.model_address = f"http://127.0.0.1:{model_port}"
        self.model = Member(self._model_part(model_port), folder)
        self._shared = {
            "REDIS_URL": self.redis_url, "VLLM_BASE_URL": f"{self.model_address}/v1", "VLLM_MODEL": "scripted",
            "RETORT_VAR": str(folder), "SECRET_KEY": "for tests only",
        }  # fmt: skip
        self.addresses = [site.address("127.0.0.1", port) for port in ports]
        self.webs = [
            self._member(
                f"web-{n}", lambda env, port=port: site.web(host="127.0.0.1", port=port, environment=env), port
            )
            for n, port in enumerate(ports, 1)
        ]
        self.workers = [self._worker(f"worker-{n}", threads) for n in range(1, workers + 1)]

    @property
    def engines(self) -> list[Member]:
        return [self.postgres, self.redis, self.model]

    @property
    def members(self) -> list[Member]:
        return [*self.engines, *self.workers, *self.webs]

    def environment(self, name: str, port: int = 8000) -> dict[str, str]:
        """Return what a process of that name finds; PostgreSQL knows each by its name."""
        return {**self._shared, "DATABASE_URL": f"{self.database_url}?application_name={name}", "PORT": str(port)}

    def _member(self, name: str, make: Any, port: int = 8000) -> Member:
        return Member(replace(make(self.environment(name, port)), name=name), self.folder)

    def _worker(self, name: str, threads: int) -> Member:
        part = site.worker("runs", threads=threads, environment=self.environment(name), name=name)
        return Member(replace(part, environment={**part.environment, "PYTHONPATH": f"{ROOT}:{INSIDE}"}), self.folder)

    def _model_part(self, port: int) -> Part:
        command = (sys.executable, "-m", "tests.model_server", "--port", str(port), "--probability", "0.7")
        return Part(
            name="model",
            command=(*command, "--record", str(self.record), "--script", str(self._script)),
            is_ready=lambda _log: _listens(port),
            environment={"PYTHONPATH": str(ROOT)},
        )

    def script(self, *rules: Rule) -> None:
        """Set what the model server answers, now and in its next lives."""
        script = json.dumps([rule.model_dump() for rule in rules])
        self._script.write_text(script)
        request = urllib.request.Request(f"{self.model_address}/_script", script.encode(), method="PUT")
        urllib.request.urlopen(request, timeout=20).close()

    def prepare(self) -> None:
        """Start the engines, make the tables, and the audit beside them."""
        for engine in self.engines:
            engine.launch()
        for engine in self.engines:
            parts.wait_ready(engine._current)
        command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(command, env={**os.environ, **self.environment("migrate")}, check=True, timeout=180)
        with self.connect() as connection:
            connection.execute(AUDIT)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(f"{self.database_url}?application_name=tests", autocommit=True)

    def query(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Ask the database, beside the site's own code."""
        with self.connect() as connection:
            return connection.execute(sql, arguments).fetchall()

    def dropped(self) -> list[Member]:
        """Return the workers and webs that have ended by themselves."""
        return [member for member in (*self.workers, *self.webs) if member.is_wanted and not member.is_alive]

    async def restore(self) -> None:
        """Bring back whatever is dead or halted."""
        for member in self.members:
            if member.is_alive and member.is_halted:
                member.go_on()
        for member in self.engines:
            await member.start()
        others = [member for member in (*self.workers, *self.webs) if not member.is_alive]
        for member in others:
            member.launch()
        for member in (*self.workers, *self.webs):
            await member.start()

    @property
    def broker_url(self) -> str:
        return self.redis_url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")

    def held(self) -> dict[int, int]:
        """Return the fences of all lanes that some worker holds."""
        return dict(self.query("SELECT id, fence FROM runs_lane WHERE status = 'running'"))

    def held_by(self, worker: Member) -> dict[int, int]:
        """Return the fences of the lanes that this worker holds."""
        return {lane: fence for lane, fence in self.held().items() if self.owner(lane) is worker}

    def has_ended(self, lane_id: int) -> bool:
        return bool(self.query("SELECT 1 FROM runs_lane WHERE id = %s AND ended_at IS NOT NULL", lane_id))

    def seconds_between_owners(self, fences: dict[int, int]) -> list[float]:
        """Return for how long each of these lanes waited, from its owner's letting go to the next one's claim."""
        sql = """
            SELECT extract(epoch FROM next.at - gone.at)::float8
            FROM audit AS gone JOIN audit AS next ON next.lane = gone.lane
            WHERE gone.lane = ANY(%s) AND gone.what = 'status' AND gone.status = 'queued' AND next.what = 'status'
            AND next.status = 'running'
            AND next.id = (SELECT min(id) FROM audit WHERE lane = gone.lane AND what = 'status'
                AND status = 'running' AND id > gone.id)
        """
        return [seconds for (seconds,) in self.query(sql, list(fences))]

    def sockets_of(self, web: int) -> int:
        """Return how many connections a web holds at its port."""
        port = urllib.parse.urlsplit(self.addresses[web]).port
        connections = psutil.Process(self.webs[web].pid).net_connections("tcp")
        return sum(one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in connections)

    def owners(self, lane_id: int) -> list[Member]:
        """Return the worker of each claim of the lane, first to last; a sweep raises the fence, but claims nothing."""
        names = self.query(
            "SELECT who FROM audit WHERE what = 'status' AND status = 'running' AND lane = %s ORDER BY id", lane_id
        )
        members = {worker.name: worker for worker in self.workers}
        return [members[name] for (name,) in names]

    def owner(self, lane_id: int) -> Member:
        """Return the worker that claimed the lane last."""
        return self.owners(lane_id)[-1]

    def end(self) -> None:
        for member in reversed(self.members):
            if member.process is None:
                continue
            if member.is_alive and member.is_halted:
                member.go_on()
            member.process.ask_to_stop()
        for member in reversed(self.members):
            if member.process is not None:
                member.process.stop(within_seconds=5)


@contextmanager
def running_stack(folder: Path, *, webs: int = 2, workers: int = 3, threads: int = 32) -> Iterator[Stack]:
    """Run a site for the length of a `with`; nothing of it is left, however the block ends."""
    with ExitStack() as exits:
        sockets = exits.enter_context(parts.private_folder())
        stack = Stack(folder, sockets, webs=webs, workers=workers, threads=threads)
        exits.callback(stack.end)
        stack.prepare()
        for member in (*stack.workers, *stack.webs):
            member.launch()
        for member in (*stack.workers, *stack.webs):
            parts.wait_ready(member._current)
        yield stack


def _bearing_full_disks(part: Part) -> Part:
    """Let a write beyond a limit on files fail as on a full disk, rather than end the process by a signal."""
    return replace(part, command=("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", *part.command))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
