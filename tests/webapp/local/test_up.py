"""`manage.py up`, for real: everything comes up, tells where it is, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

ENGINES = ("DATABASE_URL", "REDIS_URL", "VLLM_BASE_URL", "OPENAI_BASE_URL", "VLLM_MODEL", "SECRET_KEY")


class Up:
    """One `manage.py up` in a folder of its own."""

    def __init__(self, var: Path, port: int, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.output = var.with_name(f"output-{time.monotonic_ns()}")
        clean = {name: value for name, value in os.environ.items() if name not in ENGINES}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "up"],
                env={**clean, "RETORT_VAR": str(var), "PORT": str(port), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def says(self) -> str:
        return self.output.read_text()

    def wait_until_says(self, text: str, times: int = 1) -> None:
        while self.says().count(text) < times:
            assert self.process.poll() is None, self.says()
            time.sleep(0.05)

    def ended(self) -> int:
        return self.process.wait(60)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, words: str) -> psutil.Process:
        return next(part for part in self.descendants() if words in " ".join(part.cmdline()))


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ups() -> Iterator[list[Up]]:
    ups: list[Up] = []
    yield ups
    for up in ups:
        up.process.send_signal(signal.SIGTERM)
        up.process.wait(60)


def assert_all_gone(processes: list[psutil.Process]) -> None:
    _gone, left = psutil.wait_procs(processes, timeout=60)
    assert [part.cmdline() for part in left if part.status() != psutil.STATUS_ZOMBIE] == []


def test_everything_comes_up_once_and_ends_without_orphans(tmp_path: Path, port: int, ups: list[Up]) -> None:
    up = Up(tmp_path / "var", port)
    ups.append(up)
    up.wait_until_says("Retort is at")
    with urllib.request.urlopen(f"{up.url}/healthz") as response:
        assert response.status == 200
    second = Up(tmp_path / "var", port)
    assert second.ended() == 1
    assert second.says() == (
        f"Retort already runs from {tmp_path}/var (process {up.process.pid}, {up.url}/): stop that one first.\n"
    )

    up.find("postgres -D").kill()
    up.wait_until_says("postgres  was killed by signal 9; starting it again")
    up.find("uvicorn").kill()
    up.wait_until_says("web       was killed by signal 9; starting it again")
    family = up.descendants()
    up.process.send_signal(signal.SIGTERM)

    assert up.ended() == 0, up.says()
    assert up.says().endswith("Stopping (SIGTERM).\n")
    assert_all_gone(family)
    assert not (tmp_path / "var/local.env").exists()
    for part in ("postgres", "redis", "model", "runs", "suites", "web"):
        assert f"\n{part:<9} ready in" in f"\n{up.says()}"


def test_a_model_server_of_ones_own_replaces_the_embedded_one(tmp_path: Path, port: int, ups: list[Up]) -> None:
    up = Up(tmp_path / "var", port, VLLM_BASE_URL="http://127.0.0.1:9", VLLM_MODEL="mine")
    ups.append(up)

    up.wait_until_says("Retort is at")

    assert up.says().startswith(
        "model     No model server answers at http://127.0.0.1:9/v1 ([Errno 111] Connection refused)."
    )
    assert not [part for part in up.descendants() if "webapp.local.model_server" in " ".join(part.cmdline())]


def test_no_part_outlives_a_killed_up(tmp_path: Path, port: int) -> None:
    up = Up(tmp_path / "var", port, VLLM_BASE_URL="http://127.0.0.1:9")
    up.wait_until_says("Retort is at")
    family = up.descendants()

    up.process.kill()
    up.ended()

    assert len(family) >= 5
    assert_all_gone(family)


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = Up(tmp_path / "var", port)

        assert up.ended() == 1

    assert up.says() == (
        f"Port {port} on 127.0.0.1 cannot be used (Address already in use): "
        f"choose another, as in `make run PORT={port + 1}`.\n"
    )


def test_a_port_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    up = Up(tmp_path / "var", 80800)

    assert up.ended() == 1
    assert up.says() == "PORT must be a number from 1 to 65535, not '80800'.\n"
