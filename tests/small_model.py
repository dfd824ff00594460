"""Play every strategy over the embedded model: `python -m tests.small_model [--problems N] [--from N] [slug …]`.

A model this small follows few instructions. What it must not do is end a lane badly: with an error, or with an answer
that nobody can read. Prints a line for each lane as it ends, and a table: what the lanes of each strategy ended in, how
many were asked once more for their end, and how many verdicts were not read. Ends with 1 if a lane ended badly.
"""

import argparse
import asyncio
import json
import logging
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from pydantic import ValidationError

from webapp.local import model_server
from workers.backends.limits import LimitedModel
from workers.backends.openai_server import OpenAIServer
from workers.backends.probing import probe
from workers.core import events
from workers.core.assignments import LaneWork
from workers.core.model import Model
from workers.core.strategy import Strategy
from workers.graders import are_equal
from workers.running import LaneRun
from workers.strategies import catalog

SUITE = Path(__file__).parents[1] / "webapp/problems/starters" / "starter-60.jsonl"
SAMPLING = {"temperature": 0.8, "top_p": 0.95, "max_tokens": 128}
LANES_AT_ONCE = 16
BAD = ("unreadable", "timeout", "ungraded", "failed")
_UNREAD = re.compile(r"(\d+) of (\d+) verdicts could not be read")


class Ended(NamedTuple):
    """How one lane ended."""

    slug: str
    problem: str
    outcome: str
    """The grader's ruling, or `failed`."""
    answer: str
    is_settled: bool
    """The model was asked once more for the answer's end."""
    judges: int
    unread: int
    """Verdicts that nobody could read."""
    calls: int
    tokens: int
    seconds: float
    error: str = ""


def make_small(strategy: Strategy) -> dict[str, Any]:
    """Return params of a small lane: two calls wide or three, and as short as the strategy allows."""
    params: dict[str, Any] = {}
    axes = [(sizes, least) for sizes, least in ((strategy.wider, 2), (strategy.deeper, 1)) if sizes]
    for sizes, least in axes:
        for size in range(least, least + 4):
            with suppress(ValidationError):
                strategy.params.model_validate({**params, **sizes(size)})
                params |= sizes(size)
                break
    return params


async def play(
    slug: str, params: dict[str, Any], problem: dict[str, Any], model: Model, turn: asyncio.Semaphore
) -> Ended:
    """Play one lane as a worker does."""
    heard: list[events.Event] = []
    work = LaneWork(
        lane=1, fence=1, is_resumed=False, strategy=slug, params=params, model_name=model_server.NAME,
        sampling=SAMPLING, question=problem["problem"], reference=problem["answer"], grader=problem["grader"],
        grader_input=problem.get("grader_input", {}), seed=1, budget_tokens=None, budget_seconds=None, settle=True,
    )  # fmt: skip
    async with turn:
        began = time.monotonic()
        lane = LaneRun(
            work, model=model, emit=lambda event, _: heard.append(event), equal=_equal,
            clock=lambda: round(1000 * (time.monotonic() - began)),
        )  # fmt: skip
        await lane.start()
    ended = sum_up(slug, problem["id"], heard)
    say(f"{slug} on {problem['id']}: {ended.outcome}, {ended.answer or 'no answer'} {ended.error}")
    return ended


async def _equal(one: str, other: str) -> bool:
    return await asyncio.to_thread(are_equal, one, other)


def sum_up(slug: str, problem: str, heard: Sequence[events.Event]) -> Ended:
    """Return how a lane ended, from all it told."""
    end = heard[-1]
    assert isinstance(end, events.LaneEnd)
    rulings = [event.ruling for event in heard if isinstance(event, events.VerdictReached)]
    answers = [str(event.answer) for event in heard if isinstance(event, events.AnswerGiven)]
    notes = [event.text for event in heard if isinstance(event, events.NoteTaken)]
    unread = [match for note in notes if (match := _UNREAD.search(note))]
    started = [event for event in heard if isinstance(event, events.CallStarted)]
    is_failed = isinstance(end, events.LaneFailed)
    return Ended(
        slug, problem, "failed" if is_failed or not rulings else rulings[0], answers[0][:60] if answers else "",
        is_settled=any(call.call == "settle-1" for call in started),
        judges=sum(call.role in ("judge", "compare", "review") for call in started),
        unread=sum(int(match[1]) for match in unread), calls=end.ledger.calls, tokens=end.ledger.total_tokens,
        seconds=end.seconds, error=end.error if isinstance(end, events.LaneFailed) else "",
    )  # fmt: skip


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line.strip()}\n")
    sys.stdout.flush()


async def play_all(
    chosen: Mapping[str, dict[str, Any]], problems: list[dict[str, Any]], address: model_server.Address
) -> list[Ended]:
    """Play all lanes, a few at a time; `chosen` are params by strategy. What the model cannot do is left out."""
    turn = asyncio.Semaphore(LANES_AT_ONCE)
    async with OpenAIServer(address.base_url, address.api_key) as server:
        known = await probe(server, model_server.NAME)
        lacks = {slug: known.explain_lacks(catalog()[slug].needs) for slug in chosen}
        for slug, lack in lacks.items():
            if lack:
                say(f"{slug} is left out. {' '.join(lack)}")
        model = LimitedModel(server, model_server.SLOTS)
        lanes = [
            play(slug, params, problem, model, turn)
            for slug, params in chosen.items()
            for problem in problems
            if not lacks[slug]
        ]
        return await asyncio.gather(*lanes)


def make_table(ended: Sequence[Ended]) -> str:
    """Return how the lanes of each strategy ended, in Markdown."""
    heads = ("Strategy", "Right", "Wrong", "Badly", "Settled", "Verdicts not read", "Calls", "Tokens")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for slug in dict.fromkeys(one.slug for one in ended):
        lanes = [one for one in ended if one.slug == slug]
        outcomes = Counter("badly" if lane.outcome in BAD else lane.outcome for lane in lanes)
        judges, unread = sum(lane.judges for lane in lanes), sum(lane.unread for lane in lanes)
        cells = (
            f"`{slug}`", *(outcomes[outcome] for outcome in ("right", "wrong", "badly")),
            sum(lane.is_settled for lane in lanes),
            f"{unread} of {judges}" if judges else "–", sum(lane.calls for lane in lanes),
            f"{sum(lane.tokens for lane in lanes):,}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> int:
    """Start the model, play, print; return how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=3, help="How many, spread over the starter suite.")
    parser.add_argument("--from", type=int, default=0, dest="first", help="Number of the first problem, from 0.")
    parser.add_argument("--whole", action="store_true", help="Play the default params, not small ones: hours.")
    parser.add_argument("slugs", nargs="*")
    asked = parser.parse_args()
    problems = [json.loads(line) for line in SUITE.read_text().splitlines()]
    problems = problems[asked.first :: max(1, len(problems) // asked.problems)][: asked.problems]
    chosen = {slug: {} if asked.whole else make_small(catalog()[slug]) for slug in asked.slugs or catalog()}
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, model_server.running(Path(folder) / "log") as address:
        ended = asyncio.run(play_all(chosen, problems, address))
    bad = sum(one.outcome in BAD for one in ended)
    say(f"\n{make_table(ended)}\n\n{len(ended)} lanes, {bad} ended badly, {time.monotonic() - began:,.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
