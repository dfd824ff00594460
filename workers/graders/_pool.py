"""Ask questions that may never be answered: in child processes that are killed when they take too long.

`signal.alarm` works in no thread but the first, and C code holding the interpreter ignores every polite stop; a
process that is killed always stops. Children are started with `subprocess`, not `multiprocessing`: Celery's worker
processes may have no `multiprocessing` children, and nothing of the parent is imported or copied.

A question's seconds are seconds of CPU: on a machine that a model server keeps busy, an honest comparison takes long
on the clock, and must not be called a timeout for that. The kernel ends a child that has used them up; the parent
kills one that takes `_PATIENCE` times as long on the wall clock. A child also ends by itself when its parent is gone
(its standard input closes). See `_child.py` for the other end.
"""

import atexit
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import LifoQueue
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
_PATIENCE = 4
_OUT_OF_CPU = (-signal.SIGPROF, -signal.SIGXCPU)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each thread reserves address space


class TookTooLong(Exception):
    """The question was still unanswered at the deadline, or it brought two children down; they were killed."""


class PoolBroken(Exception):
    """No child can be started at all: our own fault, or the machine's."""


class KillablePool:
    """A few child processes that answer questions, started when first needed.

    `ask` may be called from any thread, many at once; who finds no free child waits for one. The clock of a question
    starts when a child that is ready takes it.
    """

    def __init__(self, module: str, *, size: int, seconds: float) -> None:
        """Serve `module.answer(question)`, with `size` children and `seconds` of CPU for each question."""
        self._module = module
        self._size = size
        self._seconds = seconds
        self._seats: LifoQueue[_Child | None] = LifoQueue()
        self._children: set[_Child] = set()
        self._lock = threading.Lock()
        self._forget()
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._forget)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the child's answer; raises TookTooLong or PoolBroken."""
        line = json.dumps(question).encode() + b"\n"
        child = self._seats.get()
        try:
            for _attempt in range(2):  # a child that sat idle may have been killed by somebody else
                if child is None or not child.is_alive():
                    self._discard(child)
                    child = self._start()
                child.wait_until_ready()
                reply = child.ask(line)
                if reply is not None:
                    return reply
            raise TookTooLong("it brought down two processes")
        except BaseException as error:  # an answer that comes late must not be taken for the next question's
            self._discard(child)
            child = self._start() if isinstance(error, TookTooLong) else None  # warm when the next one asks
            raise
        finally:
            self._seats.put(child)

    def pids(self) -> list[int]:
        """Return the ids of the child processes that live now."""
        with self._lock:
            return [child.pid for child in self._children if child.is_alive()]

    def close(self) -> None:
        """Kill every child. The next question starts new ones."""
        with self._lock:
            children, self._children = self._children, set()
        for child in children:
            child.kill()

    def _start(self) -> "_Child":
        try:
            child = _Child(self._module, seconds=self._seconds)
        except OSError as error:
            raise PoolBroken(f"The grading process could not be started: {error}.") from error
        with self._lock:
            self._children.add(child)
        return child

    def _discard(self, child: "_Child | None") -> None:
        if child is None:
            return
        child.kill()
        with self._lock:
            self._children.discard(child)

    def _forget(self) -> None:
        """Begin anew with empty seats; after a fork the children are the parent's."""
        self._lock = threading.Lock()
        self._children = set()
        self._seats = LifoQueue()
        for _seat in range(self._size):
            self._seats.put(None)


class _Child:
    """One process, at one question at a time: a line of JSON in, a line of JSON out."""

    def __init__(self, module: str, *, seconds: float) -> None:
        self._seconds = seconds
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.graders._child", module, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env={**kept, **_ONE_THREAD},  # no keys, no addresses: hostile text is read in there
            bufsize=0,
            start_new_session=True,  # Ctrl-C in a terminal is the parent's business
        )
        self._is_ready = False
        self._rest = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        if self._is_ready:
            return
        try:
            line = self._read_line(_START_SECONDS)
        except TookTooLong:
            line = None
        if line is None:
            raise PoolBroken(f"The grading process did not start (exit code {self._end()}).")
        self._is_ready = True

    def ask(self, line: bytes) -> dict[str, Any] | None:
        """Return the answer, or None if somebody else has killed the process. Raises TookTooLong."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
        except OSError:
            return None
        reply = self._read_line(self._seconds * _PATIENCE)
        if reply is not None:
            return dict(json.loads(reply))
        if self._end() in _OUT_OF_CPU:
            raise TookTooLong(f"it took longer than {self._seconds:g} seconds")
        return None

    def _end(self) -> int | None:
        """Return how the process ended, a moment after its output has."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return self._process.returncode

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _read_line(self, seconds: float) -> bytes | None:
        """Return the next line, or None at the end of the stream; raises TookTooLong."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:  # not select(): it knows no descriptor beyond 1023
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TookTooLong(f"it took longer than {seconds:g} seconds")
                chunk = os.read(self._process.stdout.fileno(), 65_536)
                if not chunk:
                    return None
                self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        return line
