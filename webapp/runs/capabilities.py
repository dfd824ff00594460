"""What the models of the server can do, as a worker found out: kept in Redis, looked at again in the background."""

import hashlib
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

import orjson
from django.conf import settings
from kombu.exceptions import OperationalError
from pydantic import ValidationError
from redis.exceptions import RedisError

from webapp.runs.recording import redis_now
from workers.app import app
from workers.core.capabilities import Capabilities, Feature

KEEP_SECONDS = 24 * 3600
PROBE_SECONDS = 6 * 3600
"""What is older is found out anew, even if the server says the same of itself."""
CHECK_SECONDS = 60
"""How often a worker looks whether the server is still the same, while pages want to know."""


class _Known(NamedTuple):
    identity: str
    capabilities: Capabilities


def recall(model: str) -> Capabilities | None:
    """Return what is known of a model, or None. Waits for no server: a worker is asked to look."""
    try:
        known = _read(model)
        if redis_now().set(f"{_key(model)}:asked", 1, nx=True, ex=CHECK_SECONDS):
            app.send_task(
                "workers.tasks.probe_model", kwargs={"model": model}, queue="runs", expires=CHECK_SECONDS, retry=False
            )
    except (RedisError, OperationalError):
        return None
    return known.capabilities if known else None


def find_lacks(needs: Collection[Feature], *models: str) -> list[str]:
    """Return a sentence for each need that a model is known not to meet; what is unknown forbids nothing."""
    known = [recall(model) for model in models if model] if needs else []
    return [lack for one in known if one for lack in one.explain_lacks(needs)]


def is_current(model: str, identity: str) -> bool:
    """Say whether all is known of the model on this very server, and lately found out."""
    known = _read(model)
    if known is None or known.identity != identity or not known.capabilities.is_complete:
        return False
    left: int = redis_now().ttl(_key(model))
    return left > KEEP_SECONDS - PROBE_SECONDS


def remember(model: str, identity: str, capabilities: Capabilities) -> None:
    """Keep what a probe found."""
    text = orjson.dumps({"identity": identity, "capabilities": capabilities.model_dump()})
    redis_now().set(_key(model), text, ex=KEEP_SECONDS)


def forget(model: str) -> None:
    """Know nothing of the model: the server could not be asked."""
    redis_now().delete(_key(model))


def _read(model: str) -> _Known | None:
    text = redis_now().get(_key(model))
    with suppress(ValueError, KeyError, TypeError, ValidationError):  # an older version wrote it
        if text:
            fields = orjson.loads(text)
            return _Known(fields["identity"], Capabilities.model_validate(fields["capabilities"]))
    return None


def _key(model: str) -> str:
    place = f"{settings.MODEL_SERVER.base_url}\n{model}"
    return f"capabilities:{hashlib.sha256(place.encode('utf-8', 'replace')).hexdigest()[:32]}"
