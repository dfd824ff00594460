"""One line of the benchmark's table, and the table itself: printed, and written into docs/benchmarks.md."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import psutil

DOCUMENT = Path(__file__).parents[2] / "docs/benchmarks.md"
BEGIN, END = "<!-- written by make bench -->", "<!-- end of what make bench writes -->"
NOT_MEASURED = "not measured"
_NAMED = ("aiohttp", "uvloop", "celery", "Django", "channels", "uvicorn", "psycopg", "redis", "pydantic", "orjson")


class Figure(NamedTuple):
    """What was measured, and whether it is what we aim at."""

    section: str
    what: str
    value: str
    aim: str = "none"
    is_met: bool | None = None
    """None where there is no aim."""

    @property
    def verdict(self) -> str:
        return {None: "–", True: "met", False: "not met"}[self.is_met]


def at_most(section: str, what: str, value: float, aim: float, unit: str = "", *, digits: int = 0) -> Figure:
    """Return a figure that should not be above its aim."""
    return Figure(section, what, f"{value:,.{digits}f}{unit}", f"≤ {aim:,.{digits}f}{unit}", value <= aim)


def at_least(section: str, what: str, value: float, aim: float, unit: str = "") -> Figure:
    """Return a figure that should not be below its aim."""
    return Figure(section, what, f"{value:,.0f}{unit}", f"≥ {aim:,.0f}{unit}", value >= aim)


def spread(values: Sequence[float], unit: str = "", *, digits: int = 2) -> str:
    """Return the median with the least and the greatest."""
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle}{unit}" if len(values) == 1 else f"{middle}{unit} ({low} to {high})"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of at least two values."""
    return quantiles(values, n=100)[percent - 1]


def describe_machine() -> str:
    """Return what this was measured on and with, in one paragraph."""
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in _NAMED)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f} when it began; "
        f"Python {platform.python_version()}, {versions}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def print_table(figures: Sequence[Figure]) -> str:
    """Return the table for a terminal."""
    rows = [(figure.section, figure.what, figure.value, figure.aim, figure.verdict) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def write_table(figures: Sequence[Figure], head: str) -> None:
    """Put the table into docs/benchmarks.md, in place of the last one."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    rows = [
        f"| {figure.section} | {figure.what} | {figure.value} | {figure.aim} | {figure.verdict} |" for figure in figures
    ]
    titles = ["| section | what | figure | aim | |", "|---|---|---|---|---|"]
    lines = [BEGIN, "", head, "", *titles, *rows, "", END]
    DOCUMENT.write_text(before + "\n".join(lines) + after)
