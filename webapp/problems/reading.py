"""Read problems from JSONL or CSV. Every fault is found at once, with its line; nothing is guessed in silence.

Columns are known by the names that published data sets use, whatever the case:
- the question: problem, question, prompt or input (`choices`, a list, is lettered and added);
- the reference answer: answer, correct answer, target or gold; may be missing;
- the problem's id: id, unique_id, problem_idx or record id;
- tags (a list, or text with commas), grader, grader_input.
All other columns are passed over.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from workers.core.errors import UnreadableAnswer
from workers.graders import catalog

MOST_FILE_BYTES = 5 * 1024 * 1024
MOST_PROBLEMS = 5_000
MOST_QUESTION_BYTES = 65_536
MOST_ANSWER_BYTES = 4_096
MOST_INPUT_BYTES = 65_536
MOST_ID_CHARS = 120
MOST_FAULTS = 20
MOST_TAGS = 20
MOST_TAG_CHARS = 60

QUESTION = ("problem", "question", "prompt", "input")
ANSWER = ("answer", "correct answer", "target", "gold")
ID = ("id", "unique_id", "problem_idx", "record id")


class BadFile(ValueError):
    """A file that is not taken; says every fault that was found, the first of them at least."""

    def __init__(self, faults: list[str]) -> None:
        """Keep the faults; too many are cut."""
        self.faults = faults[:MOST_FAULTS]
        if len(faults) > MOST_FAULTS:
            self.faults.append("There are more faults; correct these first.")
        super().__init__("\n".join(self.faults))


class NewProblem(NamedTuple):
    """A problem as it stands in a file, checked."""

    question: str
    answer: str
    grader: str
    grader_input: dict[str, Any]
    tags: list[str]
    name: str
    """The problem's id in the file; empty if it has none."""


class _Fault(Exception):
    """What is wrong with one line."""


Row = tuple[int, Mapping[str, Any] | _Fault]


def read_problems(content: bytes, *, grader: str, is_trusted: bool = False) -> list[NewProblem]:
    """Return the problems of a file, in its order; `grader` judges those that name none. Raises BadFile.

    The graders read every reference answer, unless the file is one of our own, which the tests have read.
    """
    if grader not in catalog():
        raise BadFile([_unknown_grader(grader)])
    problems: list[NewProblem] = []
    faults: list[str] = []
    names: set[str] = set()
    for number, row in _rows(_decode(content)):
        try:
            problems.append(_read_new(row, grader, names, is_trusted=is_trusted))
        except _Fault as fault:
            faults.append(f"Line {number}: {fault}")
        if len(faults) > MOST_FAULTS or len(problems) > MOST_PROBLEMS:
            break
    if len(problems) > MOST_PROBLEMS:
        raise BadFile([f"The file has more than {MOST_PROBLEMS:,} problems. Split it into several suites."])
    if faults or not problems:
        raise BadFile(faults or ["The file holds no problem."])
    return problems


def _read_new(row: Mapping[str, Any] | _Fault, grader: str, names: set[str], *, is_trusted: bool) -> NewProblem:
    if isinstance(row, _Fault):
        raise row
    problem = _read(row, grader)
    if problem.name in names:
        raise _Fault(f"the id {problem.name!r} stands here a second time. Give each problem its own.")
    names |= {problem.name} - {""}
    if not is_trusted:
        _check_reference(problem)
    return problem


def _decode(content: bytes) -> str:
    if len(content) > MOST_FILE_BYTES:
        raise BadFile([f"The file has {len(content):,} bytes; the most is {MOST_FILE_BYTES:,}."])
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadFile(["The file is UTF-16. Save it as UTF-8."])
    content = content.removeprefix(b"\xef\xbb\xbf")
    faults = []
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            faults.append(f"Line {number}: is not UTF-8 (byte {line[error.start]:#04x} at place {error.start + 1}).")
    if faults:
        raise BadFile(faults)
    return content.decode()


def _rows(text: str) -> Iterator[Row]:
    start = text.lstrip()[:1]
    if start == "[":
        raise BadFile(["The file is a JSON list. Write one object per line (JSONL), without the brackets."])
    return _rows_of_jsonl(text) if start == "{" else _rows_of_csv(text)


