"""The checker is checked: a history in which all is well, and for every invariant one in which it is not."""

from types import SimpleNamespace as Row
from typing import Any

import pytest

from tests.faults.checker import INVARIANTS, find_wrongs
from tests.faults.history import Asked, History, Log, Sample, Seen
from tests.faults.reducing import reduce
from workers.live.stream import Position

RUN, LANE, SEED, PROMPT = "run-1", 7, 11, "digest"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "reasoning_tokens": 0, "cached_tokens": 0}


def fact(kind: str, identity: str, lane: int | None = LANE, **fields: Any) -> Row:
    return Row(run_id=RUN, lane_id=lane, identity=identity, body={"kind": kind, "lane": lane or 0, "at": 1, **fields})


STARTED = fact(
    "call_started", "CallStarted:draft-1", call="draft-1", round=0, role="draft", prompt=PROMPT, seed=SEED,
    max_tokens=9, after=[],
)  # fmt: skip
FINISHED = fact(
    "call_finished", "CallFinished:draft-1", call="draft-1", text="It is 42.", thinking="", answer="42",
    finish_reason="stop", usage=USAGE, first_token_at=1, marks=[], retries=0,
)  # fmt: skip
LANE_END = fact("lane_finished", "LaneEnd", ledger={}, seconds=1.0, stopped_by="")
RUN_END = fact("run_ended", "RunEnded", None, status="finished")
FACTS = [fact("lane_started", "LaneStarted"), STARTED, FINISHED, LANE_END, RUN_END]
DELTAS = [
    {"kind": "text_delta", "lane": LANE, "at": 1, "call": "draft-1", "channel": "answer", "start": 0, "text": "It is"},
    {"kind": "text_delta", "lane": LANE, "at": 1, "call": "draft-1", "channel": "answer", "start": 5, "text": " 42."},
]
STATE = reduce([LANE], [fact.body for fact in FACTS])
ASKED = Asked("1.1", 10.0, SEED, PROMPT, "It is 42.", "", 2, 5, "complete")
CUT = ASKED._replace(request="1.2", at=9.0, text="It", tokens=1, ended="closed by client")


def note(what: str, *, who: str = "worker-1", status: str = "running", detail: str = "", **fields: Any) -> Row:
    return Row(what=what, who=who, lane=LANE, status=status, detail=detail, **{"fence": 1, "seconds": 11.0, **fields})


AUDIT = [
    note("claim", detail="0"),
    note("status", detail="queued"),
    note("fact", detail="CallStarted:draft-1"),
    note("fact", detail="CallFinished:draft-1"),
    note("fact", detail="LaneEnd"),
    note("status", status="finished", detail="running"),
]


def step(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "at": 12.0, "epoch": "e", **fields}


SEEN = Seen(
    "viewer 0", RUN, is_over=True, state=STATE, foreign=frozenset(),
    steps=[step("snapshot", cursor=1), step("frame", prev=1, cursor=2), step("closed")],
)  # fmt: skip
CALL = Row(lane_id=LANE, key="draft-1", seed=SEED, prompt_id=PROMPT, state="done", error="", prompt_tokens=5,
           completion_tokens=2, abandoned_tokens=0)  # fmt: skip
END = Row(timestamp=lambda: 11.5)
GOOD = History(
    accepted={RUN: [LANE]},
    viewers=[SEEN],
    asked=[ASKED],
    runs=[Row(id=RUN, status="finished", ended_at=END)],
    lanes=[Row(id=LANE, run_id=RUN, status="finished", error="", lease_until=None)],
    calls=[CALL],
    facts=FACTS,
    audit=AUDIT,
    logs={RUN: Log(Position("e", 2), [(1, [STARTED.body, *DELTAS]), (2, [FINISHED.body, LANE_END.body])])},
    permalinks={RUN: [fact.body for fact in FACTS]},
    keys={"run:{run-1}:log": 86400, "unacked": -1},
    samples=[Sample("web-1", 90, 100)],
)


def with_log(*entries: tuple[int, list[dict[str, Any]]], top: int = 2) -> dict[str, Log]:
    return {RUN: Log(Position("e", top), entries)}


def changed(row: Row, **fields: Any) -> Row:
    return Row(**{**vars(row), **fields})


