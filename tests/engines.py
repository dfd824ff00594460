"""Gives the tests real engines: loaded by `-p tests.engines` before Django reads its settings.

PostgreSQL and Redis are started once per session, empty, on sockets in a private folder, unless DATABASE_URL and
REDIS_URL point elsewhere. Nothing of a `make run` in the same folder is touched.
"""

import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

_stack = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    _set_up()
    return (yield)


def pytest_unconfigure() -> None:
    _stack.close()


def _set_up() -> None:
    from webapp.local import postgres, redis

    var = Path(_stack.enter_context(tempfile.TemporaryDirectory(prefix="retort-tests-", ignore_cleanup_errors=True)))
    os.environ["RETORT_VAR"] = str(var)
    os.environ.setdefault("SECRET_KEY", "for tests only")
    os.environ.setdefault("VLLM_BASE_URL", "http://127.0.0.1:9")  # nobody answers: a test names its own server
    os.environ.setdefault("VLLM_MODEL", "scripted")
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = _stack.enter_context(postgres.running(var / "postgres", is_durable=False))
    if not os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = _stack.enter_context(redis.running(var / "redis"))
