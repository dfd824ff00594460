"""The workers of one run, as the log and the database see them: lanes that write, die, and are taken over."""

from dataclasses import dataclass, field
from typing import Any

from tests.faults.reducing import RunState, units
from webapp.runs import claiming, recording
from webapp.runs.models import Lane, Run, Status
from webapp.runs.recording import redis_now
from workers.core import events
from workers.core.values import Usage
from workers.live import stream

PROMPT = "p" * 64


@dataclass
class LaneAtWork:
    """One lane, as the worker knows it that owns it."""

    id: int
    fence: int = 0
    calls: int = 0
    text: str | None = None
    """What the open call has written; None: no call is open."""
    retries: int = 0
    lost_units: int = 0
    """So much of it is in no log any more; a viewer who came since may not know it."""
    facts: list[events.Event] = field(default_factory=list)
    has_begun: bool = False
    has_ended: bool = False
    is_orphan: bool = False
    """Its worker has died."""

    @property
    def call(self) -> str:
        return f"draft-{self.calls}"


class Teller:
    """Writes a run's facts into the database and everything into its log. `truth` is what a reader of all knows."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.lanes = [LaneAtWork(lane) for lane in run.lanes.order_by("column").values_list("id", flat=True)]
        self.truth = RunState([lane.id for lane in self.lanes])
        self.at = 0
        self.is_log_empty = True

    def tick(self) -> int:
        self.at += 1
        return self.at

    def tell(self, lane: LaneAtWork, *emitted: events.Event, is_published: bool = True) -> None:
        """Save the facts and publish everything, or die between the two."""
        told = list(emitted)
        facts = [event for event in told if event.is_fact]
        if facts:
            saved = recording.save_facts(self.run.id, facts, {lane.id: lane.fence}, {PROMPT: "[]"})
            told = [saved.known.get((event.lane, event.identity), event) if event.is_fact else event for event in told]
            told += saved.following
            lane.facts += facts
        if is_published:
            for entry in stream.encode(told):
                stream.append_now(redis_now(), self.run.id, entry)
            self.truth.apply([event.model_dump(mode="json") for event in told])
            self.is_log_empty = False
        else:
            lane.is_orphan = True

    # --- what a lane does ---------------------------------------------------------------------------------

    def claim(self, lane: LaneAtWork) -> events.Event:
        """Begin a lane, or go on where another worker died."""
        if lane.fence:
            Lane.objects.filter(pk=lane.id).update(status=Status.QUEUED, lease_until=None)
        assignment = claiming.claim_work(lane.id)
        assert assignment
        lane.fence, lane.is_orphan, lane.has_begun = assignment.work.fence, False, True
        return events.LaneStarted(lane=lane.id, at=self.tick())

    def start_call(self, lane: LaneAtWork) -> events.Event:
        lane.calls, lane.text, lane.retries, lane.lost_units = lane.calls + 1, "", 0, 0
        return events.CallStarted(
            lane=lane.id, at=self.tick(), call=lane.call, round=0, role="draft", prompt=PROMPT, seed=1,
            max_tokens=100, after=(),
        )  # fmt: skip

    def write(self, lane: LaneAtWork, text: str) -> events.Event:
        assert lane.text is not None
        start, lane.text = units(lane.text), lane.text + text
        return events.TextDelta(
            lane=lane.id, at=self.tick(), call=lane.call, channel="answer", start=start, text=text, tokens=1
        )

    def restart(self, lane: LaneAtWork) -> events.Event:
        lane.text, lane.retries, lane.lost_units = "", lane.retries + 1, 0
        return events.CallRestarted(
            lane=lane.id, at=self.tick(), call=lane.call, retry=lane.retries, error="cut", abandoned_tokens=1
        )

    def end_call(self, lane: LaneAtWork, *, is_done: bool) -> events.Event:
        assert lane.text is not None
        said: dict[str, Any] = {
            "lane": lane.id, "at": self.tick(), "call": lane.call, "text": lane.text, "thinking": "", "usage": Usage(),
        }  # fmt: skip
        lane.text = None
        if not is_done:
            return events.CallFailed(error="broke", **said)
        return events.CallFinished(
            answer=None, finish_reason="stop", first_token_at=None, marks=(), retries=lane.retries, **said
        )

    def end(self, lane: LaneAtWork) -> events.Event:
        lane.has_ended = True
        return events.LaneFinished(lane=lane.id, at=self.tick(), ledger=events.Ledger(), seconds=1, stopped_by="")

    def take_over(self, lane: LaneAtWork) -> None:
        """Play the lane again with another worker, as replay does: every fact, at another time, and open texts anew."""
        before = [fact.model_copy(update={"at": self.tick()}) for fact in lane.facts]
        started = self.claim(lane)
        resumed = events.LaneResumed(lane=lane.id, at=self.tick(), fence=lane.fence)
        if lane.text is not None:
            lane.text, lane.lost_units = "", 0
        self.tell(lane, resumed, started, *before)

    # --- what happens to the log --------------------------------------------------------------------------

    def trim(self, keep: int) -> None:
        redis_now().xtrim(stream._keys(self.run.id)[0], maxlen=keep, approximate=False)
        self._lose()

    def lose_log(self) -> None:
        redis_now().flushall()
        self.is_log_empty = True
        self._lose()

    def _lose(self) -> None:
        for lane in self.lanes:
            lane.lost_units = units(lane.text or "")

    # --- what a viewer must know --------------------------------------------------------------------------

    def compare(self, seen: RunState) -> None:
        """Hold what a viewer knows to the truth, but for texts that no log has any more, of calls still open."""
        truth, known = self.truth.canonical(), seen.canonical()
        for lane in self.lanes:
            if lane.text is not None and lane.lost_units:
                for state in (truth, known):
                    call = state["lanes"][str(lane.id)]["calls"].get(lane.call, {"text": ""})
                    call["text"] = call["text"].encode("utf-16-le")[2 * lane.lost_units :]
        for state in (truth, known):
            state["status"] = "running" if state["status"] == "queued" else state["status"]
        assert known == truth
