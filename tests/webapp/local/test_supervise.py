"""What dies is started again; what dies twice at once ends everything."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from webapp.local.parts import Part, PartError
from webapp.local.supervising import Stopped, Supervisor


def make_part(folder: Path, script: str, name: str = "worker") -> Part:
    return Part(
        name=name,
        command=("sh", "-c", script.replace("FOLDER", str(folder))),
        is_ready=lambda _log: (folder / "ready").exists(),
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, say=said.append)
    yield supervisor
    supervisor.stop()


def stop_when(supervisor: Supervisor, path: Path, lines: int) -> None:
    """Ask to stop once a part has written this many lines."""

    def wait() -> None:
        while not path.exists() or path.read_text().count("\n") < lines:
            time.sleep(0.02)
        supervisor.stop_requested = 1

    threading.Thread(target=wait, daemon=True).start()


def test_a_part_that_dies_once_is_started_again(supervisor: Supervisor, tmp_path: Path, said: list[str]) -> None:
    script = (
        'touch "FOLDER/ready"; echo $$ >> "FOLDER/starts"; [ $(wc -l < "FOLDER/starts") = 2 ] && exec sleep 60; exit 7'
    )
    stop_when(supervisor, tmp_path / "starts", lines=2)

    supervisor.launch(make_part(tmp_path, script))
    supervisor.watch()

    assert said == [f"worker    ended with exit code 7; starting it again, see {tmp_path}/worker.log"]


def test_a_part_that_dies_twice_in_ten_seconds_ends_everything(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.launch(make_part(tmp_path, "echo disk on fire; exit 7"))

    with pytest.raises(PartError) as failed:
        supervisor.watch()

    assert str(failed.value) == (
        "worker ended with exit code 7, for the second time in 10 s. "
        f"Its last lines, from {tmp_path}/worker.log:\ndisk on fire\ndisk on fire"
    )


def test_a_part_that_never_gets_ready_is_reported(supervisor: Supervisor, tmp_path: Path) -> None:
    part = Part(name="slow", command=("sleep", "60"), is_ready=lambda _log: False, ready_within_seconds=0.2)

    with pytest.raises(PartError, match="slow was not ready within 0 s"):
        supervisor.start(part)


def test_a_task_that_fails_is_reported_with_its_last_lines(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(PartError, match=r"worker failed \(exit code 3\)(.|\n)*no such table"):
        supervisor.finish(make_part(tmp_path, "echo no such table; exit 3"))


def test_stopping_while_parts_come_up_is_heard(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.stop_requested = 1

    with pytest.raises(Stopped):
        supervisor.start(make_part(tmp_path, "exec sleep 60"))


def test_a_part_that_ignores_the_request_is_ended_with_its_children(supervisor: Supervisor, tmp_path: Path) -> None:
    script = 'trap "" TERM; sleep 60 & echo $! > "FOLDER/child"; touch "FOLDER/ready"; wait; sleep 60'
    supervisor.start(make_part(tmp_path, script))
    child = psutil.Process(int((tmp_path / "child").read_text()))
    supervisor.stop_requested = 2

    supervisor.stop()

    psutil.wait_procs([child], timeout=30)  # the kernel ends it a moment after it was told to
    assert not child.is_running()


@pytest.mark.skipif("sys.platform != 'linux'", reason="Only Linux ends children with their parent.")
def test_parts_end_when_we_are_killed(tmp_path: Path) -> None:
    ours = os.fork()
    if ours == 0:
        supervisor = Supervisor(tmp_path, say=lambda _line: None)
        supervisor.start(make_part(tmp_path, 'echo $$ > "FOLDER/pid"; touch "FOLDER/ready"; exec sleep 60'))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(ours, 0)

    part = int((tmp_path / "pid").read_text())

    psutil.wait_procs([psutil.Process(part)] if psutil.pid_exists(part) else [], timeout=30)
    assert not psutil.pid_exists(part) or psutil.Process(part).status() == psutil.STATUS_ZOMBIE
