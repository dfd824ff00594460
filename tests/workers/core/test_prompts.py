"""Prompts are filled completely, and what models write never fills anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import StrategyError
from workers.core.prompts import fill, number_texts


def test_names_are_replaced():
    assert fill("$question in \\boxed{}, ${count}x", question="Why?", count=3) == "Why? in \\boxed{}, 3x"


@given(st.text())
def test_values_go_in_as_they_are(text: str):
    assert fill("<$text>", text=text) == f"<{text}>"


def test_a_literal_dollar_is_doubled():
    assert fill("$$5 for $what", what="$what") == "$5 for $what"


def test_a_name_left_over_is_our_mistake():
    with pytest.raises(StrategyError) as mistake:
        fill("$question and $workspace", question="Why?")

    assert str(mistake.value) == "A prompt leaves $workspace unfilled."


def test_a_value_without_a_place_is_our_mistake():
    with pytest.raises(StrategyError) as mistake:
        fill("$question", question="Why?", workspace="lost")

    assert str(mistake.value) == "A prompt has no place for $workspace."


def test_texts_are_numbered_from_one():
    assert number_texts("Solution", ["a", "b"]) == "### Solution 1\na\n\n### Solution 2\nb"
    assert number_texts("Solution", []) == ""
