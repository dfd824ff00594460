"""A part: one process that belongs to us, from its start to its end. Knows nothing of which parts there are."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOCKET_PATH_BYTES = 103  # Linux takes 107, macOS 103
_PR_SET_PDEATHSIG = 1


class PartError(Exception):
    """What went wrong with a part, as a sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What to run, and how to tell that it works."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[Path], bool]
    """Given the part's log file; asked every twentieth of a second."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to our own."""
    user: str | None = None
    """Whom to run as, with the group of that name; None is whoever we are."""
    stop_signal: int = signal.SIGTERM
    ready_within_seconds: float = 60


class Process:
    """A part that runs."""

    def __init__(self, part: Part, log: Path, *, keep_open: Sequence[int] = ()) -> None:
        self.part, self.log = part, log
        self.started = time.monotonic()
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **part.environment},
                **identity(part.user),
                pass_fds=keep_open,
                start_new_session=True,  # Ctrl-C reaches us alone; we end the parts in order
                preexec_fn=_dying_with_us(part.stop_signal),
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_code(self) -> int | None:
        """Return None while it runs."""
        return self._popen.poll()

    def is_ready(self) -> bool:
        return self.part.is_ready(self.log)

    def ask_to_stop(self) -> None:
        self._signal(self.part.stop_signal, group=False)

    def stop(self, *, within_seconds: float) -> None:
        """Wait for an end that was asked for, then end the whole process group by force."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(max(within_seconds, 0.01))
        self._signal(signal.SIGKILL, group=True)
        self._popen.wait()

    def last_lines(self, count: int = 15) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    def _signal(self, number: int, *, group: bool) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            (os.killpg if group else os.kill)(self._popen.pid, number)


def identity(user: str | None) -> dict[str, Any]:
    """Return what Popen needs to become `user`; our own groups must not come along."""
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _dying_with_us(stop_signal: int) -> Callable[[], None] | None:
    """Have the kernel end the part if we are killed without a chance to; Linux only."""
    if sys.platform != "linux":
        return None
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def set_up() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != parent:  # too late: we died between fork and here
            os._exit(1)

    return set_up


def wait_ready(process: Process) -> None:
    """Return when the part works; raise PartError with its last lines if it ends or takes too long."""
    name, limit = process.part.name, process.part.ready_within_seconds
    while not process.is_ready():
        if process.exit_code() is not None:
            raise PartError(f"{name} ended while starting. Its last lines:\n{process.last_lines()}")
        if time.monotonic() - process.started > limit:
            raise PartError(f"{name} was not ready within {limit:.0f} s. Its last lines:\n{process.last_lines()}")
        time.sleep(0.05)


@contextmanager
def running(part: Part, log: Path) -> Iterator[Process]:
    """Run one part, ready, for the length of a `with`."""
    process = Process(part, log)
    try:
        wait_ready(process)
        yield process
    finally:
        process.ask_to_stop()
        process.stop(within_seconds=10)


@contextmanager
def private_folder(longest_name: str = ".s.PGSQL.5432") -> Iterator[Path]:
    """Make a short folder for sockets, ours alone: a socket's whole path must stay within 103 bytes."""
    for parent in (tempfile.gettempdir(), "/tmp"):
        folder = Path(tempfile.mkdtemp(prefix="retort-", dir=parent))
        if len(os.fsencode(folder / longest_name)) <= SOCKET_PATH_BYTES:
            break
        folder.rmdir()
    else:
        raise PartError(
            f"No folder is short enough for sockets: set TMPDIR to one of under {SOCKET_PATH_BYTES - 40} bytes."
        )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
