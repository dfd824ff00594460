"""docs/strategies.md shows every strategy, and what theory expects of it."""

from tests.theory.page import read_between, write_catalog
from tests.theory.rows import ROWS
from tests.theory.table import HEAD, name_of
from workers.strategies import catalog

WITHOUT_ROW: frozenset[str] = frozenset()
"""Strategies that nobody has compared with theory yet; this list shrinks."""


def test_every_strategy_is_compared_with_theory():
    missing = set(catalog()) - {row.strategy for row in ROWS} - WITHOUT_ROW

    assert not missing, f"Add a row to tests/theory/rows.py for {sorted(missing)}, then run `make theory`."


def test_the_list_of_strategies_without_a_row_shrinks():
    assert not WITHOUT_ROW & {row.strategy for row in ROWS}


def test_the_page_shows_every_row():
    head, rule, *lines = read_between("theory").splitlines()

    assert "\n".join([head, rule]) == HEAD
    assert [name_of(line) for line in lines] == [(row.title, row.setting) for row in ROWS], "Run `make theory`."


def test_the_page_lists_the_strategies_as_they_are():
    assert read_between("catalog") == write_catalog(), "Run `make catalog` and commit docs/strategies.md."
