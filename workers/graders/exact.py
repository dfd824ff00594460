"""Compare as text: the same words, whatever the case, the dress or the final full stop.

A reference may list accepted spellings, separated by a bar: `Washington, D.C. | Washington DC`.
"""

import re
import unicodedata

from workers.core.answers import normalize_answer
from workers.core.errors import UnreadableAnswer
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
    """Return the accepted spellings, joined by `or`."""
    return " or ".join(_spellings(check_reference(answer)))


def grade(text: str, answer: str | None, reference: str, grader_input: GraderInput) -> Verdict:
    """Rule `right` when the answer is one of the accepted spellings."""
    spellings = _spellings(reference)
    expected = " or ".join(spellings)
    if answer is None:
        return no_answer(expected)
    if len(answer) > MAX_ANSWER_CHARS:
        return too_long(answer, expected)
    is_right = plain(answer) in {plain(spelling) for spelling in spellings}
    return compared(answer, expected, is_right=is_right)


def plain(answer: str) -> str:
    r"""Return an answer as compared: no dress, no case, one space between words, no punctuation at its ends.

    >>> plain(r"\text{ The  Hague }.") == plain("the hague")
    True
    """
    before, text = None, answer
    while text != before:  # what one step uncovers, the next undresses; each only ever shortens plain text
        before = text
        text = unicodedata.normalize("NFKC", normalize_answer(text)).casefold()
        text = re.sub(r"\s+", " ", text).strip(" .,;:!?\"'`*_“”‘’")
    return text


def _spellings(reference: str) -> list[str]:
    spellings = [spelling.strip() for spelling in reference.split(" | ")]
    if not all(plain(spelling) for spelling in spellings):
        raise UnreadableAnswer(f"The reference answer {reference!r} lists an empty spelling.")
    return spellings


GRADER = Grader(
    slug="exact",
    title="Exact words",
    help="The same words, whatever the case. Separate accepted spellings by “ | ”.",
    read_reference=read_reference,
    grade=grade,
)