def _rows_of_jsonl(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _parse_json(line)


def _parse_json(line: str) -> Mapping[str, Any] | _Fault:
    try:
        parsed = json.loads(line, parse_constant=_refuse_constant)
    except RecursionError:
        return _Fault("is not JSON that can be read (nested too deep).")
    except ValueError as error:
        where = f" at place {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return _Fault(f"is not JSON ({what}{where}).")
    if not isinstance(parsed, dict):
        return _Fault(f'holds {_kind(parsed)}; expected an object like {{"problem": …, "answer": …}}.')
    return parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _rows_of_csv(text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    begins = 1
    try:
        for cells in reader:
            if not header:
                header = _check_header(cells)
            elif cells:
                yield begins, _name_cells(header, cells)
            begins = reader.line_num + 1
    except csv.Error as error:
        yield begins, _Fault(f"is not CSV ({error}).")


def _check_header(cells: list[str]) -> list[str]:
    header = [cell.strip().casefold() for cell in cells]
    if not set(header) & set(QUESTION):
        raise BadFile(
            [
                f"Line 1: names no column for the question; expected one of {', '.join(QUESTION)}."
                " (For JSONL, each line begins with a brace.)"
            ]
        )
    if twice := [name for name, times in Counter(header).items() if times > 1 and name]:
        raise BadFile([f"Line 1: names the column {twice[0]!r} twice."])
    return header


def _name_cells(header: list[str], cells: list[str]) -> Mapping[str, Any] | _Fault:
    if len(cells) != len(header):
        return _Fault(f"has {len(cells)} fields; the header has {len(header)}. Quote texts that hold a comma.")
    return dict(zip(header, cells, strict=True))


def _read(row: Mapping[str, Any], default_grader: str) -> NewProblem:
    fields = {str(name).strip().casefold(): value for name, value in row.items()}
    question = _text(fields, QUESTION, "question", MOST_QUESTION_BYTES)
    if not question.strip():
        raise _Fault(f"has no question; expected it as {', '.join(QUESTION[:-1])} or {QUESTION[-1]}.")
    problem = NewProblem(
        question=question + _letter(fields.get("choices")),
        answer=_text(fields, ANSWER, "answer", MOST_ANSWER_BYTES).strip(),
        grader=_text(fields, ("grader",), "grader", 100).strip() or default_grader,
        grader_input=_read_input(fields.get("grader_input")),
        tags=_read_tags(fields.get("tags")),
        name=_text(fields, ID, "id", MOST_ID_CHARS * 4).strip(),
    )
    if len(problem.name) > MOST_ID_CHARS:
        raise _Fault(f"has an id of {len(problem.name)} characters; the most is {MOST_ID_CHARS}.")
    return problem


def _check_reference(problem: NewProblem) -> None:
    grader = catalog().get(problem.grader)
    if grader is None:
        raise _Fault(_unknown_grader(problem.grader))
    if not problem.answer:
        return
    try:
        grader.read_reference(problem.answer, problem.grader_input)
    except UnreadableAnswer as error:
        raise _Fault(f"the grader {problem.grader} cannot read it. {error}") from None


def _text(fields: Mapping[str, Any], names: tuple[str, ...], what: str, most_bytes: int) -> str:
    """Return the first of the named fields that is there, as text."""
    value = next((fields[name] for name in names if fields.get(name) not in (None, "")), "")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Fault(f"has {_kind(value)} as its {what}; expected text or a number.")
    text = _storable(str(value), what)
    if (size := len(text.encode())) > most_bytes:
        raise _Fault(f"has {_article(what)} of {size:,} bytes; the most is {most_bytes:,}.")
    return text.replace("\r\n", "\n")


def _storable(text: str, what: str) -> str:
    if "\x00" in text:
        raise _Fault(f"has a NUL character in its {what}, which cannot be stored. Delete it.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Fault(f"has half a character (a lone surrogate) in its {what}. Delete it.") from None
    return text


def _letter(choices: object) -> str:
    """Return a list of choices as lines A) … to stand below the question."""
    if choices in (None, "", []):
        return ""
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices) or len(choices) > 26:
        raise _Fault("has choices that are not a list of at most 26 texts.")
    lines = [f"{chr(65 + place)}) {_storable(choice, 'choices')}" for place, choice in enumerate(choices)]
    return "\n\n" + "\n".join(lines)


def _read_input(value: object) -> dict[str, Any]:
    if value in (None, ""):
        return {}
    if isinstance(value, str):
        parsed = _parse_json(value)
        if isinstance(parsed, _Fault):
            raise _Fault(f"has a grader_input that {parsed}")
        value = dict(parsed)
    if not isinstance(value, dict):
        raise _Fault(f"has {_kind(value)} as its grader_input; expected an object.")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise _Fault("has a number in its grader_input that is too large.") from None
    _storable(text.replace("\\u0000", "\x00"), "grader_input")
    if (size := len(text.encode())) > MOST_INPUT_BYTES:
        raise _Fault(f"has a grader_input of {size:,} bytes; the most is {MOST_INPUT_BYTES:,}.")
    return value


def _read_tags(value: object) -> list[str]:
    if value in (None, ""):
        return []
    tags = value.split(",") if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _Fault("has tags that are neither a list of texts nor text with commas.")
    tags = list(dict.fromkeys(_storable(tag.strip(), "tags") for tag in tags if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > MOST_TAG_CHARS for tag in tags):
        raise _Fault(f"has too many or too long tags; the most is {MOST_TAGS} of {MOST_TAG_CHARS} characters.")
    return tags


def _unknown_grader(slug: str) -> str:
    return f"there is no grader {slug[:60]!r}; there are {', '.join(catalog())}."


def _kind(value: object) -> str:
    kinds = {bool: "true or false", list: "a list", dict: "an object", str: "a text", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def _article(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"
