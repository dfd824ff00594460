"""Compare letters of a multiple choice: `(B)`, `B.`, `Answer: B` and `B) because…` are all B."""

import re

from workers.core.answers import normalize_answer
from workers.core.errors import UnreadableAnswer
from workers.core.values import Verdict
from workers.graders._grader import Grader, GraderInput, check_reference, compared, no_answer, shorten

_LETTER = re.compile(
    r"""(?:(?:the\ )?(?:final\ |correct\ )?(?:answer|choice|option)(?:\ is)?\s*:?\s*)?  # Answer:
        [(\[{*_"'\s]*([A-Za-z])[)\]}*_"'\s]*                                            # (B)
        (?:$|[.:,;)](?:\s|$)|\s[-–—]\s)                                                 # and then nothing, or a reason
    """,
    re.X,
)
_LAST_LINE_CHARS = 400


def read_reference(answer: str, grader_input: GraderInput) -> str:
    """Return the letter, in upper case."""
    letter = find_letter(check_reference(answer))
    if letter is None:
        raise UnreadableAnswer(f"The reference answer {answer.strip()!r} is not a letter from A to Z.")
    return letter


def grade(text: str, answer: str | None, reference: str, grader_input: GraderInput) -> Verdict:
    """Rule `right` when the answer's letter is the reference's; without an answer, the last line may be a letter."""
    expected = read_reference(reference, grader_input)
    said = answer if answer is not None else _last_line(text)
    if said is None:
        return no_answer(expected)
    letter = find_letter(said)
    if letter is None:
        if answer is None:
            return no_answer(expected)
        return Verdict(ruling="unreadable", explanation=f"{shorten(said)} is not one letter.", expected=expected)
    return compared(letter, expected, is_right=letter == expected)


def find_letter(answer: str) -> str | None:
    r"""Return the one letter that an answer chooses, or None.

    >>> find_letter("(B)"), find_letter("b. 12 metres"), find_letter(r"\text{C}"), find_letter("A or B")
    ('B', 'B', 'C', None)
    """
    match = _LETTER.match(normalize_answer(answer[:_LAST_LINE_CHARS]).strip())
    return match[1].upper() if match else None


def _last_line(text: str) -> str | None:
    tail = text.rsplit("</think>", 1)[-1][-_LAST_LINE_CHARS:]
    lines = [line for line in tail.splitlines() if line.strip()]
    return lines[-1] if lines else None


GRADER = Grader(
    slug="choice",
    title="Multiple choice",
    help="One letter from A to Z: (B), B. and “Answer: B” are the same.",
    read_reference=read_reference,
    grade=grade,
    answer_kind="the letter",
)
