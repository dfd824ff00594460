"""A site of two webs and three workers for all tests of faults; each finds every process alive and the script empty.

A plain `pytest` runs `quick/` only; `pytest tests/faults` (`make faults`) runs `whole/` too.
"""

import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.faults import report
from tests.faults.recorder import Recorder
from tests.faults.stack import Stack, running_stack


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    is_named = any("faults" in argument for argument in config.args)
    return True if collection_path.name == "whole" and not is_named else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failure what each process said last."""
    told = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if told.failed and isinstance(stack, Stack):
        told.sections += [(f"log of {member.name}", member.log[-6000:]) for member in stack.members]
    return told


@pytest.fixture(scope="session")
def site_of_many() -> Iterator[Stack]:
    # not pytest's own folder: each session closes its parent to others, and PostgreSQL may run as another user
    with tempfile.TemporaryDirectory(prefix="retort-faults-", ignore_cleanup_errors=True) as folder:
        with running_stack(Path(folder)) as stack:
            yield stack


@pytest.fixture
async def stack(site_of_many: Stack) -> AsyncIterator[Stack]:
    await site_of_many.restore()
    site_of_many.script()
    yield site_of_many
    watched = (*site_of_many.workers, *site_of_many.webs)
    assert [member.name for member in watched if member.is_wanted and not member.is_alive] == []


@pytest.fixture
async def recorder(stack: Stack) -> AsyncIterator[Recorder]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        recorder = Recorder(stack, session)
        yield recorder
        await recorder.leave()
        report.keep(recorder.told)
