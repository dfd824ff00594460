r"""Answers are found where people and models write them, and have one spelling."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.answers import (
    LONGEST,
    compare_plainly,
    drop_thinking,
    extract_answer,
    is_same_answer,
    normalize_answer,
    read_number,
)

# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        pytest.param(r"So \boxed{42}.", "42", id="a box"),
        pytest.param(r"\boxed{1} no, \boxed{2}", "2", id="the last box"),
        pytest.param(r"\fbox{7}", "7", id="a framed box"),
        pytest.param(r"\boxed {7}", "7", id="a space before the brace"),
        pytest.param("boxed{7}", "7", id="a forgotten backslash"),
        pytest.param("\\boxed{\n7\n}", "7", id="a box over lines"),
        pytest.param(r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", id="braces in the box"),
        pytest.param(r"\boxed{\{1, 2\}}", r"\{1, 2\}", id="escaped braces in the box"),
        pytest.param(r"\boxed{\boxed{5}}", "5", id="a box in a box"),
        pytest.param(r"a set {1, 2 and \boxed{3}", "3", id="a brace left open before"),
        pytest.param(r"a } and \boxed{3}", "3", id="a brace too many before"),
        pytest.param(r"\boxed{4} and then \boxed{5", "4", id="the last box that closes"),
        pytest.param(r"\boxed{1 + \boxed{2}", "2", id="a box that closes in one that does not"),
        pytest.param(r"\boxed{5", None, id="a box that never closes"),
        pytest.param(r"\boxed{4}. I wrote it inside \boxed{}.", "4", id="an empty box after a full one"),
        pytest.param(r"\boxed{  }", None, id="an empty box"),
        pytest.param(r"\boxed{4}, as asked in \boxed{...}", "4", id="a box that echoes the prompt"),
        pytest.param(r"The answer is \boxed{} Tokyo.", "Tokyo", id="an answer beside its box"),
        pytest.param(r"The answer is \boxed{...}.", None, id="a sentence that echoes the prompt"),
        pytest.param('The sentence will be "The answer is Japan."', "Japan", id="a sentence in quotes"),
        pytest.param("The final answer is:\n" + "I am here to help. " * 9, None, id="prose below a line"),
        pytest.param(r"Answer: 3 or \boxed{4}", "4", id="a box beats a line"),
        pytest.param("<answer> 12 </answer>", "12", id="a tag"),
        pytest.param("<answer>x < 5</answer>", "x < 5", id="a sign in a tag"),
        pytest.param("<answer>1</answer> <answer>2</answer>", "2", id="the last tag"),
        pytest.param("Answer: 1\n<answer>2</answer>", "2", id="a tag beats a line"),
        pytest.param("<answer>", None, id="a tag that never closes"),
        pytest.param("</answer>", None, id="a tag that never opens"),
        pytest.param("Answer: 42", "42", id="a line"),
        pytest.param("**Final Answer:** 42", "42", id="a bold line"),
        pytest.param("Answer:\n\n42\n", "42", id="the answer on the next line"),
        pytest.param("answer = 5", "5", id="an equation"),
        pytest.param("Answer: 1\nAnswer: 2\nThanks.", "2", id="the last line"),
        pytest.param("The answer is 42.", "42", id="a sentence"),
        pytest.param("The answer to this puzzle is Tokyo.", "Tokyo", id="a verb inside a word"),
        pytest.param("So the final answer is **Paris**. It lies on the Seine.", "Paris", id="a bold word"),
        pytest.param("The answer is 3.14. That is pi.", "3.14", id="a decimal point"),
        pytest.param("The answer to the question is 42.", "42", id="words between"),
        pytest.param('The answer to the question "What is 6 × 7?" is 42.', "42", id="the question in quotes"),
        pytest.param("The answer to the question “6 × 7 is?” is 42.", "42", id="the question in curly quotes"),
        pytest.param(
            "Final Answer: The final answer is $5$. I hope it is correct.", "$5$", id="a line and a sentence in one"
        ),
        pytest.param("The answer is " + "well, " * 40, None, id="a sentence too long"),
        pytest.param("I do not know what the answer is", None, id="nothing behind the words"),
        pytest.param("6 times 7 makes 42.", None, id="no sign of an answer"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_an_answer_is_found(text: str, answer: str | None):
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        pytest.param(r"<think>\boxed{1}</think>\boxed{2}", "2", id="behind the thinking"),
        pytest.param(r"\boxed{1}</think> hm", None, id="only in thinking that the template opened"),
        pytest.param(r"<think> \boxed{1}", None, id="only in thinking that never ends"),
        pytest.param(r"a</think>b \boxed{1}</think> \boxed{3}", "3", id="behind the last end"),
        pytest.param(r"\boxed{1}, said with a <think> tag", "1", id="a tag that opens nothing"),
    ],
)
def test_thinking_gives_no_answer(text: str, answer: str | None):
    assert extract_answer(text) == answer


HOSTILE = {
    "boxes that never close": r"\boxed{" * 20_000,
    "open braces": "{" * 200_000,
    "closed braces": r"\boxed{" + "}" * 200_000,
    "tags": "<answer>" * 30_000,
    "answers": "the answer is " * 2_000,
    "answers to": "answer to " * 2_000,
    "answers to quotes": 'answer to a "' * 2_000,
    "stars": "answer" + "*" * 200_000,
    "spaces": " " * 200_000 + "answer" + " " * 200_000,
    "a long box": r"\boxed{" + "9" * (LONGEST + 1) + "}",
    "a long tag": "<answer>" + "9" * (LONGEST + 1) + "</answer>",
    "a long line": "Answer: " + "9" * (LONGEST + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_holds_no_answer_or_a_short_one(text: str):
    answer = extract_answer(text)

    assert answer is None or len(answer) <= 100


def test_an_answer_behind_hostile_text_is_found():
    assert extract_answer(r"\boxed{" * 20_000 + r"\boxed{7}") == "7"
    assert extract_answer("}" * 100_000 + r"\boxed{7}") == "7"


@given(st.text(r"\{}boxedanswer<>/:= is.42" + "\n", max_size=200))
def test_whatever_is_written_an_answer_is_filled_and_short(text: str):
    answer = extract_answer(text)

    assert answer is None or 0 < len(answer.strip()) == len(answer) <= LONGEST


@given(before=st.text(), inside=st.text("0123456789+-x ", min_size=1).map(str.strip).filter(bool))
def test_a_box_at_the_end_is_the_answer(before: str, inside: str):
    closed = before.replace("</think>", "").replace("<think>", "").replace("\\", "")
    assert extract_answer(f"{closed} \\boxed{{{inside}}}") == inside


def test_thinking_is_dropped():
    assert drop_thinking("<think>a</think>b") == "b"
    assert drop_thinking("a</think>b</think>c") == "c"
    assert drop_thinking("\n<think>a") == ""
    assert drop_thinking("a") == "a"


# --- one spelling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "spelling"),
    [
        ("42.", "42"), ("$42$", "42"), ('"Rome."', "Rome"), ("**42**", "42"), ("`42`", "42"),
        (r"\(42\)", "42"), (r"\[42\]", "42"),
        ("042", "42"), ("+42", "42"), ("-0", "0"), ("-042", "-42"), ("−42", "-42"),
        ("1,200", "1200"), ("1{,}200", "1200"), (r"1\,200", "1200"), ("1,234,567.5", "1234567.5"), ("12,34", "12, 34"),
        ("$1,200", "1200"), (r"\$5", "5"), ("€5", "5"), ("5 dollars", "5"), ("12 apples", "12"), ("5 km/h", "5"),
        ("10 miles per hour", "10"), (r"5\text{ cm}", "5"), (r"5\,\mathrm{cm}^2", "5"), (r"50\%", "50"), ("90°", "90"),
        (r"90^\circ", "90"), (r"90^{\circ}", "90"), ("3 pi", "3 pi"), ("2 million", "2 million"), ("3 or 4", "3 or 4"),
        ("x = 5", "5"), ("n_1=5", "5"), ("f(x) = 2x", "2x"), ("x = 5, y = 3", "x=5, y=3"), ("a = b = 5", "a=b=5"),
        (r"\dfrac{1}{2}", r"\frac{1}{2}"), (r"\tfrac12", r"\frac12"), (r"\displaystyle x", "x"),
        (r"\left(1,2\right)", "(1, 2)"), ("( 1 ,2 )", "(1, 2)"), ("x + 1", "x+1"), (r"\leftarrow", r"\leftarrow"),
        (r"\text{Paris}", "Paris"), (r"\textbf{(B)}", "B"), ("(b)", "b"), ("New  York", "New York"), ("", ""),
    ],
)  # fmt: skip
def test_an_answer_has_one_spelling(answer: str, spelling: str):
    assert normalize_answer(answer) == spelling


PARTS = st.sampled_from(
    [*"0123456789.,+-=()[]{}$%^/ xB", r"\frac", r"\dfrac", r"\text{", r"\left", r"\right", r"\,", r"\ ", r"\circ",
     r"\$", "{,}", "~", "**", "`", " cm", "−", "°", "\n", "pi", "km/h"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=25).map("".join) | st.text(max_size=50))
def test_normalizing_twice_equals_once(answer: str):
    once = normalize_answer(answer)

    assert normalize_answer(once) == once


@given(st.lists(PARTS, max_size=25).map("".join))
def test_an_answer_equals_its_spelling(answer: str):
    assert is_same_answer(answer, normalize_answer(answer))


@pytest.mark.parametrize(
    "answer", [r"\text{" * 300, "x=" * 900 + "5", "1," * 900, r"\ " * 900, "5 " + "ab " * 600, "(" * 1_999, "- " * 900]
)
def test_hostile_answers_come_to_an_end(answer: str):
    assert normalize_answer(normalize_answer(answer)) == normalize_answer(answer)


def test_an_answer_too_long_keeps_its_words():
    assert normalize_answer("$1, 2$ \n" * 1_000) == " ".join(["$1,", "2$"] * 1_000)


# --- numbers and equality ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("12", Fraction(12)), ("1,200", Fraction(1200)), ("-0.50", Fraction(-1, 2)), (".5", Fraction(1, 2)),
        ("5.", Fraction(5)), ("1/2", Fraction(1, 2)), ("-4 / 6", Fraction(-2, 3)), (r"\frac{1}{2}", Fraction(1, 2)),
        (r"-\dfrac{10}{4}", Fraction(-5, 2)), (r"\frac12", Fraction(1, 2)), (r"\frac{-1}{2}", Fraction(-1, 2)),
        ("3e2", Fraction(300)), ("1.5E-1", Fraction(3, 20)), ("x = 7 apples", Fraction(7)), ("٣", Fraction(3)),
        ("1/0", None), (r"\frac{1}{0}", None), ("1/2/3", None), ("ten", None), ("1 2", None), ("(1, 2)", None),
        ("1e999", None), ("", None), ("-", None), (".", None), ("²", None),
    ],
)  # fmt: skip
def test_a_number_is_read_exactly(answer: str, number: Fraction | None):
    assert read_number(answer) == number


@given(st.fractions())
def test_every_fraction_is_read(number: Fraction):
    assert read_number(f"{number.numerator}/{number.denominator}") == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_every_decimal_is_read_with_and_without_separators(number: object):
    assert read_number(f"{number:,f}") == read_number(f"{number:f}") == Fraction(str(number))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1/2", "0.5", True), ("0.5", r"\frac{2}{4}", True), ("Paris", "paris", True), ("12 apples", "12", True),
        ("3", "4", False), ("0.333", "1/3", False), ("1e1", "10", True), ("x+1", "1+x", None), ("Rome", "Paris", None),
        ("3", "three", None), ("(1,2)", "(1, 2)", True),
    ],
)  # fmt: skip
def test_answers_are_compared_as_far_as_spelling_and_numbers_tell(one: str, other: str, same: bool | None):
    assert compare_plainly(one, other) is same
    assert compare_plainly(other, one) is same
    assert is_same_answer(one, other) is (same is True)
