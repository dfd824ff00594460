"""What "nothing lost" means, as functions over a history: one for each invariant. Each yields what is wrong, in words.

Source: the invariants I1 to I13 of the reliability notes; docs/reliability.md says them for readers.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Any

from tests.faults.history import Asked, History, Row
from tests.faults.reducing import ENDED, reduce, units

Wrongs = Iterator[str]
CALL_ENDS = ("call_finished", "call_failed", "call_cancelled")
LANE_ENDS = ("lane_finished", "lane_failed", "lane_cancelled")
FROM_OUTSIDE = ("call_failed", "lane_failed", "lane_cancelled")
"""What may be written of a lane that no worker holds."""
OWNED_KEYS = ("runs", "suites", "unacked", "unacked_index", "_kombu.")
"""Keys that live for ever: the broker's."""


def durable_acceptance(history: History) -> Wrongs:
    """I1: every run that was answered 201 is there, with all its lanes, and has ended."""
    runs = {run.id: run for run in history.runs}
    lanes = lanes_of(history)
    for run_id, accepted in history.accepted.items():
        if run_id not in runs:
            yield f"run {run_id} was accepted and is lost"
        elif runs[run_id].status not in ENDED:
            yield f"run {run_id} is {runs[run_id].status} for ever"
        elif lost := set(accepted) - {lane.id for lane in lanes[run_id]}:
            yield f"run {run_id} lost its lanes {sorted(lost)}"
        for lane in lanes[run_id]:
            if lane.status not in ENDED:
                yield f"lane {lane.id} is {lane.status} for ever"


def text_equality(history: History) -> Wrongs:
    """I2: a finished call's text is one at the model server, in the log and in the database; no offset is missing."""
    sent = defaultdict[tuple[int, str], set[str]](set)
    for request in history.asked:
        if request.is_complete:
            sent[request.seed or 0, request.prompt].add(fingerprint(request.text, request.thinking))
    started = {(fact.lane_id, fact.body["call"]): fact.body for fact in facts_of(history, "call_started")}
    for fact in facts_of(history, "call_finished"):
        body, start = fact.body, started.get((fact.lane_id, fact.body["call"]))
        if start is None:
            yield f"{where(fact)} finished and never started"
        elif history.asked and fingerprint(body["text"], body["thinking"]) not in sent[start["seed"], start["prompt"]]:
            yield f"{where(fact)} is stored with a text that the model server never completed"
    for run_id, log in history.logs.items():
        yield from _check_offsets(run_id, [offset for offset, _ in log.entries], log.position.offset)
        yield from _check_log_texts(run_id, [event for _, events in log.entries for event in events])


def _check_offsets(run_id: str, offsets: list[int], top: int) -> Wrongs:
    if offsets and offsets[-1] != top:
        yield f"the log of {run_id} ends at {offsets[-1]}, its position says {top}"
    for before, after in pairwise(offsets):
        if after != before + 1:
            yield f"the log of {run_id} has {after} behind {before}"


def _check_log_texts(run_id: str, events: list[dict[str, Any]]) -> Wrongs:
    """Put deltas together as they stand in the log; a text whose beginning went with an older log is left out."""
    texts: dict[tuple[int, str], dict[str, str]] = {}
    done: set[tuple[int, str]] = set()
    for event in events:
        call, kind = (event["lane"], event.get("call", "")), event["kind"]
        if kind == "lane_resumed":
            texts |= {other: {"answer": "", "thinking": ""} for other in texts if other[0] == event["lane"]}
        elif call in done:
            continue
        elif kind in ("call_started", "call_restarted"):
            texts[call] = {"answer": "", "thinking": ""}
        elif kind == "text_delta" and call in texts:
            yield from _extend(run_id, texts, event)
        elif kind in CALL_ENDS:
            done.add(call)
            whole = {"answer": event["text"], "thinking": event["thinking"]}
            if texts.pop(call, whole) != whole and kind == "call_finished":
                yield f"the log of {run_id} tells another text of {call} than its end"


