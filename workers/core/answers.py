r"""Find the final answer in a text, normalize it, and tell whether two answers are plainly the same.

Model text is hostile: every scan here is linear in the text, and what is longer than `LONGEST` is no answer.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

LONGEST = 2_000
"""Characters of the longest final answer; anything longer is prose."""

_TAIL = 8_192
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_PLACEHOLDERS = frozenset({"", "...", "…", "\\ldots", "\\dots", "answer", "your answer", "final answer"})
_LONGEST_SENTENCE = 100
_LINE = re.compile(
    r".*\banswers?"
    r"(?: to [\w ]{1,60}?(?:[\"“][^\"“”\n]{1,200}[\"”])?)?"  # to the question, which may stand in quotes
    r"[*_ \t]{0,4}(?:(?P<colon>(?:\b(?:is|are))?[ \t]?[:=])|\b(?P<verb>is|are)\b)"
    r"[*_ \t]{0,4}(?P<rest>.*)",
    re.I,
)
_EMPTY_BOX = re.compile(r"\\?boxed\{\s{0,8}(?:\.{3}|…)?\s{0,8}\}")
_SENTENCE_END = re.compile(r"[.;!](?=\s|$)")

_SPELLINGS = {
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\displaystyle": "", "\\left": "", "\\right": "", "\\,": "", "\\!": "",
    "\\;": "", "\\:": "", "\\ ": " ", "~": " ", "{,}": ",", "\\(": "", "\\)": "", "\\[": "", "\\]": "", "−": "-",
}  # fmt: skip
_SPELLING = re.compile("|".join(re.escape(old) + r"(?![A-Za-z])" * old[-1].isalpha() for old in _SPELLINGS))
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|mbox)\{([^{}]*)\}|\(([A-Za-z])\)")
_NAMED = re.compile(r"[A-Za-z](?:_\{?\w{1,8}\}?)?(?:\([A-Za-z]\))?=(?=[^=]+$)")
_OPERATOR = re.compile(r"(?<!,) ?([-+*/=^<>]) ?")
_BRACKET = re.compile(r"(?<=[(\[{]) | (?=[)\]}])")
_COMMA = re.compile(r" ?, ?(?=[^\s)\]}])")
_MARKS = re.compile(r"(?:\\?%|\^?\\circ|\^\{\\circ\}|°|(?<=\d) ?\\(?:text|mathrm)\{ ?[A-Za-z/ ]*\}(?:\^\d|\^\{\d\})?)$")
_UNIT = re.compile(r"([+-]?[\d.,/]+) ([A-Za-z]{2,20}(?:[ /][A-Za-z]{1,20}){0,3})")
_NO_UNITS = frozenset(
    {"pi", "hundred", "thousand", "million", "billion", "dozen", "or", "and", "to", "over", "mod", "by"}
)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3}){1,12}(?:\.\d*)?")
_INTEGER = re.compile(r"([+-]?)0*(\d{1,400})")
_NUMBER = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,2})?")
_FRACTION = re.compile(
    r"([+-]?)\\frac(?:\{([+-]?\d{1,40})\}|(\d))(?:\{(\d{1,40})\}|(\d))|([+-]?\d{1,40}) ?/ ?(\d{1,40})"
)


def drop_thinking(text: str) -> str:
    """Return what a text says after thinking: all behind the last `</think>`; nothing if the thinking never ends.

    >>> drop_thinking("<think>6 times 7…</think> 42")
    ' 42'
    >>> drop_thinking("<think>6 times")
    ''
    """
    rest = text.rpartition("</think>")[2]
    return "" if rest.lstrip().startswith("<think>") else rest


def extract_answer(text: str) -> str | None:
    r"""Return the final answer that a text gives, or None.

    Looks behind the thinking only. Takes the last complete, filled `\boxed{…}` or `\fbox{…}`; else the last
    `<answer>…</answer>`; else the last line like `Answer: …` or `The answer is …`. A box that never closes is no
    answer, nor is one that echoes the prompt, such as `\boxed{...}`.

    >>> extract_answer("first \\boxed{1}, then \\boxed{\\frac{1}{2}}")
    '\\frac{1}{2}'
    >>> extract_answer("So the answer is 42.")
    '42'
    """
    said = drop_thinking(text)
    tail = said[-_TAIL:]
    return _last_box(said) or _last_tag(tail) or _last_line(tail)


def _last_box(text: str) -> str | None:
    """Return what stands in the complete box that opens last and holds something."""
    last, opened_last = None, -1
    for start, end in _boxes(text):
        inside = text[start:end].strip() if end - start <= LONGEST else ""
        if start > opened_last and inside.lower() not in _PLACEHOLDERS:
            last, opened_last = inside, start
    return last


def _boxes(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of what every complete box holds, in one pass; small models forget the backslash."""
    open_braces: list[tuple[int, bool]] = []
    begin = text.find("box")  # braces before it cannot change what a later one holds
    for brace in _BRACES.finditer(text, begin) if begin >= 0 else ():
        if brace[0] == "{":
            before = text[max(0, brace.start() - 8) : brace.start()].rstrip()
            open_braces.append((brace.end(), before.endswith(("boxed", "fbox"))))
        elif brace[0] == "}" and open_braces:
            start, is_box = open_braces.pop()
            if is_box:
                yield start, brace.start()


