r"""Find the final answer in a text, normalize it, and tell whether two answers are the same.

Linear scanners rather than regular expressions where text is long: model text is hostile.
Source: shared conventions of self-consistency implementations; last complete `\boxed{}` wins.
"""

import re
from fractions import Fraction

_BOXES = ("\\boxed", "\\fbox")
_TAIL_CHARS = 8_192
_LINE = re.compile(r"^[ \t>*_#-]{0,8}(?:final )?answer(?: is)?[*_]{0,2}[ \t]*[:=][*_ \t]*(.+)$", re.I)
_TAG = re.compile(r"<answer>([^<]{1,2000})</answer>", re.I)
_UNITS = re.compile(r"(?:\\?%|\\?\$|\\circ|\^\{\\circ\}|°)+$")
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:,\d{3}){0,12}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,2})?")
_FRACTION = re.compile(r"([+-]?)\\frac\{?(\d{1,40})\}?\{?(\d{1,40})\}?|([+-]?\d{1,40})/(\d{1,40})")


def extract_answer(text: str) -> str | None:
    r"""Return the final answer that a text gives, or None.

    Looks behind the last `</think>` only; takes the last complete `\boxed{…}` or `\fbox{…}`, else the last
    line like `Answer: …`, else the last `<answer>…</answer>`. A box that never closes is not an answer.

    >>> extract_answer(r"first \\boxed{1}, then \\boxed{\\frac{1}{2}}")
    '\\\\frac{1}{2}'
    """
    tail = text.rsplit("</think>", 1)[-1]
    for found in (_last_box(tail), _last_line(tail[-_TAIL_CHARS:]), _last_tag(tail[-_TAIL_CHARS:])):
        if found:
            return found
    return None


def _last_box(text: str) -> str | None:
    end = len(text)
    while True:
        start = max(text.rfind(box, 0, end) for box in _BOXES)
        if start < 0:
            return None
        inside = _braced(text, start)
        if inside is not None:
            return inside.strip() or None
        end = start


def _braced(text: str, start: int) -> str | None:
    """Return what stands in the braces that open right behind the command at `start`."""
    opening = text.find("{", start)
    if opening < 0 or text[start:opening].strip() not in _BOXES:
        return None
    depth = 0
    for index in range(opening, len(text)):
        if text[index] == "{" and text[index - 1] != "\\":
            depth += 1
        elif text[index] == "}" and text[index - 1] != "\\":
            depth -= 1
            if depth == 0:
                return text[opening + 1 : index]
    return None


def _last_line(tail: str) -> str | None:
    for line in reversed(tail.splitlines()):
        match = _LINE.match(line)
        if match:
            return match[1].strip().strip("*_").rstrip(".").strip() or None
    return None


def _last_tag(tail: str) -> str | None:
    matches = _TAG.findall(tail)
    return matches[-1].strip() or None if matches else None


def normalize_answer(answer: str) -> str:
    r"""Return one spelling for answers that differ only in dress; doing it twice changes nothing.

    >>> normalize_answer(" $x = \\dfrac{1}{2}$. ")
    '\\frac{1}{2}'
    >>> normalize_answer("023")
    '23'
    """
    before = None
    text = answer
    while text != before:
        before = text
        text = _undress(text)
    return text


def _undress(text: str) -> str:
    text = text.strip().strip("$").strip()
    for old, new in (("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\left", ""), ("\\right", ""),
                     ("\\,", ""), ("\\!", ""), ("\\;", ""), ("\\ ", " "), ("−", "-")):  # fmt: skip
        text = text.replace(old, new)
    text = re.sub(r"^\\(?:text|mathrm|textbf|mathbf)\{([^{}]*)\}$", r"\1", text)
    text = re.sub(r"^[A-Za-z] ?= ?(?=\S)", "", text)
    text = _UNITS.sub("", text).rstrip(".").strip()
    text = re.sub(r"\s+", " ", text)
    if re.fullmatch(r"[+-]?\d{1,40}", text):
        digits = text.lstrip("+-").lstrip("0") or "0"
        return f"-{digits}" if text[0] == "-" and digits != "0" else digits
    return text


def read_number(answer: str) -> Fraction | None:
    r"""Return an answer as an exact number when it plainly is one: 12, 1,200, 0.5, 1/2, \frac{1}{2}, 3e2.

    >>> read_number("0.5") == read_number("\\frac{1}{2}")
    True
    """
    text = normalize_answer(answer).replace(" ", "")
    match = _FRACTION.fullmatch(text)
    if match:
        sign, upper, lower = match[1] or "", match[2] or match[4], match[3] or match[5]
        return Fraction(int(sign + upper), int(lower)) if int(lower) else None
    if _NUMBER.fullmatch(text):
        return Fraction(text.replace(",", ""))
    return None


def is_same_answer(one: str, other: str) -> bool:
    """Say whether two answers are plainly the same: equal as numbers, or as normalized text, whatever the case.

    Symbolic equality is the math grader's; this one never hangs.
    """
    first, second = normalize_answer(one), normalize_answer(other)
    if first == second:
        return True
    left, right = read_number(first), read_number(second)
    if left is not None and right is not None:
        return left == right
    return first.casefold() == second.casefold()