def _extend(run_id: str, texts: dict[tuple[int, str], dict[str, str]], delta: dict[str, Any]) -> Wrongs:
    call, channel = (delta["lane"], delta["call"]), delta["channel"]
    known = units(texts[call][channel])
    texts[call][channel] += delta["text"]
    if delta["start"] != known:
        yield f"the log of {run_id} has a hole in {call}: text at {delta['start']} behind {known}"
        del texts[call]


def view_convergence(history: History) -> Wrongs:
    """I3: every viewer's state is what the database's facts make, and what the run's page shows."""
    facts = defaultdict[str, list[dict[str, Any]]](list)
    for fact in history.facts:
        facts[fact.run_id].append(fact.body)
    truth = {run_id: reduce(lanes, facts[run_id]) for run_id, lanes in history.accepted.items()}
    for run_id, events in history.permalinks.items():
        if difference := differ(truth[run_id], reduce(history.accepted[run_id], events)):
            yield f"the page of {run_id} differs from the database: {difference}"
    for viewer in history.viewers:
        if not viewer.is_over:
            yield f"{viewer.name} never heard that the run ended"
        elif difference := differ(truth[viewer.run], viewer.state):
            yield f"{viewer.name} differs from the database: {difference}"


def no_silent_gap(history: History) -> Wrongs:
    """I4: a viewer goes on only from where it stands; anything else is a snapshot."""
    for viewer in history.viewers:
        place: tuple[str, int] | None = None
        for step in viewer.steps:
            if step["kind"] == "snapshot":
                place = step["epoch"], step["cursor"]
            elif step["kind"] == "frame":
                before = step["epoch"], step["prev"]
                is_first = place == ("", 0) and step["prev"] == 0
                if place != before and not is_first:
                    yield f"{viewer.name} stood at {place} and went on from {before}"
                if step["cursor"] < step["prev"]:
                    yield f"{viewer.name} was led back from {step['prev']} to {step['cursor']}"
                place = step["epoch"], step["cursor"]


def single_ending(history: History) -> Wrongs:
    """I5: one last event for every call, lane and run, behind all others; a status only moves forward."""
    calls, lanes, runs = Counter[str](), Counter[str](), Counter[str]()
    for fact in history.facts:
        kind = fact.body["kind"]
        run, lane = f"run {fact.run_id}", f"lane {fact.lane_id}"
        if runs[run] or lanes[lane]:
            yield f"{where(fact)} comes after the end of the {'run' if runs[run] else 'lane'}"
        calls[f"call {fact.body.get('call')} of {lane}"] += kind in CALL_ENDS
        lanes[lane] += kind in LANE_ENDS
        runs[run] += kind == "run_ended"
    for counts in (calls, lanes, runs):
        yield from (f"{key} ended {count} times" for key, count in counts.items() if count > 1)
    yield from _check_statuses(history, {run for run, count in runs.items() if count})


def _check_statuses(history: History, ended_runs: set[str]) -> Wrongs:
    for run in history.runs:
        if run.status in ENDED and f"run {run.id}" not in ended_runs:
            yield f"run {run.id} ended without saying so"
    for note in history.audit:
        if note.what == "status" and note.detail in ENDED:
            yield f"lane {note.lane} went from {note.detail} to {note.status}"


