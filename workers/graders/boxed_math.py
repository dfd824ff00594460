r"""Compare as mathematics: `\frac{1}{2}` is 0.5, and `(x-1)(x+1)` is `x^2-1`.

What is plainly the same never leaves this process. The rest goes to math-verify in a process that is killed after
three seconds of CPU: a timeout is a ruling of its own, never "wrong", or slow answers would count against a strategy.
Source: math-verify 0.9, which takes the gold answer first.
"""

import os
import re
from functools import lru_cache

from workers.core.answers import extract_answer, is_same_answer, normalize_answer, read_number
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
from workers.graders._pool import KillablePool, PoolBroken, TookTooLong

SECONDS = 3.0
MAX_DIGITS = 1_000
MAX_NESTING = 50

_POOL = KillablePool("workers.graders._maths", size=max(2, min(4, os.cpu_count() or 1)), seconds=SECONDS)
_WORDS = re.compile(r"[^\W\d_]{3,}(?:[\s'.,-]+[^\W\d_]+)*")


class Unreadable(Exception):
    """An answer that is no mathematics, or more than is safe to read."""


def read_reference(answer: str, grader_input: GraderInput) -> str:
    """Return the expression: inside the last box if there is one, behind `####` if there is one."""
    expression = _reference(answer)
    if read_number(expression) is not None or _is_words(expression):
        return expression
    try:
        _check_size(expression)
        is_readable = _POOL.ask({"gold": expression})["is_readable"]
    except Unreadable as error:
        raise UnreadableAnswer(f"The reference answer cannot be read. {error}") from error
    except (TookTooLong, KeyError) as error:
        raise UnreadableAnswer(f"The reference answer {expression!r} takes too long to read.") from error
    except PoolBroken as error:
        raise UnreadableAnswer(f"The reference answer could not be checked. {error}") from error
    if not is_readable:
        raise UnreadableAnswer(f"The reference answer {expression!r} is not mathematics that can be read.")
    return expression


def grade(text: str, answer: str | None, reference: str, grader_input: GraderInput) -> Verdict:
    """Rule `right` when answer and reference are equal; `timeout` when that cannot be found out in time."""
    expected = _reference(reference)
    if answer is None:
        return no_answer(expected)
    if len(answer) > MAX_ANSWER_CHARS:
        return too_long(answer, expected)
    try:
        return compared(answer, expected, is_right=_is_equal(expected, answer))
    except (Unreadable, UnreadableAnswer) as error:
        return Verdict(ruling="unreadable", explanation=str(error), expected=expected)
    except TookTooLong as error:
        explanation = f"The comparison with {shorten(expected)} was given up: {error}."
        return Verdict(ruling="timeout", explanation=explanation, expected=expected)
    except PoolBroken as error:
        return Verdict(ruling="ungraded", explanation=str(error), expected=expected)


def are_equal(one: str, other: str) -> bool:
    """Say whether two answers are mathematically equal, for votes; what is not known in time is not equal."""
    if len(one) > MAX_ANSWER_CHARS or len(other) > MAX_ANSWER_CHARS:
        return one == other
    try:
        return _is_equal(one, other)
    except (Unreadable, UnreadableAnswer, TookTooLong, PoolBroken):
        return False


def _reference(answer: str) -> str:
    text = check_reference(answer)
    return extract_answer(text) or check_reference(text.rsplit("####", 1)[-1])


def _is_equal(gold: str, other: str) -> bool:
    if is_same_answer(gold, other):
        return True
    if read_number(gold) is not None and read_number(other) is not None:
        return False
    if _is_words(gold) or _is_words(other):  # math-verify would multiply the letters: "listen" is "silent"
        return False
    _check_size(gold)
    _check_size(other)
    return _is_equal_by_maths(gold, other)


@lru_cache(maxsize=4_096)  # exceptions are not kept: a slow moment of the machine is forgotten
def _is_equal_by_maths(gold: str, other: str) -> bool:
    reply = _POOL.ask({"gold": gold, "other": other})
    if reply.get("fault") == "memory":
        raise TookTooLong("it took too much memory")
    if not reply.get("is_other_readable"):
        raise Unreadable(f"{shorten(other)} is not mathematics that can be read.")
    return bool(reply["is_equal"])


def _is_words(answer: str) -> bool:
    return _WORDS.fullmatch(normalize_answer(answer)) is not None


def _check_size(answer: str) -> None:
    digits = sum(letter.isdigit() for letter in answer)
    if digits > MAX_DIGITS:
        raise Unreadable(f"It has {digits:,} digits; at most {MAX_DIGITS:,} are read.")
    depth = deepest = braces = 0
    for letter in answer:
        depth += (letter in "({[") - (letter in ")}]")
        deepest = max(deepest, depth)
        braces += (letter == "{") - (letter == "}")
        if braces < 0:
            break
    if braces:  # it would end the box that it is put into
        raise Unreadable(f"{shorten(answer)} has braces that do not match.")
    if deepest > MAX_NESTING:
        raise Unreadable(f"It is nested {deepest} deep; at most {MAX_NESTING} are read.")


GRADER = Grader(
    slug="boxed_math",
    title="Mathematics",
    help=r"Numbers, fractions, expressions, sets and intervals in LaTeX: \frac{1}{2} is 0.5.",
    read_reference=read_reference,
    grade=grade,
)
