"""The folder `var/`: one `manage.py up` at a time, room to write, the secret key, what the engines are called."""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from webapp.local.parts import PartError

_ROOM_BYTES = 300 * 1024 * 1024
_PATIENCE_SECONDS = 5.0
"""Parts of a killed predecessor hold the lock until they are gone."""


@contextmanager
def locked(var: Path, *, address: str) -> Iterator[int]:
    """Hold the folder for the length of a `with`; gives the lock, which parts keep open: it outlives us with them."""
    lock = os.open(var / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, var)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()}, {address}".encode(), 0)
        yield lock
        os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def _take(lock: int, var: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 200, 0).decode(errors="replace")
            if _is_alive(holder) or time.monotonic() > deadline:
                raise PartError(
                    f"Retort already runs from {var} ({holder or 'it is stopping'}): stop that one first."
                ) from None
            time.sleep(0.1)
        else:
            return


def _is_alive(holder: str) -> bool:
    try:
        os.kill(int(holder.removeprefix("process ").split(",")[0]), 0)
    except (ValueError, OSError):
        return False
    return True


def check_room(var: Path) -> None:
    free = shutil.disk_usage(var).free
    if free < _ROOM_BYTES:
        mib = 1024 * 1024
        raise PartError(
            f"The disk that holds {var} is full: {free // mib} MiB are free, Retort needs {_ROOM_BYTES // mib}."
        )


def secret_key(var: Path) -> str:
    """Return the key of this folder, made at the first start; only we may read it."""
    path = var / "secret_key"
    if not path.exists() or not path.read_text():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


@contextmanager
def published(var: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Tell other commands run in this folder, through settings.py, what our engines are called."""
    path = var / "local.env"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in {"UP_PROCESS": os.getpid(), **environment}.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
