"""From results to a ranked board: accuracies, paired tests, groups that are tied."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from statistics import median
from typing import NamedTuple

import numpy as np

from webapp.board import statistics
from webapp.board.naming import RecipeName, chart_labels, name_recipes
from webapp.board.queries import Result
from webapp.board.statistics import Interval, Tally

_SEED = 20251101
"""Of the bootstrap: the same lanes always give the same interval."""


class Row(NamedTuple):
    """One recipe on the board."""

    id: int
    """The recipe's."""
    name: RecipeName
    label: str
    """For charts: short, and different from every other row's."""
    result: Result
    accuracy: float
    interval: Interval
    problems: int
    is_complete: bool
    """Has a verdict on every problem of the suite; only such rows are ranked."""


class Pair(NamedTuple):
    """One recipe against another on the same problems."""

    gain: float
    """Problems that the first is ahead by; a fraction where problems are repeated."""
    only_first: int
    """Problems on which the first is right more often."""
    only_second: int
    p_value: float
    """Adjusted by Holm over all pairs of ranked recipes."""

    @property
    def is_separable(self) -> bool:
        """Say whether the test tells the two apart."""
        return self.p_value < statistics.SEPARABLE

    @property
    def mirrored(self) -> "Pair":
        """Return the same comparison, seen from the second."""
        return Pair(-self.gain, self.only_second, self.only_first, self.p_value)


Pairs = Mapping[tuple[int, int], Pair]
"""Every ordered pair of ranked recipes, by their ids."""


class Group(NamedTuple):
    """Rows that the tests do not separate from the group's first."""

    number: int
    first: int
    """Rank of its first row."""
    rows: list[Row]

    @property
    def last(self) -> int:
        """Return the rank of its last row."""
        return self.first + len(self.rows) - 1

    @property
    def ranks(self) -> str:
        """Return the range of ranks that every row of the group shares."""
        return str(self.first) if len(self.rows) == 1 else f"{self.first}–{self.last}"


def make_rows(results: Sequence[Result], *, problems: Collection[int]) -> list[Row]:
    """Return a row per recipe with at least one lane that counts on these problems, the most accurate first.

    Equal accuracies stand in order of critical-path tokens: the cheaper first.
    """
    inside = [
        result._replace(tallies={key: tally for key, tally in result.tallies.items() if key in problems})
        for result in results
    ]
    counted = [result for result in inside if result.tallies]
    known = name_recipes([result.recipe for result in counted])
    names = [known[result.recipe.pk] for result in counted]
    rows = [
        _row(result, name, label, len(problems))
        for result, name, label in zip(counted, names, chart_labels(names), strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.accuracy, row.result.critical, row.id))


def _row(result: Result, name: RecipeName, label: str, suite_problems: int) -> Row:
    tallies = list(result.tallies.values())
    return Row(
        id=result.recipe.pk,
        name=name,
        label=label,
        result=result,
        accuracy=statistics.accuracy(tallies),
        interval=statistics.accuracy_interval(tallies),
        problems=len(tallies),
        is_complete=len(tallies) >= suite_problems,
    )


def compare_all(rows: Sequence[Row]) -> Pairs:
    """Test every two complete rows against each other, on the problems of the suite.

    Filters of the page do not change what is tested: the correction always counts all pairs.
    """
    complete = [row for row in rows if row.is_complete]
    couples = list(combinations(range(len(complete)), 2))
    steps = statistics.in_steps([_by_problem(row) for row in complete])
    raw = [_compare(complete[one], complete[other], steps[one] - steps[other]) for one, other in couples]
    adjusted = statistics.adjust_by_holm([pair.p_value for pair in raw])
    pairs: dict[tuple[int, int], Pair] = {}
    for (one, other), pair, p_value in zip(couples, raw, adjusted, strict=True):
        first, second = complete[one].id, complete[other].id
        pairs[first, second] = pair._replace(p_value=p_value)
        pairs[second, first] = pairs[first, second].mirrored
    return pairs


def _by_problem(row: Row) -> list[Tally]:
    return [row.result.tallies[problem] for problem in sorted(row.result.tallies)]


def _compare(one: Row, other: Row, differences: statistics.Steps) -> Pair:
    return Pair(
        gain=one.problems * (one.accuracy - other.accuracy),
        only_first=int((differences > 0).sum()),
        only_second=int((differences < 0).sum()),
        p_value=statistics.sign_flip_test(differences),
    )


def difference_interval(one: Row, other: Row) -> Interval:
    """Bound by how much the first is more accurate: paired bootstrap over problems. Both rows are complete."""
    return _bootstrap(tuple(_by_problem(one)), tuple(_by_problem(other)))


@lru_cache(maxsize=64)
def _bootstrap(one: tuple[Tally, ...], other: tuple[Tally, ...]) -> Interval:
    """Remembered: a board's table needs 28 of them at 10 ms each, and only new lanes change any."""
    return statistics.paired_bootstrap(one, other, random=np.random.default_rng(_SEED))


def group_rows(rows: Sequence[Row], pairs: Pairs) -> list[Group]:
    """Return the complete rows, best first, in groups that are tied."""
    complete = [row for row in rows if row.is_complete]
    groups: list[Group] = []
    for tied in statistics.tied_groups(complete, lambda one, other: pairs[one.id, other.id].p_value):
        first = groups[-1].last + 1 if groups else 1
        groups.append(Group(len(groups) + 1, first, tied))
    return groups


def find_detectable(rows: Sequence[Row], pairs: Pairs) -> float | None:
    """Return the difference that this board can show, given how often its recipes disagree; None for one recipe."""
    shares = [
        (pair.only_first + pair.only_second) / row.problems
        for row in rows
        for (first, _), pair in pairs.items()
        if first == row.id
    ]
    if not shares or not median(shares):
        return None
    return statistics.detectable_difference(rows[0].problems, median(shares))
