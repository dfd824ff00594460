"""The site of the tests of faults: its model server may die too, and a table beside its own says who wrote what."""

import json
import socket
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from tests.model_server import Rule
from tests.site import stack as site
from tests.site.members import Member
from tests.site.stack import DATABASE_PASSWORD, ROOT, free_ports
from webapp.local import parts
from webapp.local.parts import Part

INSIDE = Path(__file__).parent / "inside"
"""What workers find on their path, besides the site."""
AUDIT = (Path(__file__).parent / "audit.sql").read_text()


class Stack(site.Stack):
    """A site whose every process may be hurt, and what can be asked beside its own code."""

    def __init__(self, folder: Path, sockets: Path, *, webs: int, workers: int, threads: int) -> None:
        self.record, self._script = folder / "model.jsonl", folder / "script.json"
        self.record.touch()
        self._script.write_text("[]")
        [port] = free_ports(1)
        self.model_address = f"http://127.0.0.1:{port}"
        super().__init__(
            folder, sockets, model_url=f"{self.model_address}/v1", webs=webs, workers=workers, threads=threads
        )
        self.model = Member(self._model_part(port), folder)
        self.engines.append(self.model)
        self.redis.part = _bearing_full_disks(self.redis.part)
        for worker in self.workers:
            path = {**worker.part.environment, "PYTHONPATH": f"{ROOT}:{INSIDE}"}
            worker.part = replace(worker.part, environment=path)

    def lead_through(self, members: Sequence[Member], *, redis: int, postgres: int) -> None:
        """Have these reach the engines at TCP ports of this machine, from their next life on."""
        for member in members:
            database = f"postgresql://postgres:{DATABASE_PASSWORD}@127.0.0.1:{postgres}/postgres"
            addresses = {
                "REDIS_URL": f"redis://127.0.0.1:{redis}/0",
                "DATABASE_URL": f"{database}?application_name={member.name}",
            }
            member.part = replace(member.part, environment={**member.part.environment, **addresses})

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
        super().prepare()
        with self.connect() as connection:
            connection.execute(AUDIT)

    def query(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Ask the database, beside the site's own code."""
        with self.connect() as connection:
            return connection.execute(sql, arguments).fetchall()

    def dropped(self) -> list[Member]:
        """Return the workers and webs that have ended by themselves."""
        return [member for member in self.ours if member.is_wanted and not member.is_alive]

    async def restore(self) -> None:
        """Bring back whatever is dead or halted."""
        for member in self.members:
            if member.is_alive and member.is_halted:
                member.go_on()
        for member in self.engines:
            await member.start()
        others = [member for member in self.ours if not member.is_alive]
        for member in others:
            member.launch()
        for member in self.ours:
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


@contextmanager
def running_stack(folder: Path, *, webs: int = 2, workers: int = 3, threads: int = 32) -> Iterator[Stack]:
    """Run a site for the length of a `with`; nothing of it is left, however the block ends."""
    with (
        parts.private_folder() as sockets,
        Stack(folder, sockets, webs=webs, workers=workers, threads=threads) as stack,
    ):
        stack.prepare()
        stack.open()
        yield stack


def _bearing_full_disks(part: Part) -> Part:
    """Let a write beyond a limit on files fail as on a full disk, rather than end the process by a signal."""
    return replace(part, command=("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", *part.command))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