def find_box_end(text: str) -> int | None:
    r"""Return where the box closes inside which a text begins; None while it is open.

    >>> find_box_end("\\frac{1}{2}}$."), find_box_end("\\frac{1}{2}")
    (11, None)
    """
    depth = 1
    for brace in _BRACES.finditer(text):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if not depth:
            return brace.start()
    return None


def _last_tag(tail: str) -> str | None:
    end = tail.rfind("</answer>")
    start = tail.rfind("<answer>", 0, max(end, 0))
    inside = tail[start + len("<answer>") : end].strip() if start >= 0 else ""
    return inside if len(inside) <= LONGEST and inside.lower() not in _PLACEHOLDERS else None


def _last_line(tail: str) -> str | None:
    below = ""
    for line in reversed(tail.splitlines()):
        if match := _LINE.match(line):
            rest, limit = _unbox(match["rest"]), LONGEST
            if match["verb"]:
                rest, limit = _SENTENCE_END.split(rest, maxsplit=1)[0], _LONGEST_SENTENCE
            elif not rest:
                rest, limit = _unbox(below), _LONGEST_SENTENCE
            found = rest.strip(" \t*_\"'“”").rstrip(".").strip()
            if len(found) <= limit and found.lower() not in _PLACEHOLDERS:
                return found
        below = line if line.strip() else below
    return None


def _unbox(line: str) -> str:
    r"""Drop boxes that were left empty, as in `The answer is \boxed{} 42`, and marks around the rest."""
    return _EMPTY_BOX.sub("", line).strip(" \t*_")


def normalize_answer(answer: str) -> str:
    r"""Return one spelling for answers that differ only in dress; doing it twice changes nothing.

    >>> normalize_answer(" $x = \\dfrac{1}{2}$. ")
    '\\frac{1}{2}'
    >>> normalize_answer("1,200 square meters"), normalize_answer("023"), normalize_answer("\\text{(B)}")
    ('1200', '23', 'B')
    """
    if len(answer) > LONGEST:
        return " ".join(answer.split())
    text, before = answer, None
    while text != before:
        text, before = _undress(text), text
    return text


def _undress(text: str) -> str:
    """Take one layer off; every rule shortens the text or spaces a comma, so this comes to an end."""
    text = _SPELLING.sub(lambda match: _SPELLINGS[match[0]], " ".join(text.split()))
    text = text.removeprefix("\\$").strip('$€£`*"“” ').removesuffix("\\$").rstrip(".").strip()
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1] or wrapped[2] or ""
    text = _MARKS.sub("", _BRACKET.sub("", _OPERATOR.sub(r"\1", text)))
    if named := _NAMED.match(text):
        text = text[named.end() :]
    if (unit := _UNIT.fullmatch(text)) and _NO_UNITS.isdisjoint(re.split("[ /]", unit[2].lower())):
        text = unit[1]
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if integer := _INTEGER.fullmatch(text):
        text = integer[2] if integer[1] != "-" or integer[2] == "0" else f"-{integer[2]}"
    return _COMMA.sub(", ", text)


def read_number(answer: str) -> Fraction | None:
    r"""Return an answer as an exact number when it plainly is one: 12, 1,200, 0.5, 1/2, \frac{1}{2}, 3e2.

    >>> read_number("0.5") == read_number("\\frac{1}{2}") == read_number("1/2")
    True
    """
    text = normalize_answer(answer)
    if match := _FRACTION.fullmatch(text):
        sign, *parts = (part or "" for part in match.groups())
        upper, lower = int("".join(parts[0:2]) or parts[4]), int("".join(parts[2:4]) or parts[5])
        return Fraction(-upper if sign == "-" else upper, lower) if lower else None
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def compare_plainly(one: str, other: str) -> bool | None:
    """Say whether two answers are the same as far as spelling and numbers tell; None: only mathematics could.

    >>> compare_plainly("1/2", "0.50"), compare_plainly("3", "4"), compare_plainly("x+1", "1+x")
    (True, False, None)
    """
    first, second = normalize_answer(one), normalize_answer(other)
    if first.casefold() == second.casefold():
        return True
    left, right = read_number(first), read_number(second)
    if left is None or right is None:
        return None
    return left == right


def is_same_answer(one: str, other: str) -> bool:
    """Say whether two answers are plainly the same: equal as numbers, or in spelling, whatever the case.

    Symbolic equality is the math grader's; this one never hangs.
    """
    return compare_plainly(one, other) is True
