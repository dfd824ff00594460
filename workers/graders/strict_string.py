r"""Compare character by character, as lm-eval's AIME task does: the last `\boxed{…}` must be the reference itself.

For parity with published numbers; anything else is graded better by `boxed_math`.
"""

from workers.core.values import Verdict
from workers.graders._grader import (
    MAX_ANSWER_CHARS,
    Grader,
    GraderInput,
    check_reference,
    compared,
    no_answer,
    too_long,
)


def read_reference(answer: str, grader_input: GraderInput) -> str:
    """Return the reference without the space around it."""
    return check_reference(answer)


def grade(text: str, answer: str | None, reference: str, grader_input: GraderInput) -> Verdict:
    """Rule `right` when answer and reference are the same characters."""
    expected = check_reference(reference)
    if answer is None:
        return no_answer(expected)
    if len(answer) > MAX_ANSWER_CHARS:
        return too_long(answer, expected)
    return compared(answer, expected, is_right=answer.strip() == expected)


GRADER = Grader(
    slug="strict_string",
    title="Same characters",
    help="Character by character, for parity with published numbers; 0.5 is not 1/2 here.",
    read_reference=read_reference,
    grade=grade,
)
