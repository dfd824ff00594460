"""The peers on the same model server: `python -m tests.bench peers`.

its_hub and optillm are installed into `.venv-peers`, from the exact versions in peers.txt. Same question, number of
drafts, temperature and token limit as far as a peer passes them on; what reached the model server stands beside the
figure. None of them streams or stores a draft; ours, measured in between, does both, and counts from the request to the
web server until a viewer has seen the end. What a peer is timed for, from a problem in a process that waits for it to
the answer in that process, is told of ours beside it.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.bench.figures import NOT_MEASURED, Figure
from tests.bench.site import CALL_SECONDS, PACED, recipe, run_watched
from tests.site.live import LiveSite

FOLDER = Path(__file__).parents[2] / ".venv-peers"
PYTHON = FOLDER / "bin/python"
WANTED = Path(__file__).with_name("peers.txt")
INSTALLED = FOLDER / "installed.txt"
ITS_HUB_CAP = 32
"""Requests at once unless told otherwise."""


class Race(NamedTuple):
    """One peer at one size."""

    name: str
    peer: str
    drafts: int
    options: tuple[str, ...] = ()


RACES = (
    *(
        Race(f"its_hub 1.2.0, {n} drafts, as it comes (32 at once)", "its_hub", n, ("--cap", "32"))
        for n in (16, 64, 256)
    ),
    *(Race(f"its_hub 1.2.0, {n} drafts, its bound lifted", "its_hub", n) for n in (64, 256)),
    Race("optillm 0.4.0, self_consistency (always 5 drafts)", "self_consistency", 5),
    *(Race(f"optillm 0.4.0, majority_voting, {n} drafts", "majority_voting", n) for n in (16, 64, 256)),
)
QUICK = (Race("its_hub 1.2.0, 4 drafts, its bound lifted", "its_hub", 4),)


class Unraceable(Exception):
    """Why a peer did not run, in words for the table."""


async def measure(site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    site.model_server.script(PACED)
    try:
        _install()
    except Unraceable as error:
        return [Figure("peers", str(error), NOT_MEASURED)]
    races = QUICK if is_quick else RACES
    ours: dict[int, float] = {}
    figures = []
    with ExitStack() as stack:
        proxy = "" if is_quick else stack.enter_context(_running_optillm(site.model_server.base_url))
        for race in races:
            if race.drafts not in ours:
                ours[race.drafts], alone = await _race_ourselves(site, race.drafts, repeats)
                what = f"ours, {race.drafts} drafts, from the lane's start to its answer: {alone:.2f} s"
                figures.append(Figure("peers", what, f"{alone / CALL_SECONDS:.3f}×"))
            figures.append(_race(site, race, proxy, repeats, ours=ours[race.drafts]))
    return figures


async def _race_ourselves(site: LiveSite, drafts: int, repeats: int) -> tuple[float, float]:
    """Return the medians of the seconds of the whole run, and of its lane alone."""
    site.model_server.script(PACED)
    chosen = recipe("self_consistency", drafts=drafts)
    runs = [await run_watched(site, chosen) for _ in range(repeats)]
    alone = [site.ask(f"api/v1/runs/{run.run_id}")["lanes"][0]["seconds"] for run in runs]
    return median(run.wall_seconds for run in runs), median(alone)


def _race(site: LiveSite, race: Race, proxy: str, repeats: int, *, ours: float) -> Figure:
    address = site.model_server.base_url if race.peer == "its_hub" else proxy
    command = [str(PYTHON), str(Path(__file__).with_name("racing.py")), race.peer, address, "--drafts",
               str(race.drafts), "--repeats", str(repeats), *race.options]  # fmt: skip
    site.model_server.reset()
    site.model_server.script(PACED)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        return Figure("peers", f"{race.name}: {reason[0][:80]}", NOT_MEASURED)
    wall = median(json.loads(done.stdout.splitlines()[-1]))
    sent = _describe(site.model_server.log())
    what = f"{race.name}: {wall:.2f} s; sends {sent}"
    return Figure("peers", what, f"{wall / CALL_SECONDS:.3f}×", f"≥ ours, {ours / CALL_SECONDS:.3f}×", ours <= wall)


def _describe(log: Sequence[dict[str, Any]]) -> str:
    """Say what the requests asked for."""
    names = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "seed", "stream")
    asked = [tuple((name, entry["body"][name]) for name in names if name in entry["body"]) for entry in log]
    kinds = sorted({", ".join(f"{name} {value}" for name, value in each if name != "seed") for each in asked})
    return " or ".join(kinds)


def _install() -> None:
    """Make the peers' environment unless it is there, with exactly these versions. Raises Unraceable."""
    if INSTALLED.exists() and INSTALLED.read_text() == WANTED.read_text():
        return
    pip = (str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    for command in ((sys.executable, "-m", "venv", str(FOLDER)), (*pip, "-r", str(WANTED))):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise Unraceable(f"its_hub and optillm could not be installed: {lines[-1] if lines else 'no reason given'}")
    INSTALLED.write_text(WANTED.read_text())


@contextmanager
def _running_optillm(model_server: str) -> Iterator[str]:
    """Run optillm's proxy; it reads plugins from its folder, and keys from its environment: it gets neither."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not re.search("API_KEY|OPTILLM|CEREBRAS", name)}
    command = [str(FOLDER / "bin/optillm"), "--base-url", model_server, "--port", str(port), "--log", "warning"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command, cwd=folder, env={**kept, "OPENAI_API_KEY": "no-key"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}/v1"
            _wait_for(f"{address}/models", process)
            yield address
        finally:
            process.kill()
            process.wait()


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            return  # every race against it then says that nobody answers
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
