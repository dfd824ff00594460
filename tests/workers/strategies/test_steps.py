"""Where texts part into steps, and how scores of steps become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.strategies._steps import (
    REDUCTIONS,
    Reduction,
    first_step,
    head_next,
    mean_logit,
    read_entries,
    split_steps,
)


# Golden values, computed from the formulas.
@pytest.mark.parametrize(
    ("reduction", "value"), [("mean_logit", 0.7776), ("min", 0.2), ("product", 0.171), ("mean", 0.6833), ("last", 0.2)]
)
def test_golden_values(reduction: Reduction, value: float):
    assert REDUCTIONS[reduction]([0.95, 0.9, 0.2]) == pytest.approx(value, abs=5e-5)


VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(values=VALUES)
def test_the_least_step_is_at_most_the_mean_and_the_product_at_most_the_least(values: list[float]):
    reduced = {name: reduce(values) for name, reduce in REDUCTIONS.items()}

    assert reduced["product"] <= reduced["min"] <= reduced["mean"] + 1e-12
    assert all(0 <= value <= 1 + 1e-12 for value in reduced.values())


@given(value=st.floats(1e-4, 1 - 1e-4))
def test_one_step_is_its_own_score_however_reduced(value: float):
    assert {name: reduce([value]) for name, reduce in REDUCTIONS.items()} == pytest.approx(
        dict.fromkeys(REDUCTIONS, value)
    )


@given(values=VALUES, lower=st.floats(0, 1))
def test_a_worse_step_lowers_the_mean_of_logits(values: list[float], lower: float):
    before = mean_logit(values)

    assert 0 < before < 1
    if lower < before - 1e-3:
        assert mean_logit([*values, lower]) < before


@given(paragraphs=st.lists(st.text("ab \n", max_size=5), max_size=9), most=st.integers(1, 5))
def test_splitting_loses_nothing_but_blank_lines(paragraphs: list[str], most: int):
    text = "x" + "\n\n".join(paragraphs)

    steps = split_steps(text, most)

    assert 1 <= len(steps) <= most
    assert all(step.strip() for step in steps)
    assert "".join("".join(steps).split()) == "".join(text.split())


@given(text=st.text("ab \n", max_size=20))
def test_the_first_step_is_the_beginning_of_the_text_and_has_no_blank_line(text: str):
    step = first_step(text)

    assert text.strip().startswith(step)
    assert "\n\n" not in step
    assert bool(step) == bool(text.strip())


@pytest.mark.parametrize(
    ("begun", "heading"),
    [
        ("Let me see.", "Step 1:"),
        ("Step 1: Add.\n\nStep 2: Halve.", "Step 3:"),
        ("Step 1: Add.\nWe saw in\nStep 1 that", "Step 2:"),
        ("Step 1: as Step 7 says", "Step 2:"),
        ("Step 99999999: Add.", "Step 1:"),
    ],
)
def test_the_next_heading_counts_on(begun: str, heading: str):
    assert head_next(begun) == heading


@given(text=st.text("1. )\na", max_size=40), most=st.integers(1, 4))
def test_entries_are_distinct_and_not_empty(text: str, most: int):
    entries = read_entries(text, most)

    assert len(entries) <= most
    assert len(set(entries)) == len(entries)
    assert all(entry == entry.strip() != "" for entry in entries)


def test_prose_around_a_list_is_no_entry():
    assert read_entries("Here are 2 ways:\n\n 1. Add 2.\n 2) Halve it.\n- or not\nThat is all.", 5) == [
        "Add 2.", "Halve it."
    ]  # fmt: skip
    assert read_entries("Add 2, or halve it.", 5) == []
