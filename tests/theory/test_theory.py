"""On a reasoner of known skill every strategy is as often right as theory says; `make theory` plays many more lanes."""

from functools import cache

import pytest

from tests.theory.expected import vote
from tests.theory.rows import ROWS
from tests.theory.stopping import bayes_factor
from tests.theory.table import Compared, compare, z_of

TRIALS = 120
"""Seeds are fixed, so a row that agrees once agrees every time."""


@cache
def play(place: int) -> Compared:
    return compare(ROWS[place], TRIALS)


@pytest.mark.parametrize("place", range(len(ROWS)), ids=[f"{row.strategy} {row.setting}" for row in ROWS])
def test_a_strategy_is_as_often_right_as_theory_says(place: int):
    compared = play(place)

    assert compared.agrees, f"Expected {compared.theory:.3f}, measured {compared.measured.accuracy:.3f}."


@pytest.mark.parametrize(
    "place", [pytest.param(place, id=row.setting) for place, row in enumerate(ROWS) if row.saving is not None]
)
def test_a_strategy_saves_what_theory_says_and_its_paper_claims(place: int):
    compared = play(place)

    assert compared.saves_as_expected, f"Expected {compared.saving:.3f}, measured {compared.saved}."
    assert compared.keeps_its_claim


def test_a_wrong_theory_disagrees():
    row = next(row for row in ROWS if row.strategy == "best_of_n")
    vote_row = row._replace(expect=lambda shares: vote(shares, row.params["drafts"]))

    assert compare(row, 400).agrees
    assert not compare(vote_row, 400).agrees


def test_a_claim_that_is_not_kept_is_told():
    row = next(row for row in ROWS if row.saving)
    assert row.saving is not None
    compared = play(ROWS.index(row))
    greedy = row._replace(saving=row.saving._replace(claim=0.9))
    vain = row._replace(saving=row.saving._replace(accuracy=lambda shares: vote(shares, 150), drafts=150))

    assert compared.keeps_its_claim
    assert not compared._replace(row=greedy).keeps_its_claim
    assert not compared._replace(row=vain).keeps_its_claim
    assert not compared._replace(saving=compared.saving + 0.2).saves_as_expected


@pytest.mark.parametrize(
    ("shares", "accuracy"),
    [
        ((0.4, 0.3, 0.2, 0.1), {1: 0.400, 5: 0.490, 15: 0.622, 40: 0.760}),
        ((0.3, 0.35, 0.2, 0.15), {1: 0.300, 5: 0.321, 15: 0.339, 40: 0.326}),
        ((0.4, 0.6), {1: 0.400, 5: 0.317, 15: 0.213, 40: 0.102}),
    ],
)
def test_votes_have_their_published_accuracy(shares: tuple[float, ...], accuracy: dict[int, float]):
    """The golden values that a simulation confirmed, with ties broken by chance."""
    assert {n: round(vote(shares, n), 3) for n in accuracy} == accuracy


def test_bayes_factors_have_their_golden_values():
    counts = {(1,): 4.33, (2,): 14.17, (3,): 37.0, (3, 1): 12.1, (4, 2): 8.37, (8, 2): 98, (3, 2, 1): 5.10, (7, 7): 2.0}

    assert {each: pytest.approx(bayes_factor(each, 0.3), rel=0.006) for each in counts} == counts


def test_intervals_are_as_wide_as_many_rows_ask():
    assert z_of(1) == pytest.approx(1.96, abs=0.001)
    assert z_of(50) == pytest.approx(3.29, abs=0.01)
