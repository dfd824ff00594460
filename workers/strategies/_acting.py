"""One action at a time: what a proposal says is to be done next, and what comes of it. Pure.

A solution so far is a list of steps. An action adds one, rewrites one, has something calculated, or ends the solution.
"""

import ast
import operator
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from workers.core.answers import extract_answer
from workers.strategies._steps import first_step, has_box

Kind = Literal["STEP", "REVISE", "CALC", "ANSWER", "FAIL"]
KINDS: tuple[Kind, ...] = ("STEP", "REVISE", "CALC", "ANSWER", "FAIL")

_WORDS = "|".join(KINDS)
_ACTION = re.compile(
    rf"^[\s>*_`#-]{{0,8}}({_WORDS})\b[*_`: ]{{0,4}}(.*?)(?=\n[ \t]*\n|\n[\s>*_`#-]{{0,8}}(?:{_WORDS})\b|\Z)",
    re.M | re.S,
)
_NUMBERED = re.compile(r"(?:step )?(\d{1,3})[.:)]?\s+(.+)", re.I | re.S)
_LONGEST_ANSWER = 100
"""In characters, of one that stands outside a box."""


class Action(NamedTuple):
    """What is to be done next."""

    kind: Kind
    text: str
    number: int = 0
    """Of the step that is rewritten, from 1."""

    @property
    def is_end(self) -> bool:
        """Say whether nothing comes after it."""
        return self.kind in ("ANSWER", "FAIL")

    @property
    def line(self) -> str:
        """Return the action in one line; equal actions have equal lines."""
        number = f" {self.number}" if self.number else ""
        return " ".join(f"{self.kind}{number} {self.text}".split())


def read_action(text: str, steps: int, *, is_last: bool = False) -> Action | None:
    r"""Return the first action of a proposal, after any thoughts; None if it cannot be done after so many steps.

    Of a text that names no action the first paragraph is a step, or the answer if it holds a box. The last action can
    only be an answer or a failure; then a text that names none is an answer if there is a box anywhere.

    >>> read_action("Halving helps.\n\nSTEP Half of 90 is 45.\n\nThen I would stop.", 0)
    Action(kind='STEP', text='Half of 90 is 45.', number=0)
    >>> read_action("REVISE 2: It is 45.", 1), read_action("CALC 90 / 0", 1)
    (None, None)
    """
    found = _ACTION.search(text)
    if found is None:
        said = text.strip() if is_last else first_step(text)
        action = Action("ANSWER" if has_box(said) else "STEP", said)
    else:
        action = Action(_read_kind(found[1]), found[2].strip(" \t\n*_`"))
    if action.kind == "REVISE":
        numbered = _NUMBERED.fullmatch(action.text)
        if numbered is None or not 1 <= int(numbered[1]) <= steps:
            return None
        action = Action("REVISE", numbered[2].strip(), int(numbered[1]))
    if action.kind == "CALC" and calculate(action.text) is None:
        return None
    if action.is_end:
        return action if action.text or action.kind == "FAIL" else None
    return action if action.text and not is_last else None


def _read_kind(word: str) -> Kind:
    return next(kind for kind in KINDS if kind == word)


def act(steps: Sequence[str], action: Action) -> tuple[str, ...]:
    r"""Return the solution after an action; a short answer outside a box is put into one.

    >>> act(("a", "b", "c"), Action("REVISE", "B", 2)), act(("a",), Action("CALC", "17 * 4"))
    (('a', 'B'), ('a', '17 * 4 = 68'))
    >>> act((), Action("ANSWER", "42"))
    ('\\boxed{42}',)
    """
    match action.kind:
        case "FAIL":
            return tuple(steps)
        case "REVISE":
            return (*steps[: action.number - 1], action.text)
        case "CALC":
            return (*steps, f"{action.text} = {calculate(action.text)}")
        case "ANSWER":
            return (*steps, _box(action.text, steps))
        case _:
            return (*steps, action.text)


def _box(text: str, steps: Sequence[str]) -> str:
    """Return an answer that is read as one, whatever the steps before it hold."""
    answer = extract_answer(text)
    if answer is None:
        return f"\\boxed{{{text}}}" if len(text) <= _LONGEST_ANSWER else text
    is_hidden = not has_box(text) and any(map(has_box, steps))  # a box of an earlier step would be read
    return f"{text}\n\n\\boxed{{{answer}}}" if is_hidden else text


_ARITHMETIC = re.compile(r"[\d+\-*/^%().,\s×÷·−]{1,200}")
_SIGNS = str.maketrans({"×": "*", "÷": "/", "·": "*", "−": "-", ",": None})
_MOST_BITS = 4_096
_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod, ast.FloorDiv: lambda one, other: Fraction(one // other),
}  # fmt: skip


def calculate(expression: str) -> str | None:
    """Return the value of an expression of numbers with + - * / // % ^ and brackets; None when there is none.

    Exact: a fraction is given with its decimals. Never hangs: long expressions and huge powers have no value.

    >>> calculate("2 ^ 10 - 1,000"), calculate("1 / 3 + 0.5"), calculate("9 ^ 9 ^ 9"), calculate("x + 1")
    ('24', '5/6 (about 0.833333)', None, None)
    """
    if not _ARITHMETIC.fullmatch(expression):
        return None
    try:
        tree = ast.parse(expression.translate(_SIGNS).replace("^", "**").strip(), mode="eval")
        value = _evaluate(tree.body)
        return f"{value}" if value.denominator == 1 else f"{value} (about {float(value):.6g})"
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


def _evaluate(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float()):
            return Fraction(str(node.value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _evaluate(operand)
        case ast.BinOp(op=ast.Pow()):
            return _raise(_evaluate(node.left), _evaluate(node.right))
        case ast.BinOp() if type(node.op) in _OPERATIONS:
            return _OPERATIONS[type(node.op)](_evaluate(node.left), _evaluate(node.right))
    raise ValueError(f"No arithmetic: {ast.dump(node)[:80]}.")


def _raise(base: Fraction, exponent: Fraction) -> Fraction:
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator != 1 or size * abs(exponent) > _MOST_BITS:
        raise ValueError("Only whole powers of moderate size have an exact value.")
    return base ** int(exponent)