BROKEN: list[tuple[str, str, History]] = [
    ("I1", "a run is lost", GOOD._replace(runs=[], viewers=[])),
    ("I1", "a run never ends", GOOD._replace(runs=[Row(id=RUN, status="running", ended_at=None)])),
    ("I1", "a lane is lost", GOOD._replace(accepted={RUN: [LANE, 8]}, viewers=[], permalinks={})),
    ("I1", "a lane waits", GOOD._replace(lanes=[changed(GOOD.lanes[0], status="queued")])),
    ("I2", "another text is stored", GOOD._replace(asked=[ASKED._replace(text="It is 41.")])),
    ("I2", "one delta is dropped", GOOD._replace(logs=with_log((1, [STARTED.body, DELTAS[1]]), (2, [FINISHED.body])))),
    ("I2", "two deltas are swapped",
     GOOD._replace(logs=with_log((1, [STARTED.body, *reversed(DELTAS)]), (2, [FINISHED.body])))),
    ("I2", "the last delta is missing",
     GOOD._replace(logs=with_log((1, [STARTED.body, DELTAS[0]]), (2, [FINISHED.body])))),
    ("I2", "an offset is missing", GOOD._replace(logs=with_log((1, []), (3, []), top=3))),
    ("I2", "the log ends too early", GOOD._replace(logs=with_log((1, []), (2, []), top=3))),
    ("I2", "a call ends without a start", GOOD._replace(facts=[FACTS[0], *FACTS[2:]])),
    ("I3", "a viewer knows less", GOOD._replace(viewers=[SEEN._replace(state=reduce([LANE], [STARTED.body]))])),
    ("I3", "a viewer never heard the end", GOOD._replace(viewers=[SEEN._replace(is_over=False)])),
    ("I3", "the page shows less", GOOD._replace(permalinks={RUN: [fact.body for fact in FACTS[:-1]]})),
    ("I4", "a frame is skipped",
     GOOD._replace(viewers=[SEEN._replace(steps=[SEEN.steps[0], step("frame", prev=2, cursor=3)])])),
    ("I4", "another epoch goes on",
     GOOD._replace(viewers=[SEEN._replace(steps=[SEEN.steps[0], {**SEEN.steps[1], "epoch": "f"}])])),
    ("I5", "a call ends twice",
     GOOD._replace(facts=[*FACTS[:3], fact("call_failed", "CallFailed:draft-1", call="draft-1"), *FACTS[3:]])),
    ("I5", "a lane ends twice", GOOD._replace(facts=[*FACTS[:4], LANE_END, RUN_END])),
    ("I5", "a fact comes after the end", GOOD._replace(facts=[*FACTS[:3], LANE_END, FACTS[0], RUN_END])),
    ("I5", "a run ends in silence", GOOD._replace(facts=FACTS[:-1])),
    ("I5", "a lane comes back to life", GOOD._replace(audit=[*AUDIT, note("status", detail="finished")])),
    ("I6", "a zombie writes", GOOD._replace(audit=[AUDIT[0], note("claim", who="worker-2", fence=2), *AUDIT[2:]])),
    ("I6", "a worker writes of a lane that was taken from it",
     GOOD._replace(audit=[AUDIT[0], note("take", who="worker-2", status="queued", fence=2),
                          note("fact", status="queued", detail="CallStarted:draft-1")])),
    ("I6", "a fence falls", GOOD._replace(audit=[note("claim", fence=2), note("claim", fence=1)])),
    ("I6", "a fact comes after the end", GOOD._replace(audit=[*AUDIT, note("fact", status="finished", detail="X")])),
    ("I7", "a stored call is asked again", GOOD._replace(asked=[ASKED, ASKED._replace(request="1.3", at=11.2)])),
    ("I7", "a call is asked too often",
     GOOD._replace(asked=[*(CUT._replace(request=f"2.{n}") for n in range(3)), ASKED])),
    ("I8", "a truncated stream is done", GOOD._replace(asked=[ASKED._replace(ended="closed by client")])),
    ("I8", "a call is left open", GOOD._replace(calls=[changed(CALL, state="running")])),
    ("I8", "a failure has no reason", GOOD._replace(calls=[changed(CALL, state="failed")])),
    ("I8", "a lane's failure has no reason", GOOD._replace(lanes=[changed(GOOD.lanes[0], status="failed")])),
    ("I9", "a call tells of too few tokens", GOOD._replace(calls=[changed(CALL, completion_tokens=1)])),
    ("I9", "a call tells of too many", GOOD._replace(asked=[CUT, ASKED], calls=[changed(CALL, abandoned_tokens=2)])),
    ("I10", "a stream is open", GOOD._replace(open_streams=1)),
    ("I10", "a lease is held", GOOD._replace(lanes=[changed(GOOD.lanes[0], lease_until="then")])),
    ("I10", "a key lives for ever", GOOD._replace(keys={"run:{run-1}:meta": -1})),
    ("I11", "a web grows", GOOD._replace(samples=[Sample("web-1", 101, 100)])),
    ("I12", "a viewer waits for a minute",
     GOOD._replace(viewers=[SEEN._replace(steps=[*SEEN.steps, {**step("closed"), "at": 99.0}])])),
    ("I13", "a viewer is told of others", GOOD._replace(viewers=[SEEN._replace(foreign=frozenset({8}))])),
]  # fmt: skip


def test_a_good_history_holds():
    assert find_wrongs(GOOD) == []


def test_a_retried_call_holds():
    calls = [changed(CALL, abandoned_tokens=1)]

    assert find_wrongs(GOOD._replace(asked=[CUT, ASKED], calls=calls)) == []


@pytest.mark.parametrize(("invariant", "what", "history"), BROKEN, ids=[f"{name} {what}" for name, what, _ in BROKEN])
def test_a_broken_history_is_found(invariant: str, what: str, history: History):
    assert [wrong for wrong in find_wrongs(history) if wrong.startswith(f"{invariant} ")], find_wrongs(history)


def test_every_invariant_is_tried():
    assert {name for name, *_ in BROKEN} == set(INVARIANTS)
