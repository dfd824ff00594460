"""Trying again while the database is away, or refuses for the moment."""

import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connections

log = structlog.get_logger(__name__)
_READ_ONLY = "25006"  # a standby that is about to become the primary

P = ParamSpec("P")
T = TypeVar("T")


def patient(verb: Callable[P, T], seconds: Callable[[], float]) -> Callable[P, T]:
    """Return `verb`, which is one transaction and may be done twice, made to try again for so many seconds.

    Only what may pass is tried again: lost connections, deadlocks, failed serialization, too many connections,
    a server that is starting or read-only. `seconds` is asked after each failure.
    """

    def try_again(*args: P.args, **kwargs: P.kwargs) -> T:
        began, wait = time.monotonic(), 0.05
        while True:
            try:
                return verb(*args, **kwargs)
            except DatabaseError as error:
                if not may_pass(error) or time.monotonic() - began + wait > seconds():
                    raise
                log.warning("database_trouble", error=type(error.__cause__).__name__)
            except InterfaceError:  # the connection was closed under us
                if time.monotonic() - began + wait > seconds():
                    raise
            connections.close_all()  # this thread's
            time.sleep(wait * (1 + random.random()))  # not all workers at the same moment
            wait = min(2 * wait, 1.0)

    return try_again


def may_pass(error: DatabaseError) -> bool:
    """Say whether the same may work in a moment: a lost connection, a deadlock, a server that is full or read-only."""
    return isinstance(error, OperationalError) or getattr(error.__cause__, "sqlstate", None) == _READ_ONLY
