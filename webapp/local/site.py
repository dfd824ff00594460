"""The parts that are Retort itself: two kinds of worker and the web server."""

import http.client
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from webapp.local.parts import Part, PartError

_MANAGE = str(Path(__file__).parents[2] / "manage.py")
_FOLDER = str(Path(__file__).parents[2])


def preparing(environment: Mapping[str, str]) -> Part:
    return Part(
        name="database",
        command=(sys.executable, _MANAGE, "prepare"),
        is_ready=lambda _log: True,
        environment=environment,
    )


def worker(queue: str, *, threads: int, environment: Mapping[str, str], name: str = "") -> Part:
    """Return a worker of that queue; several on one machine need names of their own."""
    name = name or queue
    command = ("-m", "celery", "-A", "workers.app", "worker", "-Q", queue, "-n", f"{name}@%h", "--loglevel", "INFO")
    return Part(
        name=name,
        command=(
            *(sys.executable, *command, "--pool", "threads", "--concurrency", str(threads)),
            *("--without-gossip", "--without-mingle"),
        ),
        is_ready=lambda log: f"{name}@" in (text := log.read_text(errors="replace")) and " ready." in text,
        environment={**environment, "PYTHONPATH": _FOLDER},
    )


def web(*, host: str, port: int, environment: Mapping[str, str]) -> Part:
    return Part(
        name="web",
        command=(
            *(sys.executable, "-m", "uvicorn", "webapp.asgi:application", "--host", host, "--port", str(port)),
            *("--loop", "uvloop", "--http", "httptools", "--lifespan", "on", "--no-access-log"),
            *("--ws-per-message-deflate", "false", "--ws-max-size", "65536", "--timeout-graceful-shutdown", "2"),
        ),
        is_ready=lambda _log: _answers(reachable(host), port),
        environment={**environment, "PYTHONPATH": _FOLDER},
        stop_signal=signal.SIGTERM,
    )


def reachable(host: str) -> str:
    """Return where to reach a server from this machine that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def address(host: str, port: int) -> str:
    host = reachable(host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def check_port(host: str, port: int) -> None:
    """Raise PartError if nothing can listen there."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise PartError(
            f"Port {port} on {host} cannot be used ({error.strerror or error}): "
            f"choose another, as in `make run PORT={port + 1}`."
        ) from None


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
