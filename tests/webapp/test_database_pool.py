"""The pool of a web process bears the death of all its connections, as a restart of PostgreSQL or a failover brings."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import OperationalError, connection

from webapp.lib.postgres.base import DatabaseWrapper

SIZE = 6


def make_wrapper() -> DatabaseWrapper:
    """Return what a request's thread has: a connection of the pool that all of them share."""
    pool = {"min_size": 0, "max_size": SIZE, "timeout": 2}
    options = {**connection.settings_dict["OPTIONS"], "pool": pool}
    return DatabaseWrapper({**connection.settings_dict, "OPTIONS": options}, alias="pooled")


@pytest.fixture(autouse=True)
def _pool(transactional_db: None) -> Iterator[None]:
    yield
    make_wrapper().close_pool()


def ask(wrapper: DatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def open_all(stack: ExitStack) -> list[int]:
    """Take all connections; they are given back when the stack ends."""
    wrappers = [make_wrapper() for _ in range(SIZE)]
    for wrapper in wrappers:
        stack.callback(wrapper.close)
    return [ask(wrapper) for wrapper in wrappers]


def test_threads_share_connections() -> None:
    with ExitStack() as stack:
        pids = open_all(stack)
    assert len(set(pids)) == SIZE
    with ExitStack() as stack:
        assert set(open_all(stack)) == set(pids)


def test_when_all_have_died_the_next_pages_get_new_ones() -> None:
    with ExitStack() as stack:
        pids = open_all(stack)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [pids])
    with ExitStack() as stack:
        assert not set(open_all(stack)) & set(pids)


def test_who_finds_none_free_is_told() -> None:
    with ExitStack() as stack:
        open_all(stack)
        with pytest.raises(OperationalError, match="couldn't get a connection"):
            ask(make_wrapper())