def fencing(history: History) -> Wrongs:
    """I6: a fact is written by the worker that claimed the lane last, or, when nobody holds it, to end it."""
    holder: dict[int, str] = {}
    fences: dict[int, int] = {}
    for note in history.audit:
        if note.what in ("claim", "take"):
            if note.fence <= fences.get(note.lane, 0):
                yield f"the fence of lane {note.lane} went from {fences[note.lane]} to {note.fence}"
            fences[note.lane], holder[note.lane] = note.fence, note.who if note.what == "claim" else ""
        elif note.what == "fact" and note.status == "running" and note.who != holder.get(note.lane):
            yield f"{note.who} wrote {note.detail} of lane {note.lane}, which {holder.get(note.lane) or 'nobody'} holds"
        elif note.what == "fact" and note.status == "queued" and not note.detail.startswith(("CallFailed", "LaneEnd")):
            yield f"{note.who} wrote {note.detail} of lane {note.lane}, which waits for a worker"
        elif note.what == "fact" and note.status in ENDED:
            yield f"{note.who} wrote {note.detail} of lane {note.lane}, which has ended"


def finished_work_is_kept(history: History) -> Wrongs:
    """I7: a call that was stored as done is never asked again; others are asked once for every try and every owner."""
    calls = {(call.seed, call.prompt_id): call for call in history.calls}
    tries = Counter[tuple[int, str]]()
    done = {
        (note.lane, note.detail.removeprefix("CallFinished:")): note.seconds
        for note in history.audit
        if note.what == "fact" and note.detail.startswith("CallFinished:")
    }
    claims = Counter(note.lane for note in history.audit if note.what == "claim")
    for request in history.asked:
        key = request.seed or 0, request.prompt
        call = calls.get(key)
        if call is None:
            continue  # asked, and its worker died before it could say so
        tries[key] += 1
        stored = done.get((call.lane_id, call.key))
        if stored is not None and request.at > stored:
            late = f"{request.at - stored:.3f} s after it was stored"
            yield f"call {call.key} of lane {call.lane_id} was asked again {late}"
    for key, count in tries.items():
        call = calls[key]
        allowed = (1 + MOST_RETRIES) * max(claims[call.lane_id], 1)
        if count > allowed:
            yield f"call {call.key} of lane {call.lane_id} was asked {count} times, {allowed} at most"


MOST_RETRIES = 2
"""Repeats of one owner; what `Patience.retries` says."""


def honest_failure(history: History) -> Wrongs:
    """I8: every call of an ended lane has ended, failed with a reason, and none is done whose stream was cut."""
    complete = {(request.seed, request.prompt) for request in history.asked if request.is_complete}
    ended = {lane.id for lane in history.lanes if lane.status in ENDED}
    for call in history.calls:
        name = f"call {call.key} of lane {call.lane_id}"
        if call.lane_id in ended and call.state not in ("done", "failed", "cancelled"):
            yield f"{name} is {call.state} in a lane that has ended"
        if call.state == "failed" and not call.error:
            yield f"{name} failed without a reason"
        if history.asked and call.state == "done" and (call.seed, call.prompt_id) not in complete:
            yield f"{name} is done, but no stream said so"
    for lane in history.lanes:
        if lane.status == "failed" and not lane.error:
            yield f"lane {lane.id} failed without a reason"


def accounting(history: History) -> Wrongs:
    """I9: a done call's usage is the server's, to the token; what is not told is at most what was lost on the way.

    A worker that dies takes along what it had not yet stored of its open calls: so the sum may be lower, by no more
    than the streams that were cut have written. It is never higher, unless the server died and nobody knows.
    """
    by_call = defaultdict[tuple[int, str], list[Asked]](list)
    for request in history.asked:
        by_call[request.seed or 0, request.prompt].append(request)
    for call in history.calls if history.asked else ():
        requests = by_call[call.seed, call.prompt_id]
        usages = {(request.prompt_tokens, request.tokens) for request in requests if request.is_complete}
        if call.state == "done" and (call.prompt_tokens, call.completion_tokens) not in usages:
            kept = f"{call.prompt_tokens}+{call.completion_tokens}"
            yield f"call {call.key} of lane {call.lane_id} is stored with {kept} tokens, not {sorted(usages)}"
        told = call.completion_tokens + call.abandoned_tokens
        written = sum(request.tokens for request in requests)
        lost = sum(request.tokens for request in requests if not request.is_complete or len(requests) > 1)
        is_known = all(request.ended for request in requests)
        if told < written - lost or (told > written and is_known):
            yield (f"call {call.key} of lane {call.lane_id} tells of {told} tokens, the server wrote {written}, "
                   f"of which {lost} may be lost")  # fmt: skip


