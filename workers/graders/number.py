"""Compare as numbers, exactly: 0.5 is 1/2, and 0.333 is not 1/3."""

import re
from fractions import Fraction

from workers.core.answers import read_number
from workers.core.errors import UnreadableAnswer
from workers.core.values import Verdict
from workers.graders._grader import (
    MAX_ANSWER_CHARS,
    Grader,
    GraderInput,
    check_reference,
    compared,
    no_answer,
    shorten,
    too_long,
)

_NUMBER = re.compile(r"(?<![\w.,])[+-]?\d{1,40}(?:,\d{3})*(?:\.\d{1,40})?(?:/\d{1,40})?(?![\w]|[.,]\d)")


def read_reference(answer: str, grader_input: GraderInput) -> str:
    """Return the number that a reference answer says; behind `####` where it has such a mark."""
    text = check_reference(answer.rsplit("####", 1)[-1])
    if read_number(text) is None:
        raise UnreadableAnswer(f"The reference answer {text!r} is not a number.")
    return text


def grade(text: str, answer: str | None, reference: str, grader_input: GraderInput) -> Verdict:
    """Rule `right` when the answer's number equals the reference's."""
    expected = read_reference(reference, grader_input)
    if answer is None:
        return no_answer(expected)
    if len(answer) > MAX_ANSWER_CHARS:
        return too_long(answer, expected)
    number = find_number(answer)
    if number is None:
        return Verdict(ruling="unreadable", explanation=f"{shorten(answer)} is not one number.", expected=expected)
    return compared(answer, expected, is_right=number == read_number(expected))


def find_number(answer: str) -> Fraction | None:
    """Return the number that an answer is, or the only one among its words; None where it is not clear which.

    >>> find_number("12 apples"), find_number("3 or 4")
    (Fraction(12, 1), None)
    """
    number = read_number(answer)
    if number is not None:
        return number
    found = _NUMBER.findall(answer.replace("−", "-").replace("$", " "))
    return read_number(found[0]) if len(found) == 1 else None


GRADER = Grader(
    slug="number",
    title="Number",
    help="One number, compared exactly: 1,200 is 1200 and 0.5 is 1/2; units around it are passed over.",
    read_reference=read_reference,
    grade=grade,
    answer_kind="the number",
)
