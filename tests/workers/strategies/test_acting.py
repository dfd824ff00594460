"""What a proposal says is to be done, what comes of it, and a calculator that never hangs."""

from fractions import Fraction
from operator import add, mul, sub
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.strategies._acting import Action, act, calculate, read_action


@pytest.mark.parametrize(
    ("text", "action"),
    [
        pytest.param("STEP Halve it.", Action("STEP", "Halve it."), id="bare"),
        pytest.param("I think.\nMaybe STEP by step.\n**STEP**: Halve it.\n", Action("STEP", "Halve it."), id="dressed"),
        pytest.param("STEP One.\nSTEP Two.", Action("STEP", "One."), id="the first of several"),
        pytest.param(
            "STEP One,\nin two lines.\n\nAnd more.", Action("STEP", "One,\nin two lines."), id="one paragraph"
        ),
        pytest.param("REVISE 2: Add 4.", Action("REVISE", "Add 4.", 2), id="revise"),
        pytest.param("REVISE step 1 Add 4.", Action("REVISE", "Add 4.", 1), id="revise, with a word more"),
        pytest.param("REVISE 3 Add 4.", None, id="revise what is not there"),
        pytest.param("REVISE 0 Add 4.", None, id="revise nothing"),
        pytest.param("REVISE Add 4.", None, id="revise without a number"),
        pytest.param("CALC `3 * 4`", Action("CALC", "3 * 4"), id="calculate"),
        pytest.param("CALC x * 4", None, id="calculate what is no number"),
        pytest.param("ANSWER \\boxed{7}", Action("ANSWER", "\\boxed{7}"), id="answer"),
        pytest.param("It cannot be done.\nFAIL", Action("FAIL", ""), id="fail"),
        pytest.param("Halve it.\n\nThen \\boxed{7}.", Action("STEP", "Halve it."), id="no action is a step"),
        pytest.param("It is \\boxed{7}.", Action("ANSWER", "It is \\boxed{7}."), id="no action, but a box"),
        pytest.param("Step 1: halve it.", Action("STEP", "Step 1: halve it."), id="a word in another case"),
        pytest.param("STEP", None, id="nothing to do"),
        pytest.param("", None, id="empty"),
    ],
)
def test_the_first_action_that_can_be_carried_out_is_read(text: str, action: Action | None):
    assert read_action(text, steps=2) == action


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("STEP Halve it.", None),
        ("CALC 3 * 4", None),
        ("Halve it.", None),
        ("FAIL", Action("FAIL", "")),
        ("Halve it.\n\nThen \\boxed{7}.", Action("ANSWER", "Halve it.\n\nThen \\boxed{7}.")),
    ],
)
def test_the_last_action_is_an_answer_or_a_failure(text: str, action: Action | None):
    assert read_action(text, steps=2, is_last=True) == action


@given(text=st.text("STEPREVISCALN 1234\n*:\\boxed{}", max_size=60), steps=st.integers(0, 3))
def test_every_action_that_is_read_can_be_carried_out(text: str, steps: int):
    before = tuple(f"step {number}" for number in range(1, steps + 1))
    action = read_action(text, steps)

    if action is not None:
        after = act(before, action)
        assert len(after) == {"REVISE": action.number, "FAIL": steps}.get(action.kind, steps + 1)
        assert after[: len(after) - 1] == before[: len(after) - 1]


def test_a_short_answer_is_put_into_a_box_and_prose_is_not():
    assert act((), Action("ANSWER", "42")) == ("\\boxed{42}",)
    assert act((), Action("ANSWER", "The answer is 42.")) == ("The answer is 42.",)
    assert act((), Action("ANSWER", "word " * 30)) == ("word " * 30,)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("17*24", "408"), ("(2 + 3) * 4", "20"), ("1,000 − 1", "999"), ("7 ÷ 2", "7/2 (about 3.5)"),
        ("0.1 + 0.2", "3/10 (about 0.3)"),
        ("2^-2", "1/4 (about 0.25)"), ("-3 ** 2", "-9"), ("7 // 2", "3"), ("7 % 4", "3"), ("+5", "5"),
    ],
)  # fmt: skip
def test_golden_values(expression: str, value: str):
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "hostile",
    [
        "9^9^9^9", "9**99999999", "(((((9^64)^64)^64)^64)^64)", "1/0", "0^-1", "2^0.5", "()", "", "1 2", "1..2",
        "*".join("9" * 200),
        "(" * 100 + "1" + ")" * 99, "__import__('os')", "1 if 1 else 2", "1e9", "0x1F", "9" * 201, "5 5", "1,2,3(4)",
    ],
)  # fmt: skip
def test_what_has_no_moderate_value_has_none(hostile: str):
    assert calculate(hostile) is None


@given(numbers=st.lists(st.integers(0, 999), min_size=2, max_size=6), data=st.data())
def test_sums_and_products_are_exact(numbers: list[int], data: st.DataObject):
    expression, value = str(numbers[0]), Fraction(numbers[0])
    signs: dict[str, Any] = {"+": add, "-": sub, "*": mul}
    for number in numbers[1:]:
        sign = data.draw(st.sampled_from(sorted(signs)))
        expression, value = f"({expression}) {sign} {number}", signs[sign](value, number)

    assert calculate(expression) == str(value)
