"""Compare every row's theory with what is measured, and say what came out."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import NormalDist
from typing import NamedTuple

from tests.theory.measuring import Measured, measure
from tests.theory.row import Row
from tests.theory.rows import ROWS
from webapp.board.statistics import Interval

DOUBT = 0.05
"""The probability that any row of a table disagrees by chance alone."""
ROUNDING = 1e-9


class Compared(NamedTuple):
    """A row and what was measured of it."""

    row: Row
    theory: float
    saving: float
    """The part saved, by theory; 0 where nothing is claimed."""
    measured: Measured
    z: float
    """How wide intervals are, in standard errors."""

    @property
    def interval(self) -> Interval:
        return self.measured.interval(self.z)

    @property
    def agrees(self) -> bool:
        return self.interval.low <= self.theory <= self.interval.high

    @property
    def saved(self) -> Interval:
        """The part of its rival's work that the strategy spares."""
        assert self.row.saving is not None
        spent = self.measured.large if self.row.saving.of == "large model" else self.measured.written
        half = self.z * spent.error + ROUNDING
        return Interval(*(1 - (spent.value + way * half) / self.row.saving.drafts for way in (1, -1)))

    @property
    def saves_as_expected(self) -> bool:
        return self.row.saving is None or self.saved.low <= self.saving <= self.saved.high

    @property
    def keeps_its_claim(self) -> bool:
        """Say whether it is as often right as its rival, by theory and as far as this can be told, and cheaper."""
        saving = self.row.saving
        if saving is None:
            return True
        rival = self.row.world.average(saving.accuracy)
        return rival <= min(self.theory + saving.less, self.interval.high) and sum(self.saved) / 2 >= saving.claim

    @property
    def is_good(self) -> bool:
        return self.agrees and self.saves_as_expected and self.keeps_its_claim


def z_of(rows: int) -> float:
    """Return how wide intervals are so that all rows together are doubted no more than `DOUBT`."""
    return NormalDist().inv_cdf(1 - DOUBT / rows / 2)


def compare(row: Row, trials: int, rows: Sequence[Row] = ROWS) -> Compared:
    """Play a row, a dear one fewer times; `rows` are those of its table."""
    claims = len(rows) + sum(each.saving is not None for each in rows)
    measured = measure(row.strategy, row.params, row.world, max(1, round(trials * row.part)))
    return Compared(row, row.theory, row.saved, measured, z_of(claims))


def compare_all(rows: Sequence[Row], trials: int) -> Iterator[Compared]:
    """Play rows of the table, on all processors, and yield them in order."""
    places = [ROWS.index(row) for row in rows]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for row, found in zip(rows, pool.map(_compare_row, places, [trials] * len(rows)), strict=True):
            yield Compared(row, *found)


def _compare_row(place: int, trials: int) -> tuple[float, float, Measured, float]:
    """Return what a process can send to another: a row holds functions, so it is named by its place."""
    _, *found = compare(ROWS[place], trials)
    return tuple(found)  # type: ignore[return-value]


HEAD = "| Strategy | Setting | Theory | Measured | Interval | Trials | Verdict |\n|---|---|--:|--:|---|--:|---|"


def write_line(compared: Compared) -> str:
    """Return a row of the table."""
    row, theory, measured, interval = compared.row, compared.theory, compared.measured, compared.interval
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
        low, high = compared.saved
        agreed = "as theory says" if compared.saves_as_expected else "**theory disagrees**"
        kept = "as good as" if compared.keeps_its_claim else "**claim not kept**:"
        words.append(f"{kept} {saving.rival} with {compared.saving:.0%} of its {saving.unit} saved, {agreed}")
        words.append(f"measured {low:.1%} to {high:.1%}, claimed {saving.claim:.0%}")
    return "; ".join(words)
