"""One process of a site, which can be killed, halted, told to stop and started again by itself."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from webapp.local import parts
from webapp.local.parts import Part, PartError, Process


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
        return self.process_now.pid

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.exit_code() is None

    @property
    def is_ready(self) -> bool:
        return self.is_alive and not self.is_halted and self.process_now.is_ready()

    @property
    def process_now(self) -> Process:
        """The process of this life, or of the last."""
        assert self.process is not None, f"{self.name} was never started"
        return self.process

    @property
    def log(self) -> str:
        """Everything it said in this life."""
        return self.process_now.log.read_text(errors="replace")

    def launch(self) -> None:
        """Begin a life, from the main thread: the kernel ends the process with the thread that began it."""
        self.lives += 1
        self.is_wanted = True
        self.process = Process(self.part, self.folder / f"{self.name}.{self.lives}.log")

    def wait_ready(self) -> None:
        """Return when it works; raise PartError with its last lines if it does not."""
        parts.wait_ready(self.process_now)

    async def start(self) -> None:
        """Begin a life and return when it works; engines may need several tries beside what a dead one left."""
        deadline = time.monotonic() + self.part.ready_within_seconds
        while not await asyncio.to_thread(lambda: self.is_ready):
            if not self.is_alive:
                self.launch()
            if time.monotonic() > deadline:
                raise PartError(f"{self.name} does not start:\n{self.process_now.last_lines(40)}")
            await asyncio.sleep(0.1)

    def ask_to_end(self) -> None:
        """Ask it to stop, halted or not, if it was ever started; see `end`."""
        if self.process is None:
            return
        if self.is_alive and self.is_halted:
            self.go_on()
        self.process.ask_to_stop()

    def end(self) -> None:
        """Wait until it has stopped, and end what is left of it after 10 s."""
        if self.process is not None:
            self.process.stop(within_seconds=10)

    def kill(self) -> None:
        """Kill -9: it learns of nothing."""
        self.is_wanted = False
        self.process_now.stop(within_seconds=0)
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
        os.kill(self.process_now.pid, signal.SIGUSR2)

    async def terminate(self, *, within_seconds: float = 30) -> float:
        """Ask it to stop, as a deploy does; return how many seconds it took."""
        began = time.monotonic()
        self.is_wanted = False
        self.process_now.ask_to_stop()
        while self.is_alive:
            if time.monotonic() - began > within_seconds:
                raise AssertionError(f"{self.name} did not stop within {within_seconds} s")
            await asyncio.sleep(0.05)
        took = time.monotonic() - began
        self.kill()  # what it left of children
        return took

    def memory(self) -> int:
        """Return the bytes it holds, its children not counted."""
        return int(psutil.Process(self.process_now.pid).memory_info().rss)

    def children_with(self, *words: str) -> list[psutil.Process]:
        """Return the processes it started whose command has all these words."""
        children = psutil.Process(self.process_now.pid).children(recursive=True)
        running = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in running if set(words) <= set(child.cmdline())]

    def _signal_all(self, number: signal.Signals) -> None:
        family = psutil.Process(self.process_now.pid)
        for process in [family, *family.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                os.kill(process.pid, number)
