"""Play every strategy over the embedded model: `python -m tests.small_model [--problems N] [slug …]`.

A model this small follows few instructions. What it must not do is end a lane badly: with an error, or with an answer
that nobody can read. Prints a line for each strategy: what its lanes ended in, and how often its judges were not read.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from webapp.local import model_server
from workers.backends.limits import LimitedModel
from workers.backends.openai_server import OpenAIServer
from workers.core import events
from workers.core.asking import LaneSettings
from workers.core.errors import ReasoningError
from workers.core.lane import LiveLane
from workers.core.values import Problem, Sampling
from workers.graders import catalog as graders
from workers.strategies import catalog

SUITE = Path(__file__).parents[1] / "webapp/problems/starters" / "starter-60.jsonl"
SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=160)
AT_ONCE = 16


class Ended(NamedTuple):
    """How one lane ended."""

    slug: str
    problem: str
    ruling: str
    """Or the error."""
    answer: str
    notes: list[str]
    calls: int
    tokens: int


async def play(slug: str, problem: dict[str, Any], model: Any, turn: asyncio.Semaphore) -> Ended:
    """Play the strategy with its defaults."""
    heard: list[events.Event] = []
    strategy, started = catalog()[slug], time.monotonic()
    lane = LiveLane(
        LaneSettings(1, model_server.NAME, SAMPLING, seed=1, budget_tokens=40_000),
        model=model,
        emit=lambda event, prompt: heard.append(event),
        clock=lambda: int(1000 * (time.monotonic() - started)),
        random=random.Random(1),
    )
    said, text, ruling = None, "", ""
    async with turn:
        try:
            answer = await strategy.solve(Problem(question=problem["problem"]), lane, strategy.params())
            said, text = answer.answer, answer.text
        except ReasoningError as error:
            ruling = f"{type(error).__name__}: {error}"
            if lane.best:
                said, text = lane.best.answer, lane.best.text
    verdict = graders()[problem["grader"]].grade(text, said, problem["answer"], {})
    notes = [event.text for event in heard if isinstance(event, events.NoteTaken)]
    ledger = lane.ledger()
    ended = Ended(
        slug, problem["id"], ruling or verdict.ruling, str(said)[:60], notes, ledger.calls, ledger.total_tokens
    )
    sys.stdout.write(json.dumps(ended._asdict()) + "\n")
    sys.stdout.flush()
    return ended


async def play_all(slugs: list[str], problems: list[dict[str, Any]], address: model_server.Address) -> list[Ended]:
    """Play all lanes, a few at a time."""
    turn = asyncio.Semaphore(8)
    async with OpenAIServer(address.base_url, address.api_key) as server:
        model = LimitedModel(server, AT_ONCE)
        return await asyncio.gather(*(play(slug, each, model, turn) for slug in slugs for each in problems))


def main() -> None:
    """Start the model, play, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=3)
    parser.add_argument("slugs", nargs="*")
    chosen = parser.parse_args()
    problems = [json.loads(line) for line in SUITE.read_text().splitlines()]
    problems = problems[:: max(1, len(problems) // chosen.problems)][: chosen.problems]
    with tempfile.TemporaryDirectory() as folder, model_server.running(Path(folder) / "log") as address:
        ended = asyncio.run(play_all(chosen.slugs or list(catalog()), problems, address))
    for slug in dict.fromkeys(each.slug for each in ended):
        lanes = [each for each in ended if each.slug == slug]
        rulings = ", ".join(f"{count} {ruling}" for ruling, count in Counter(each.ruling for each in lanes).items())
        sys.stdout.write(f"{slug}: {rulings}; {sum(each.calls for each in lanes)} calls\n")


if __name__ == "__main__":
    main()
