"""The live log of a run: one Redis stream, both ends in one file.

Every entry is one frame's events and has an offset: 1, 2, 3 … without a hole. The epoch names this incarnation of
the log; if the log was lost and begins anew, the epoch differs and nobody mistakes a new offset for an old one. It
differs too when Redis was started again: with an append-only file written once a second, the last offsets before its
death may be given a second time, to other entries. What the file has kept stays readable.
Source: the recovery rules of Centrifugo.
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from workers.core.events import Event

KEEP_SECONDS = 24 * 3600
KEEP_ENTRIES = 100_000
ENTRY_BYTES = 256 * 1024
"""An entry stays below this, unless one event alone is longer: viewers take it in one piece."""

_BEGIN = """
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known = redis.call('HMGET', KEYS[2], 'epoch', 'server')
if not known[1] then
  redis.call('HSET', KEYS[2], 'epoch', ARGV[2], 'top', 0, 'server', server)
  redis.call('DEL', KEYS[1])
elseif known[2] ~= server then
  redis.call('HSET', KEYS[2], 'epoch', ARGV[2], 'server', server)
end
redis.call('EXPIRE', KEYS[2], ARGV[4])
"""
_APPEND = f"""{_BEGIN}
local top = redis.call('HINCRBY', KEYS[2], 'top', 1)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], top .. '-0', 'events', ARGV[1], 'emitted', ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', KEYS[3], ARGV[5])
return top
"""
# What channels_redis' pub/sub layer sends for group_send(group, {"type": "run.stirred"}): ringing inside the script
# saves a round trip for every flush, and no log can grow unheard.
_DOORBELL = b"\x81\xa4type\xabrun.stirred"  # as MessagePack


class Position(NamedTuple):
    """A place in a run's log. `offset` 0 with an empty epoch: no log, and no log continues it."""

    epoch: str
    offset: int


class Entry(NamedTuple):
    """What was published at once, as JSON, at its offset."""

    offset: int
    events: bytes
    """A JSON array."""
    emitted: float
    """When the oldest of the events happened, in seconds since 1970 by the writer's clock. Only lag is told by it."""


def group_name(run_id: str) -> str:
    """Return the channel-layer group that is rung when the run's log has grown."""
    return f"run.{run_id}"


def encode(events: Sequence[Event]) -> list[bytes]:
    """Return events as JSON arrays, one for each entry: many long drafts that end together are more than one takes."""
    return list(cut_entries(event.model_dump_json().encode() for event in events))


def cut_entries(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Join events to JSON arrays of at most ENTRY_BYTES; at least one, maybe empty."""
    page, length = list[bytes](), 1
    for body in bodies:
        if page and length + len(body) + 1 > ENTRY_BYTES:
            yield b"[" + b",".join(page) + b"]"
            page, length = [], 1
        page.append(body)
        length += len(body) + 1  # its comma, or the bracket at the end
    yield b"[" + b",".join(page) + b"]"


def _keys(run_id: str) -> tuple[str, str]:
    # the braces keep both keys on one node of a Redis cluster
    return f"run:{{{run_id}}}:log", f"run:{{{run_id}}}:meta"


def _append_arguments(run_id: str, events: bytes, emitted: float) -> tuple[str | bytes | int, ...]:
    bell = f"asgi__group__{group_name(run_id)}"
    limits = (KEEP_ENTRIES, KEEP_SECONDS)
    return (*_keys(run_id), bell, events, secrets.token_hex(8), *limits, _DOORBELL, f"{emitted:.3f}")


def begin(redis: Redis, run_id: str) -> None:
    """Begin the run's log, if it has none: who comes before the first entry has a place in this very log."""
    redis.eval(_BEGIN, 3, *_append_arguments(run_id, b"", 0))


async def append(redis: AsyncRedis, run_id: str, events: bytes, emitted: float) -> int:
    """Add one entry to the run's log, ring for its viewers, and return its offset."""
    return int(await redis.eval(_APPEND, 3, *_append_arguments(run_id, events, emitted)))


def append_now(redis: Redis, run_id: str, events: bytes) -> int:
    """Add one entry, of what happened at this moment, from code that is not asynchronous."""
    return int(redis.eval(_APPEND, 3, *_append_arguments(run_id, events, time.time())))


async def read_end(redis: AsyncRedis, run_id: str) -> Position:
    """Return the end of the run's log."""
    return _position(await redis.hmget(_keys(run_id)[1], "epoch", "top"))  # type: ignore[arg-type]


async def read_after(redis: AsyncRedis, run_id: str, after: int, limit: int = 500) -> tuple[Position, list[Entry]]:
    """Return the log's end and the entries behind `after`, oldest first.

    Complete only if the first entry's offset is `after + 1`: the caller checks.
    """
    log, meta = _keys(run_id)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hmget(meta, "epoch", "top")
        pipe.xrange(log, min=f"({after}-0", max="+", count=limit)
        head, found = await pipe.execute()
    return _position(head), [_entry(item) for item in found]


async def begin_anew(redis: AsyncRedis, run_id: str) -> None:
    """Drop the run's log, from which something is missing; the next append begins a new epoch."""
    await redis.delete(*_keys(run_id))


def forget(redis: Redis, run_id: str) -> None:
    """Drop the run's log; the next append begins a new epoch."""
    redis.delete(*_keys(run_id))


def read_position(redis: Redis, run_id: str) -> Position:
    """Return the end of the run's log."""
    return _position(redis.hmget(_keys(run_id)[1], "epoch", "top"))  # type: ignore[arg-type]


def read_back(redis: Redis, run_id: str, before: int, limit: int = 500) -> list[Entry]:
    """Return entries up to and with offset `before`, newest first."""
    found = redis.xrevrange(_keys(run_id)[0], max=f"{before}-0", min="-", count=limit)
    return [_entry(item) for item in found]  # type: ignore[arg-type, union-attr]


def _position(head: Sequence[bytes | None]) -> Position:
    epoch, top = head
    return Position(epoch.decode(), int(top or 0)) if epoch else Position("", 0)


def _entry(item: tuple[bytes, dict[bytes, bytes]]) -> Entry:
    name, fields = item
    return Entry(int(name.split(b"-")[0]), fields[b"events"], float(fields.get(b"emitted", 0)))
