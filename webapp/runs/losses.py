"""What is lost with a worker that dies: the attempts that were open, whose tokens nobody counted to the end.

They are estimated by the text that viewers were sent. At most what came after the last frame is missing: the tokens
of some 40 ms, and a prompt that the server had read before its first token.
"""

from collections import defaultdict
from collections.abc import Sequence

import orjson
import structlog
from django.db.models import Max
from redis.exceptions import RedisError

from webapp.runs.models import Call, Lane
from webapp.runs.recording import redis_now
from webapp.runs.snapshots import OpenCall, read_open_deltas
from workers.core.events import CallRestarted
from workers.core.model import estimate_tokens
from workers.live import stream

log = structlog.get_logger(__name__)


def find_losses(lanes: Sequence[Lane]) -> dict[int, list[CallRestarted]]:
    """Return the attempts that died with the workers of these lanes, by lane; the log of each run is read once."""
    by_run = defaultdict[str, list[Call]](list)
    for call in Call.objects.filter(lane__in=lanes, state="running").select_related("lane__run", "prompt"):
        by_run[call.lane.run_id].append(call)
    losses = defaultdict[int, list[CallRestarted]](list)
    for run_id, calls in by_run.items():
        written = _count_written(run_id, {(call.lane_id, call.key) for call in calls})
        for call in calls:
            losses[call.lane_id].append(_describe(call, written.get((call.lane_id, call.key), 0)))
    return losses


def _describe(call: Call, tokens: int) -> CallRestarted:
    return CallRestarted(
        lane=call.lane_id, at=call.lane.run.clock_ms(), call=call.key, retry=call.retries + 1,
        error="The worker died while it was written.", abandoned_tokens=tokens,
        abandoned_prompt_tokens=_measure_prompt(call) if tokens else 0, is_estimate=True,
    )  # fmt: skip


def _measure_prompt(call: Call) -> int:
    """Return the prompt's size as the server counted it for another call with the same one, or an estimate."""
    counted = Call.objects.filter(prompt=call.prompt, lane__run=call.lane.run_id).aggregate(size=Max("prompt_tokens"))
    if counted["size"]:
        return int(counted["size"])
    return sum(estimate_tokens(content) for _role, content in orjson.loads(call.prompt.messages))


def _count_written(run_id: str, calls: set[OpenCall]) -> dict[OpenCall, int]:
    """Return how many tokens each call's last attempt had written, by the run's log, where it had any."""
    found = dict[OpenCall, int]()
    try:
        top = stream.read_position(redis_now(), run_id).offset
        for delta in read_open_deltas(run_id, top, calls):
            call = (delta["lane"], delta["call"])
            found[call] = max(found.get(call, 0), delta["tokens"])
    except RedisError as error:
        log.warning("losses_unknown", run=run_id, error=type(error).__name__)
    return found
