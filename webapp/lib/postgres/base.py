"""Django's PostgreSQL backend with a pool that outlives PostgreSQL.

psycopg's own check finds broken connections one by one and sleeps in between, a second and more: after a restart of
PostgreSQL the first visitors would be refused. Here the first broken one ends them all.
"""

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base
from psycopg import OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of a thread; of the process' pool where there is one."""

    pool: ConnectionPool | None  # Django's; its stubs do not know these two
    close_pool: Callable[[], None]

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that works. Raises OperationalError."""
        connection = super().get_new_connection(conn_params)
        if not self.pool:
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except OperationalError:
            self.pool.putconn(connection)  # which throws it away
            self.pool.drain()
            connection = super().get_new_connection(conn_params)
        return connection
