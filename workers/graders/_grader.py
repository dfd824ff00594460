"""What a grader is: how it reads a reference answer, and how it rules on a text."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from workers.core.errors import UnreadableAnswer
from workers.core.values import Verdict

GraderInput = Mapping[str, Any]

MAX_ANSWER_CHARS = 2_048
"""A longer answer is not read at all: no problem has one, and reading takes time."""


class Grader(NamedTuple):
    """Everything the product knows of a grader; all of it stands in the grader's one file."""

    slug: str
    """The file's name."""
    title: str
    help: str
    """One or two sentences for the person who picks it."""
    read_reference: Callable[[str, GraderInput], str]
    """Return a reference answer as the grader reads it; raises UnreadableAnswer."""
    grade: Callable[[str, str | None, str, GraderInput], Verdict]
    """Rule on `(text, answer, reference, grader_input)`; never raises for what a model wrote."""
    answer_kind: str = ""
    """What every answer is, for a model that is asked for it alone: `the number`; empty where it may be anything."""


def no_answer(expected: str) -> Verdict:
    """Return the ruling on a text in which no final answer was found."""
    return Verdict(ruling="unreadable", explanation="No final answer was found in the text.", expected=expected)


def too_long(answer: str, expected: str) -> Verdict:
    """Return the ruling on an answer beyond `MAX_ANSWER_CHARS`."""
    return Verdict(
        ruling="unreadable",
        explanation=f"The answer has {len(answer):,} characters; at most {MAX_ANSWER_CHARS:,} are read.",
        expected=expected,
    )


def compared(answer: str, expected: str, *, is_right: bool) -> Verdict:
    """Return the ruling on an answer that was compared with the expected one."""
    if is_right:
        explanation = f"{shorten(answer)} is the expected answer."
        return Verdict(ruling="right", explanation=explanation, expected=expected)
    explanation = f"{shorten(answer)} is not {shorten(expected)}."
    return Verdict(ruling="wrong", explanation=explanation, expected=expected)


def shorten(answer: str) -> str:
    """Return an answer for a sentence: on one line, at most 80 characters of it."""
    line = " ".join(answer[:200].split())
    return line if len(line) <= 80 else f"{line[:80]}…"


def check_reference(answer: str) -> str:
    """Return a reference answer without the space around it; raises UnreadableAnswer if it is empty or too long."""
    text = answer.strip()
    if not text:
        raise UnreadableAnswer("The reference answer is empty.")
    if len(text) > MAX_ANSWER_CHARS:
        raise UnreadableAnswer(
            f"The reference answer has {len(text):,} characters; at most {MAX_ANSWER_CHARS:,} are read."
        )
    return text
