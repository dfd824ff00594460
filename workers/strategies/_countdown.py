r"""Read a Countdown puzzle out of a question, and replay a solution of it strictly. Pure.

A puzzle: make the target from the numbers with + - * /, each number used exactly once. The replay takes numbers away as
they are used, so none is used twice; the other parser in the code of Pan et al. 2025, arXiv:2504.15466, does not.
"""

import ast
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import add, mul, sub, truediv
from typing import NamedTuple

LONGEST = 400
"""Characters of the longest solution that is looked at."""

_NUMBERS = r"(\d{1,6}(?:, ?\d{1,6}){1,9})"
_TARGET_FIRST = re.compile(rf"\b(\d{{1,9}}) using all (?:of )?(?:the|these) numbers:? {_NUMBERS}", re.I)
_NUMBERS_FIRST = re.compile(
    rf"using all (?:of )?(?:the|these) numbers:? {_NUMBERS}, [a-z ]{{1,60}} (\d{{1,9}})\b", re.I
)
_STATE = re.compile(rf"Current State: (\d{{1,9}}):\[{_NUMBERS}\], Operations: \[\]")
_STEP = re.compile(r"(\d{1,9}) ?([-+*/]) ?(\d{1,9}) ?= ?(\d{1,9})(?:, Resulting Numbers: \[([\d, ]{0,99})\])?")
_SIGNS = {
    "\\times": "*",
    "\\cdot": "*",
    "\\div": "/",
    "×": "*",
    "·": "*",
    "÷": "/",
    "−": "-",
    "\\left": "",
    "\\right": "",
}
_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {"+": add, "-": sub, "*": mul, "/": truediv}
_NODES = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class Puzzle(NamedTuple):
    """What is given."""

    numbers: tuple[int, ...]
    target: int


class Step(NamedTuple):
    """One operation, as somebody wrote it."""

    left: Fraction
    sign: str
    right: Fraction
    result: Fraction
    rest: tuple[int, ...] | None = None
    """The numbers that are said to be there after it, where it says so."""


def read_puzzle(question: str) -> Puzzle | None:
    """Return the puzzle that a question asks, if it is one in the words of reasoning-gym or of the paper.

    >>> read_puzzle("Find a way to make 46 using all of these numbers: 9, 5, 11.")
    Puzzle(numbers=(9, 5, 11), target=46)
    """
    if found := _TARGET_FIRST.search(question) or _STATE.search(question):
        target, numbers = found.groups()
    elif found := _NUMBERS_FIRST.search(question):
        numbers, target = found.groups()
    else:
        return None
    return Puzzle(tuple(map(int, numbers.split(","))), int(target))


def find_fault(puzzle: Puzzle, solution: str) -> str:
    """Return what is wrong with a solution, an expression or a list of operations; empty when it is right.

    >>> find_fault(Puzzle((5, 3, 2, 7), 26), "5*3=15, 15+7=22, 22+2=24"), find_fault(Puzzle((9, 5, 11), 45), "9*5")
    ('24 is not 26.', 'Left unused: 11.')
    """
    steps = read_steps(solution)
    if not steps:
        return "It is neither an expression nor a list of operations."
    left = [Fraction(number) for number in puzzle.numbers]
    for step in steps:
        if fault := _take(step, left):
            return fault
    if len(left) > 1:
        unused = [number for number in left if number != steps[-1].result] or left[1:]
        return f"Left unused: {', '.join(map(str, unused))}."
    return "" if left[0] == puzzle.target else f"{left[0]} is not {puzzle.target}."


def read_steps(solution: str) -> list[Step]:
    """Return the operations of a solution in the order in which they are done; none when it cannot be read."""
    for spelling, sign in _SIGNS.items():
        solution = solution.replace(spelling, sign)
    solution = solution.strip().strip("$").strip()
    if len(solution) > LONGEST:
        return []
    parts = [part for part in re.split(r"\n|;|, (?=\d+ ?[-+*/])", solution) if part.strip()]
    written = [_STEP.fullmatch(part.strip(" .,")) for part in parts]
    if matches := [match for match in written if match]:
        return [_read_step(match) for match in matches] if len(matches) == len(parts) else []
    steps = list[Step]()
    try:
        _walk(ast.parse(solution.partition("=")[0].strip(), mode="eval").body, steps)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return []
    return steps


def _read_step(match: re.Match[str]) -> Step:
    left, sign, right, result, rest = match.groups()
    numbers = None if rest is None else tuple(int(number) for number in rest.split(",") if number.strip())
    return Step(Fraction(left), sign, Fraction(right), Fraction(result), numbers)


def _walk(node: ast.expr, steps: list[Step]) -> Fraction:
    """Return what an expression comes to, and append its operations. Raises ValueError for anything but those."""
    match node:
        case ast.Constant(value=int(number)) if type(number) is int:  # True is an int, too
            return Fraction(number)
        case ast.BinOp(left, operation, right) if type(operation) in _NODES:
            sign, one, other = _NODES[type(operation)], _walk(left, steps), _walk(right, steps)
            result = _OPERATIONS[sign](one, other)
            steps.append(Step(one, sign, other, result))
            return result
        case _:
            raise ValueError("It is no arithmetic of whole numbers.")


def _take(step: Step, left: list[Fraction]) -> str:
    """Do one operation on the numbers that are left; return what is wrong with it."""
    for number in (step.left, step.right):
        if number not in left:
            return f"{number} is not there to be used in {_write(step)}."
        left.remove(number)
    if (not step.right and step.sign == "/") or _OPERATIONS[step.sign](step.left, step.right) != step.result:
        return f"{_write(step)} is wrong."
    left.append(step.result)
    if step.rest is not None and sorted(step.rest) != sorted(left):
        return f"After {_write(step)} the numbers are {_list(sorted(left))}, not {_list(sorted(step.rest))}."
    return ""


def _write(step: Step) -> str:
    return f"{step.left}{step.sign}{step.right}={step.result}"


def _list(numbers: Sequence[Fraction | int]) -> str:
    return f"[{', '.join(map(str, numbers))}]"
