"""Records what is visible from outside while a test runs, and has it judged."""

import asyncio
import random
import secrets
import time
from collections import Counter
from typing import Any

import aiohttp
import psycopg
from redis import Redis

from tests.faults import history as reading
from tests.faults import report
from tests.faults.checker import find_wrongs
from tests.faults.history import History, Log, Sample, Seen
from tests.faults.reducing import ENDED
from tests.faults.stack import Stack
from tests.faults.viewer import Viewer
from webapp.runs.sharing import FRESH_SECONDS

RSS_PER_SOCKET = 2 * 2**20
RSS_SLACK = 64 * 2**20
"""What a web may grow by use alone: caches, code loaded at the first request, the allocator's holes."""
FOUR = ("direct", "self_consistency", "parallel_distill_refine", "sequential_refinement")


class Recorder:
    """One test's dealings with a stack."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, *, seed: int = 0) -> None:
        self.stack, self.session = stack, session
        self.chance = random.Random(seed)
        self.accepted: dict[str, list[int]] = {}
        self.answers = Counter[int]()
        """HTTP answers by status; 0: none came."""
        self.viewers: list[Viewer] = []
        self.other_sockets = 0
        """Opened beside the viewers."""
        self.told: list[dict[str, Any]] = []
        self._tasks: dict[Viewer, asyncio.Task[None]] = {}
        self._memory = {web.name: (web.lives, web.memory()) for web in stack.webs if web.is_alive}

    async def start(self, *recipes: str | dict[str, Any], question: str = "What is 6 times 7?") -> str:
        """Start a run through any web; return its id. Raises aiohttp.ClientError when it was not accepted."""
        body = {
            "problem": {"question": question, "answer": "42", "grader": "number"},
            "recipes": [
                {"settle": False, **({"strategy": recipe} if isinstance(recipe, str) else recipe)} for recipe in recipes
            ],  # no call but those that the test names
            "seed": secrets.randbelow(2**31),  # calls are known by their seeds: no two runs may share any
        }
        answer = await self.ask("api/v1/runs", body)
        self.accepted[answer["id"]] = [lane["id"] for lane in answer["lanes"]]
        return str(answer["id"])

    async def try_to_start(self, *recipes: str | dict[str, Any]) -> int:
        """Start a run if that can be; return the status of the answer."""
        try:
            await self.start(*recipes)
        except aiohttp.ClientResponseError as error:
            return error.status
        return 201

    async def ask(self, path: str, body: Any = None) -> Any:
        """Ask the JSON interface of any web; count the answer."""
        method, address = "GET" if body is None else "POST", self.chance.choice(self.stack.addresses)
        timeout = aiohttp.ClientTimeout(total=30)
        try:
            async with self.session.request(method, address + path, json=body, timeout=timeout) as answer:
                self.answers[answer.status] += 1
                answer.raise_for_status()
                return await answer.json()
        except aiohttp.ClientResponseError:
            raise
        except (aiohttp.ClientError, OSError):
            self.answers[0] += 1
            raise

    def watch(self, run_id: str, count: int = 1) -> list[Viewer]:
        """Let some viewers follow a run until it has ended."""
        fresh = [
            Viewer(self.stack.addresses, run_id, self.accepted[run_id], seed=len(self.viewers) + n)
            for n in range(count)
        ]
        self.viewers += fresh
        self._tasks |= {viewer: asyncio.create_task(viewer.follow(self.session)) for viewer in fresh}
        return fresh

    def unwatch(self, viewers: list[Viewer]) -> None:
        """Let viewers go away, in the middle of whatever they do."""
        for viewer in viewers:
            self._tasks.pop(viewer).cancel()
            self.viewers.remove(viewer)

    async def until_told(self, count: int, *, within: float) -> None:
        """Wait until so many viewers have heard anything over a socket or a snapshot."""
        await self.until(
            lambda: sum(bool(viewer.steps) for viewer in self.viewers) >= count, f"{count} viewers watch", within=within
        )

    async def until(self, condition: Any, what: str, *, within: float = 30) -> float:
        """Wait until `condition()`, asked in a thread, is true; return the seconds it took."""
        began = time.monotonic()
        while True:
            try:
                if await asyncio.to_thread(condition):
                    return time.monotonic() - began
            except psycopg.OperationalError:
                pass  # the database is away: part of the game
            assert time.monotonic() - began < within, f"Not within {within} s: {what}"
            await asyncio.sleep(0.05)

    def count(self, sql: str, *arguments: Any) -> int:
        return int(self.stack.query(sql, *arguments)[0][0])

    def lags_ms(self) -> list[float]:
        """Return, of every frame that a viewer got, how old its newest event was on arrival, sorted."""
        rows = self.stack.query(
            "SELECT id, extract(epoch FROM started_at) FROM runs_run WHERE id = ANY(%s)", [*self.accepted]
        )
        began = {run_id: float(moment) for run_id, moment in rows}
        return sorted(
            (step["at"] - began[viewer.run_id]) * 1000 - step["newest"]
            for viewer in self.viewers
            for step in viewer.steps
            if step["kind"] == "frame" and step["newest"] is not None
        )

    async def until_asked(self, run_id: str, *, calls: int = 1) -> None:
        """Wait until so many calls of the run are being written or were."""
        sql = "SELECT count(*) FROM runs_call JOIN runs_lane ON runs_lane.id = lane_id WHERE run_id = %s"
        await self.until(lambda: self.count(sql, run_id) >= calls, f"{run_id} has {calls} calls")

    async def until_claimed_anew(self, fences: dict[int, int], *, within: float) -> float:
        """Wait until each of these lanes, held with these fences, has a new owner or has ended; return the seconds."""
        sql = "SELECT id, fence, status FROM runs_lane WHERE id = ANY(%s)"

        def are_claimed() -> bool:
            now = self.stack.query(sql, list(fences))
            return all(status in ENDED or (status == "running" and fence > fences[lane]) for lane, fence, status in now)

        return await self.until(are_claimed, f"lanes {sorted(fences)} are claimed anew", within=within)

    async def until_ended(self, *, within: float = 180) -> float:
        """Wait until every accepted run has ended; return the seconds it took."""
        sql = "SELECT count(*) FROM runs_run WHERE id = ANY(%s) AND ended_at IS NULL"
        return await self.until(lambda: self.count(sql, list(self.accepted)) == 0, "all runs have ended", within=within)

    async def collect(self, *, within: float = 45) -> History:
        """Bring everything back to life, let the viewers hear the end, and return the record."""
        await self.stack.restore()
        if self._tasks:
            gone, _ = await asyncio.wait(self._tasks.values(), timeout=within)
            for task in gone:
                await task  # a viewer that broke is no viewer that heard the end
        permalinks = {run_id: await self._page(run_id) for run_id in self.accepted}
        open_streams = await self._count_open_streams()
        return await asyncio.to_thread(self._read, permalinks, open_streams)

    async def _page(self, run_id: str) -> Any:
        """Return the events that a page opens with; one that may be continued may be some seconds old."""
        for seconds in (FRESH_SECONDS, 0):
            async with self.session.get(f"{self.stack.addresses[0]}r/{run_id}/snapshot") as answer:
                answer.raise_for_status()
                page = await answer.json()
            if page["status"] in ENDED:
                break
            await asyncio.sleep(seconds)
        return page["events"]

    async def _count_open_streams(self) -> int:
        for _ in range(50):
            async with self.session.get(f"{self.stack.model_address}/metrics") as answer:
                lines = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if line[:1] != "#")
            count = int(sum(float(value) for name, value in lines.items() if "requests_running" in name))
            if count == 0:
                return 0
            await asyncio.sleep(0.1)
        return count

    def _read(self, permalinks: dict[str, list[dict[str, Any]]], open_streams: int) -> History:
        with self.stack.connect() as connection:
            rows = reading.read_rows(connection, list(self.accepted))
        with Redis.from_url(self.stack.redis_url) as redis:
            logs: dict[str, Log] = {run_id: reading.read_log(redis, run_id) for run_id in self.accepted}
            keys = reading.read_keys(redis)
        return History(
            accepted=self.accepted,
            viewers=[
                Seen(viewer.name, viewer.run_id, viewer.is_over, viewer.steps, viewer.state.canonical(),
                     frozenset(viewer.foreign))
                for viewer in self.viewers
            ],
            asked=reading.read_asked(self.stack.record, {call.seed for call in rows["calls"]}),
            **rows, logs=logs, permalinks=permalinks, keys=keys, open_streams=open_streams,
            samples=self._weigh(),
        )  # fmt: skip

    def _weigh(self) -> list[Sample]:
        """Weigh the webs that have lived all the while."""
        most = RSS_SLACK + (len(self.viewers) + self.other_sockets) * RSS_PER_SOCKET
        return [
            Sample(web.name, web.memory(), self._memory[web.name][1] + most)
            for web in self.stack.webs
            if web.name in self._memory and web.lives == self._memory[web.name][0] and web.is_alive
        ]

    async def judge(self, fault: str, how: str, injected: int = 1, resumed: float | None = None) -> History:
        """Collect, have the checker look at everything, and keep a line for the table of docs/reliability.md."""
        dropped = {member.name: member.log[-1500:] for member in self.stack.dropped()}
        assert not dropped, "\n".join(f"{name} ended by itself:\n{log}" for name, log in dropped.items())
        history = await self.collect()
        wrongs = find_wrongs(history)
        assert not wrongs, "\n".join(wrongs[:40])
        self.told.append(report.line(fault, how, injected, resumed, history))
        return history

    async def leave(self) -> None:
        """Stop what still runs, however the test ended."""
        sql = "SELECT id FROM runs_run WHERE ended_at IS NULL"
        await self.stack.restore()
        for (run_id,) in self.stack.query(sql):
            await self.ask(f"api/v1/runs/{run_id}/cancel", {})
        await self.until(lambda: not self.stack.query(sql), "stopped runs have ended", within=60)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
