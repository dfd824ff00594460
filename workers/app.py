"""The Celery application. Work is sent by name, so that the site never imports the tasks."""

import os
from typing import Any

from celery import Celery
from kombu.transport import redis as broker
from redis.exceptions import ConnectionError as ConnectionLost

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")


class SteadyChannel(broker.Channel):  # type: ignore[misc, unused-ignore]
    """A channel that says in the right words that its connection is gone.

    When the broker is lost while tasks are at work, kombu 5.7 acknowledges and gives back their messages through a
    connection that it has collected: AttributeError, which Celery 5.7 takes for the end of the worker. A lost
    connection it bears, and opens another.
    """

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 (kombu's)
        if self.connection.client is None:
            raise ConnectionLost("The connection to the broker was given up.")
        params: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        return params


broker.Transport.Channel = SteadyChannel  # kombu has no setting for it
app = Celery("retort", include=["workers.tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")