def no_orphans(history: History) -> Wrongs:
    """I10: nothing is left open: no stream, no lease, no key without an end."""
    if history.open_streams:
        yield f"{history.open_streams} streams are open at the model server, 5 s after the last run has ended"
    for lane in history.lanes:
        if lane.status in ENDED and lane.lease_until is not None:
            yield f"lane {lane.id} has ended and holds a lease"
    for key, seconds in history.keys.items():
        if seconds == -1 and not key.startswith(OWNED_KEYS):
            yield f"the key {key} lives for ever"


def bounded(history: History) -> Wrongs:
    """I11: no web holds more memory than its sockets explain."""
    for sample in history.samples:
        if sample.memory > sample.most:
            yield f"{sample.name} holds {sample.memory >> 20} MiB, {sample.most >> 20} are allowed"


def isolation(history: History) -> Wrongs:
    """I12: a viewer of one run is not held up by what another run's viewers do: it hears of the end of its own."""
    ended = {run.id: run.ended_at.timestamp() for run in history.runs if run.ended_at}
    for viewer in history.viewers:
        last = viewer.steps[-1]["at"] if viewer.steps else 0.0
        if viewer.is_over and viewer.run in ended and last - ended[viewer.run] > LATEST_SECONDS:
            yield f"{viewer.name} heard of the end {last - ended[viewer.run]:.1f} s late"


LATEST_SECONDS = 60.0
"""A viewer waits up to 15 s before it tries again, twice if the web it finds is dead too."""


def authorization(history: History) -> Wrongs:
    """I13: a socket of one run tells of that run alone."""
    for viewer in history.viewers:
        if viewer.foreign:
            yield f"{viewer.name} was told of the lanes {sorted(viewer.foreign)} of other runs"


INVARIANTS: dict[str, Callable[[History], Wrongs]] = {
    "I1": durable_acceptance,
    "I2": text_equality,
    "I3": view_convergence,
    "I4": no_silent_gap,
    "I5": single_ending,
    "I6": fencing,
    "I7": finished_work_is_kept,
    "I8": honest_failure,
    "I9": accounting,
    "I10": no_orphans,
    "I11": bounded,
    "I12": isolation,
    "I13": authorization,
}


def find_wrongs(history: History) -> list[str]:
    """Return everything that is wrong with a history, each beside its invariant."""
    return [f"{name} {wrong}" for name, invariant in INVARIANTS.items() for wrong in invariant(history)]


def lanes_of(history: History) -> dict[str, list[Row]]:
    lanes = defaultdict[str, list[Row]](list)
    for lane in history.lanes:
        lanes[lane.run_id].append(lane)
    return lanes


def facts_of(history: History, kind: str) -> Iterator[Row]:
    return (fact for fact in history.facts if fact.body["kind"] == kind)


def where(fact: Row) -> str:
    return f"{fact.identity} of lane {fact.lane_id}"


def fingerprint(text: str, thinking: str) -> str:
    return sha256(json.dumps([text, thinking]).encode()).hexdigest()


def differ(one: Any, other: Any, path: str = "") -> str:
    """Return the first place where two values of plain JSON differ, or nothing."""
    if isinstance(one, dict) and isinstance(other, dict):
        if missing := sorted(one.keys() ^ other.keys()):
            return f"{path}/{missing[0]} is on one side only"
        return next((found for key in one if (found := differ(one[key], other[key], f"{path}/{key}"))), "")
    return "" if one == other else f"{path} is {str(one)[:200]!r} and {str(other)[:200]!r}"
