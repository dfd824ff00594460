"""Compare every row's theory with what is measured, and say what came out."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import NormalDist
from typing import NamedTuple

from tests.theory.expected import vote
from tests.theory.measuring import Measured, measure
from tests.theory.rows import ROWS, SKILL, Row
from webapp.board.statistics import Interval

DOUBT = 0.05
"""The probability that any row of a table disagrees by chance alone."""


class Compared(NamedTuple):
    """A row and what was measured of it."""

    row: Row
    theory: float
    measured: Measured
    interval: Interval

    @property
    def agrees(self) -> bool:
        return self.interval.low <= self.theory <= self.interval.high

    @property
    def saved(self) -> float:
        """The part of the tokens that a vote as accurate writes and this strategy does not."""
        assert self.row.saving is not None
        measured = self.measured
        like = self.row.saving.like * measured.whole_drafts / measured.drafts
        return 1 - measured.tokens / measured.trials / like

    @property
    def keeps_its_claim(self) -> bool:
        """Say whether it was as accurate as the vote it is compared with, as far as this can be told, and cheaper."""
        saving = self.row.saving
        if saving is None:
            return True
        like = self.row.world.average(lambda shares: vote(shares, saving.like))
        return like <= self.interval.high and self.saved >= saving.claim

    @property
    def is_good(self) -> bool:
        return self.agrees and self.keeps_its_claim


def z_of(rows: int) -> float:
    """Return how wide intervals are so that all rows together are doubted no more than `DOUBT`."""
    return NormalDist().inv_cdf(1 - DOUBT / rows / 2)


def compare(row: Row, trials: int, rows: int = len(ROWS)) -> Compared:
    """Play a row; `rows` are as many as its table has."""
    measured = measure(row.strategy, row.params, row.world, SKILL, trials)
    return Compared(row, row.theory, measured, measured.interval(z_of(rows)))


def compare_all(rows: Sequence[Row], trials: int) -> Iterator[Compared]:
    """Play rows of the table, on all processors, and yield them in order."""
    places = [ROWS.index(row) for row in rows]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for row, found in zip(rows, pool.map(_compare_row, places, [trials] * len(rows)), strict=True):
            yield Compared(row, *found)


def _compare_row(place: int, trials: int) -> tuple[float, Measured, Interval]:
    """Return what a process can send to another: a row holds functions, so it is named by its place."""
    _, *found = compare(ROWS[place], trials)
    return tuple(found)  # type: ignore[return-value]


HEAD = "| Strategy | Setting | Theory | Measured | Interval | Trials | Verdict |\n|---|---|--:|--:|---|--:|---|"


def write_line(compared: Compared) -> str:
    """Return a row of the table."""
    row, theory, measured, interval = compared
    cells = (
        row.title, row.setting, f"{theory:.3f}", f"{measured.accuracy:.3f}",
        f"{interval.low:.3f} to {interval.high:.3f}", f"{measured.trials:,}", _say_verdict(compared),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def name_of(line: str) -> tuple[str, str]:
    """Return which row a line of the table shows."""
    _, title, setting, *_ = (cell.strip() for cell in line.split("|"))
    return title, setting


def _say_verdict(compared: Compared) -> str:
    saving = compared.row.saving
    words = ["agrees" if compared.agrees else "**disagrees**"]
    if saving:
        kept = "as good as" if compared.keeps_its_claim else "**claim not kept**:"
        words.append(f"{kept} {saving.like} drafts with {compared.saved:.0%} of their tokens saved")
    return "; ".join(words)
