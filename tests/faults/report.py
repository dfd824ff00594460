"""The table of docs/reliability.md, from the last `make faults`: `python -m tests.faults.report` writes it there."""

import json
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.history import History

ROOT = Path(__file__).parents[2]
LINES = ROOT / "var" / "faults.jsonl"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def line(fault: str, how: str, injected: int, resumed: float | None, history: History) -> dict[str, Any]:
    """Return what the table says of one test whose history held."""
    return {
        "fault": fault,
        "how": how,
        "injected": injected,
        "runs": len(history.accepted),
        "calls": len(history.calls),
        "viewers": len(history.viewers),
        "resumed": resumed,
        "cut": sum(not request.is_complete for request in history.asked),
    }


def keep(told: Sequence[dict[str, Any]]) -> None:
    """Add lines to the file of this run of the tests."""
    LINES.parent.mkdir(exist_ok=True)
    with LINES.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in told)


def table(lines: Sequence[dict[str, Any]]) -> str:
    rows = [
        "| fault | injected | runs | calls | viewers | requests cut and asked again | gone on within | lost |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one['fault']}: {one['how']} | {one['injected']} | {one['runs']} | {one['calls']} | {one['viewers']} "
            f"| {one['cut']} | {'–' if one['resumed'] is None else format(one['resumed'], '.1f') + ' s'} | nothing |"
            for one in lines
        ),
    ]
    machine = f"{platform.machine()}, Python {platform.python_version()}, {datetime.now(tz=UTC):%d %B %Y}"
    return "\n".join([*rows, "", f"Written by `make faults` on {machine}.", ""])


def main() -> None:
    lines = [json.loads(text) for text in LINES.read_text().splitlines()]
    before, rest = PAGE.read_text().split(BEGIN, 1)
    PAGE.write_text(before + BEGIN + table(lines) + END + rest.split(END, 1)[1])
    sys.stdout.write(table(lines))


if __name__ == "__main__":
    main()
