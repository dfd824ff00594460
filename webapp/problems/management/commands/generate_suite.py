"""Generate a suite of puzzles with reasoning-gym, as JSONL."""

import json
import re
from importlib.metadata import version
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.graders.reasoning_gym import DATASETS


class Command(BaseCommand):
    """manage.py generate_suite countdown --size 24 --seed 1 --set min_numbers=3 > countdown.jsonl."""

    help = (
        "Write puzzles of one reasoning-gym data set as JSONL, ready for load_suite. The same seed, the same puzzles."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", help=f"one of {', '.join(DATASETS)}")
        parser.add_argument("--size", type=int, default=24)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=NUMBER", help="a setting of the data set"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["dataset"]
        if name not in DATASETS:
            raise CommandError(f"There is no data set {name!r}; there are {', '.join(DATASETS)}.")
        for line in generate(name, options["size"], options["seed"], _settings(options["set"])):
            self.stdout.write(line)


def generate(dataset: str, size: int, seed: int, settings: dict[str, int]) -> list[str]:
    """Return the lines of a JSONL file. Raises CommandError for a setting that the data set does not have."""
    from reasoning_gym import create_dataset

    try:
        puzzles = create_dataset(dataset, size=size, seed=seed, **settings)
    except (TypeError, ValueError, AssertionError) as error:
        raise CommandError(f"{dataset} cannot be made like this: {error}") from error
    return [_line(dataset, number, entry) for number, entry in enumerate(puzzles, 1)]


def _line(dataset: str, number: int, entry: dict[str, Any]) -> str:
    source = f"reasoning-gym {version('reasoning-gym')}"
    fields = {
        "id": f"{dataset}-{number}",
        "problem": entry["question"].strip(),
        "answer": str(entry["answer"]),
        "grader": "reasoning_gym",
        "grader_input": {"dataset": dataset, "entry": entry},
        "tags": [dataset],
        "source": source,
    }
    return json.dumps(fields, ensure_ascii=False)


def _settings(given: list[str]) -> dict[str, int]:
    settings = {}
    for text in given:
        match = re.fullmatch(r"(\w+)=(-?\d+)", text)
        if not match:
            raise CommandError(f"{text!r} is no setting; expected NAME=NUMBER.")
        settings[match[1]] = int(match[2])
    return settings
