"""What a browser makes of events: static/js/run/reduce.js in Python. A test holds the two to each other."""

from typing import Any

Event = dict[str, Any]
ENDED = ("finished", "failed", "cancelled")


class RunState:
    """A run as one viewer knows it."""

    def __init__(self, lane_ids: list[int]) -> None:
        self.status = "queued"
        self.lanes = {lane_id: LaneState() for lane_id in lane_ids}

    def apply(self, events: list[Event]) -> bool:
        """Apply events in order; False when a delta does not join on: events before it are missing."""
        is_whole = True
        for event in events:
            if event["kind"] == "run_ended":
                self.status = event["status"]
            elif (lane := self.lanes.get(event["lane"])) is None:
                continue  # another problem or repeat of the same run
            elif event["kind"] == "text_delta":
                is_whole = lane.apply_delta(event) and is_whole
            elif lane.apply_fact(event) and self.status == "queued":
                self.status = "running"
        return is_whole

    def canonical(self) -> dict[str, Any]:
        """Return the state as plain JSON, without what is only of the moment."""
        return {"status": self.status, "lanes": {str(key): lane.canonical() for key, lane in self.lanes.items()}}


class LaneState:
    """A lane as one viewer knows it."""

    def __init__(self) -> None:
        self.state = "queued"
        self.seen: set[str] = set()
        self.calls: dict[str, Event] = {}
        self.parts: dict[str, Any] = {}
        """Rounds, workspaces, votes, notes, answer, verdict, ending: the facts themselves, by name and place."""

    def apply_delta(self, event: Event) -> bool:
        call = self.calls.get(event["call"])
        if call is None:
            return False
        if call["state"] != "running" or event["at"] < call["void_before"]:
            return True
        channel = "thinking" if event["channel"] == "thinking" else "text"
        known, start = units(call[channel]), event["start"]
        if start > known:
            return False
        if start + units(event["text"]) > known:
            call[channel] += skip(event["text"], known - start)
        return True

    def apply_fact(self, event: Event) -> bool:
        identity = identify(event)
        if identity in self.seen:
            return False
        self.seen.add(identity)
        kind = event["kind"]
        if kind in _CALLS:
            _CALLS[kind](self, event)
        elif kind == "lane_started" and self.state == "queued":
            self.state = "running"
        elif kind in ("lane_finished", "lane_failed", "lane_cancelled"):
            self.state = kind.removeprefix("lane_")
        if "call" not in event:
            self.place(identity, event)
        return True

    def resume(self, event: Event) -> None:
        for call in self.calls.values():
            if call["state"] == "running":
                void(call, event["at"])

    def place(self, identity: str, event: Event) -> None:
        """Keep a fact that is shown as it is; of a round's votes the fullest count."""
        if event["kind"] == "votes_counted":
            name = f"votes:{event['round']}"
            known = self.parts.get(name)
            if known is None or ballots(event) > ballots(known):
                self.parts[name] = event
        else:
            self.parts[identity] = event

    def start_call(self, event: Event) -> None:
        self.calls[event["call"]] = {
            **{name: event[name] for name in ("round", "role", "prompt", "seed", "max_tokens", "after", "at")},
            "state": "running", "void_before": 0, "text": "", "thinking": "", "retries": 0, "abandoned": 0,
            "end": None, "ruling": None, "scores": {},
        }  # fmt: skip

    def restart_call(self, event: Event) -> None:
        call = self.calls.get(event["call"])
        if call is None or call["state"] != "running":
            return
        void(call, event["at"])
        call["retries"] = max(call["retries"], event["retry"])
        call["abandoned"] += event["abandoned_tokens"]

    def end_call(self, event: Event) -> None:
        call, state = self.calls.get(event["call"]), _ENDS[event["kind"]]
        if call is None or call["state"] == "done" or (call["state"] != "running" and state != "done"):
            return
        call |= {"state": state, "text": event["text"], "thinking": event["thinking"], "end": event}
        call["retries"] = event.get("retries", call["retries"])

    def grade(self, event: Event) -> None:
        if call := self.calls.get(event["call"]):
            call["ruling"] = event["ruling"]

    def score(self, event: Event) -> None:
        if call := self.calls.get(event["call"]):
            call["scores"][event["by"]] = event["value"]

    def canonical(self) -> dict[str, Any]:
        calls = {
            key: {name: value for name, value in call.items() if name != "void_before"}
            for key, call in sorted(self.calls.items())
        }
        return {"state": self.state, "calls": calls, "parts": dict(sorted(self.parts.items()))}


_ENDS = {"call_finished": "done", "call_failed": "failed", "call_cancelled": "cancelled"}
_CALLS = {
    "lane_resumed": LaneState.resume,
    "call_started": LaneState.start_call,
    "call_restarted": LaneState.restart_call,
    "call_finished": LaneState.end_call,
    "call_failed": LaneState.end_call,
    "call_cancelled": LaneState.end_call,
    "draft_graded": LaneState.grade,
    "candidate_scored": LaneState.score,
}


def reduce(lane_ids: list[int], events: list[Event]) -> dict[str, Any]:
    """Return what a viewer knows who has seen these events and nothing else."""
    state = RunState(lane_ids)
    state.apply(events)
    return state.canonical()


def identify(event: Event) -> str:
    """Name a fact within its lane."""
    kind = event["kind"]
    if kind in ("lane_finished", "lane_failed", "lane_cancelled"):
        return "end"
    names = {
        "lane_resumed": ("fence",),
        "call_restarted": ("call", "retry"),
        "candidate_scored": ("call", "by"),
    }.get(kind)
    if kind == "votes_counted":
        return f"{kind}:{event['round']}:{ballots(event)}"
    if names:
        return ":".join([kind, *(str(event[name]) for name in names)])
    return f"{kind}:{event.get('call', event.get('index', ''))}"


def ballots(event: Event) -> int:
    return len(event["silent"]) + sum(len(tally["calls"]) for tally in event["tallies"])


def void(call: Event, at: int) -> None:
    """Throw away what an open call has written."""
    call |= {"text": "", "thinking": "", "void_before": at}


def units(text: str) -> int:
    """Count as browsers do, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def skip(text: str, count: int) -> str:
    """Return the text behind its first `count` UTF-16 units."""
    if count == 0 or text.isascii():
        return text[count:]
    return text.encode("utf-16-le", "surrogatepass")[2 * count :].decode("utf-16-le", "surrogatepass")
