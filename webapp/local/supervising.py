"""Keeps parts running: starts them in order, restarts what dies, ends all of them together."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from webapp.local.parts import Part, PartError, Process

TWICE_WITHIN_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PAUSE_BEFORE_RESTART_SECONDS = 0.5
"""Children of a killed part need a moment to notice; PostgreSQL refuses to start beside them."""
_GRACE_SECONDS = 8.0


class Stopped(Exception):
    """Somebody asked to stop while parts were still coming up."""


class Supervisor:
    """The parts of one `manage.py up`."""

    def __init__(self, logs: Path, *, say: Callable[[str], None], keep_open: Sequence[int] = ()) -> None:
        self._logs, self._say, self._keep_open = logs, say, keep_open
        self._processes: dict[str, Process] = {}
        self._groups: list[tuple[str, ...]] = []
        self._deaths: dict[str, float] = {}
        self.stop_requested = 0
        """How often; the second time, nothing is waited for."""
        self.stop_reason = ""

    def start(self, *new: Part) -> None:
        """Start parts together; return when each works. Raises PartError if one cannot, Stopped if asked to stop."""
        self.launch(*new)
        self.wait_for({part.name for part in new})

    def launch(self, *new: Part) -> None:
        """Start parts that depend on nothing still to come; they will be ended together."""
        self._groups.append(tuple(part.name for part in new))
        for part in new:
            log = self._logs / f"{part.name}.log"
            if log.exists():
                log.replace(log.with_suffix(".old.log"))
            self._processes[part.name] = Process(part, log, keep_open=self._keep_open)

    def wait_for(self, names: set[str]) -> None:
        """Return when each of these works; see `start`."""
        waiting = set(names)
        while waiting:
            self._look_after_all()
            for process in [self._processes[name] for name in sorted(waiting)]:
                if process.is_ready():
                    waiting.remove(process.part.name)
                    self._say(f"{process.part.name:<9} ready in {time.monotonic() - process.started:.1f} s")
                elif time.monotonic() - process.started > process.part.ready_within_seconds:
                    raise PartError(_report(process, f"was not ready within {process.part.ready_within_seconds:.0f} s"))
            time.sleep(_POLL_SECONDS)

    def finish(self, part: Part) -> None:
        """Run a part that ends by itself. Raises PartError if it fails, Stopped if asked to stop."""
        process = Process(part, self._logs / f"{part.name}.log")
        try:
            while (code := process.exit_code()) is None:
                self._look_after_all()
                time.sleep(_POLL_SECONDS)
        finally:
            process.stop(within_seconds=0)
        if code:
            raise PartError(_report(process, f"failed (exit code {code})"))

    def watch(self) -> None:
        """Restart what dies, until asked to stop. Raises PartError when one part dies twice within ten seconds."""
        try:
            while True:
                self._look_after_all()
                time.sleep(_POLL_SECONDS)
        except Stopped:
            return

    def stop(self) -> None:
        """End every part, those started last first; none is left, however it behaves."""
        for group in reversed(self._groups):
            processes = [self._processes[name] for name in group if name in self._processes]
            for process in processes:
                process.ask_to_stop()
            self._wait_for_end(processes)
            for process in processes:
                process.stop(within_seconds=0)
        self._processes.clear()
        self._groups.clear()

    def _wait_for_end(self, processes: list[Process]) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(process.exit_code() is None for process in processes):
            if self.stop_requested > 1 or time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)

    def _look_after_all(self) -> None:
        if self.stop_requested:
            raise Stopped
        for process in list(self._processes.values()):
            if process.exit_code() is not None:
                self._revive(process)

    def _revive(self, process: Process) -> None:
        part, now = process.part, time.monotonic()
        how = _how_it_ended(process.exit_code() or 0)
        process.stop(within_seconds=0)  # what it left of its own children
        if now - self._deaths.get(part.name, float("-inf")) < TWICE_WITHIN_SECONDS:
            raise PartError(_report(process, f"{how}, for the second time in {TWICE_WITHIN_SECONDS:.0f} s"))
        self._deaths[part.name] = now
        self._say(f"{part.name:<9} {how}; starting it again, see {process.log}")
        time.sleep(_PAUSE_BEFORE_RESTART_SECONDS)
        self._processes[part.name] = Process(part, process.log, keep_open=self._keep_open)


def _how_it_ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _report(process: Process, what: str) -> str:
    return f"{process.part.name} {what}. Its last lines, from {process.log}:\n{process.last_lines()}"
