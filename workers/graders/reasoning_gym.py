"""Score with reasoning-gym's own scorers, for puzzles with many solutions; a full score is right.

`grader_input` is `{"dataset": "countdown", "entry": {"question", "answer", "metadata"}}`, as the library made it.
Its scorer for countdown hands the answer to sympy's `parse_expr`, which runs Python (others use `eval`; those are not
offered): so an answer may hold only the characters its data set needs, and is scored in a process that can be killed.
Source: reasoning-gym 0.1.25, `score_answer` of each data set; see `DATASETS` for those whose scorer was read.
"""

import re
from collections.abc import Mapping

from workers.core.answers import normalize_answer
from workers.core.errors import UnreadableAnswer
from workers.core.values import Verdict
from workers.graders._grader import (
    MAX_ANSWER_CHARS,
    Grader,
    GraderInput,
    check_reference,
    no_answer,
    shorten,
    too_long,
)
from workers.graders._pool import KillablePool, PoolBroken, TookTooLong

SECONDS = 3.0

_ANY_TEXT = re.compile(r".*", re.S)
_ARITHMETIC = re.compile(r"[0-9+\-*/() ]*")
DATASETS: Mapping[str, re.Pattern[str]] = {
    "basic_arithmetic": _ANY_TEXT,
    "chain_sum": _ANY_TEXT,
    "coin_flip": _ANY_TEXT,
    "count_primes": _ANY_TEXT,
    "countdown": _ARITHMETIC,
    "family_relationships": _ANY_TEXT,
    "fraction_simplification": _ANY_TEXT,
    "gcd": _ANY_TEXT,
    "lcm": _ANY_TEXT,
    "leg_counting": _ANY_TEXT,
    "letter_counting": _ANY_TEXT,
    "products": _ANY_TEXT,
    "simple_equations": _ANY_TEXT,
    "spell_backward": _ANY_TEXT,
    "syllogism": _ANY_TEXT,
    "word_sorting": _ANY_TEXT,
}
"""Data set to the characters that its scorer may safely see."""

_POOL = KillablePool("workers.graders._puzzles", size=2, seconds=SECONDS)
_DRESS = (("\\times", "*"), ("\\cdot", "*"), ("×", "*"), ("·", "*"), ("\\div", "/"), ("÷", "/"))


def read_reference(answer: str, grader_input: GraderInput) -> str:
    """Return the reference, one solution of possibly many, after its scorer has accepted it."""
    expected = check_reference(answer)
    dataset = _dataset(grader_input)
    if not _is_safe(expected, dataset):
        raise UnreadableAnswer(f"The reference answer {expected!r} is no answer to a {dataset} puzzle.")
    try:
        score = _score(expected, grader_input)
    except (TookTooLong, PoolBroken) as error:
        raise UnreadableAnswer(f"The scorer of {dataset} could not be asked: {error}.") from error
    if score != 1:
        raise UnreadableAnswer(f"The scorer of {dataset} does not accept the reference answer {expected!r}.")
    return expected


def grade(text: str, answer: str | None, reference: str, grader_input: GraderInput) -> Verdict:
    """Rule `right` when the puzzle's own scorer gives the full score."""
    dataset = _dataset(grader_input)
    if answer is None:
        return no_answer(reference)
    if len(answer) > MAX_ANSWER_CHARS:
        return too_long(answer, reference)
    solution = _plain(answer)
    if not _is_safe(solution, dataset):
        explanation = f"{shorten(answer)} is no answer to a {dataset} puzzle."
        return Verdict(ruling="unreadable", explanation=explanation, expected=reference)
    return _rule(solution, reference, grader_input)


def _rule(solution: str, reference: str, grader_input: GraderInput) -> Verdict:
    try:
        score = _score(solution, grader_input)
    except TookTooLong as error:
        return Verdict(ruling="timeout", explanation=f"Scoring was given up: {error}.", expected=reference)
    except PoolBroken as error:
        return Verdict(ruling="ungraded", explanation=str(error), expected=reference)
    if score == 1:
        explanation = f"The puzzle's own scorer accepts {shorten(solution)}."
        return Verdict(ruling="right", explanation=explanation, expected=reference)
    explanation = f"The puzzle's own scorer gives {shorten(solution)} {score:.2f} of 1."
    return Verdict(ruling="wrong", explanation=explanation, expected=reference)


def _dataset(grader_input: GraderInput) -> str:
    dataset, entry = grader_input.get("dataset"), grader_input.get("entry")
    if not isinstance(dataset, str) or dataset not in DATASETS:
        raise UnreadableAnswer(
            f"The grader needs the puzzle's data set, one of {', '.join(DATASETS)}; got {dataset!r}."
        )
    if not isinstance(entry, dict) or not {"answer", "metadata"} <= entry.keys():
        raise UnreadableAnswer("The grader needs the puzzle's entry, with its answer and metadata.")
    return dataset


def _plain(answer: str) -> str:
    text = normalize_answer(answer)
    for latex, plain in _DRESS:
        text = text.replace(latex, plain)
    return text


def _is_safe(answer: str, dataset: str) -> bool:
    return DATASETS[dataset].fullmatch(answer) is not None


def _score(answer: str, grader_input: GraderInput) -> float:
    question = {"answer": answer, "dataset": grader_input["dataset"], "entry": grader_input["entry"]}
    reply = _POOL.ask(question)
    return float(reply.get("score", 0))


GRADER = Grader(
    slug="reasoning_gym",
    title="Puzzle's own scorer",
    help="For puzzles made by reasoning-gym: any solution counts, not only the one on file.",
    read_reference=read_reference,
    grade=grade,
)
