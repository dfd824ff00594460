"""What a model's choice among numbered solutions is taken to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.strategies._selecting import read_selection


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        pytest.param("[2, 1]", [1, 0], id="a list"),
        pytest.param("```json\n[2, 1]\n```", [1, 0], id="a list in a fence"),
        pytest.param("First I thought [1, 2], but [4, 3] is better.", [3, 2], id="the last list"),
        pytest.param("2, 4", [1, 3], id="bare numbers"),
        pytest.param("Solutions 3 and 1 look right.", [2, 0], id="numbers in prose"),
        pytest.param("[2, 2, 2, 3]", [1, 2], id="repeated numbers"),
        pytest.param("[9, 0, 3]", [2], id="numbers out of range"),
        pytest.param("[12345, 1]", [0], id="a number of no solution"),
        pytest.param("[1, 2, 3, 4]", [0, 1], id="too many"),
        pytest.param("All of them.", [], id="no number"),
        pytest.param("", [], id="nothing"),
        pytest.param("[1, x] 2", [0, 1], id="a list that is none"),
    ],
)
def test_a_choice_is_read(text: str, indices: list[int]):
    assert read_selection(text, of=4, limit=2) == indices


@given(text=st.text("0123456789[], \nab²٣", max_size=200), of=st.integers(1, 20), limit=st.integers(1, 5))
def test_whatever_is_written_the_choice_is_valid(text: str, of: int, limit: int):
    chosen = read_selection(text, of=of, limit=limit)

    assert len(chosen) == len(set(chosen)) <= limit
    assert all(0 <= index < of for index in chosen)


@given(numbers=st.lists(st.integers(1, 12), unique=True, min_size=1))
def test_a_plain_list_is_read_as_it_is(numbers: list[int]):
    assert read_selection(str(numbers), of=12, limit=12) == [number - 1 for number in numbers]
