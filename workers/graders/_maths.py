"""Read and compare mathematics with math-verify. Runs in a child of `_pool.py` only: it may hang, and is then killed.

Its LaTeX goes through a grammar, never through `sympify` or `parse_expr`, which run Python.
"""

from typing import Any

from math_verify import LatexExtractionConfig, parse, verify

_LATEX = (LatexExtractionConfig(boxed_match_priority=0),)


def answer(question: dict[str, str]) -> dict[str, Any]:
    """Say whether `gold` can be read, whether `other` can, and whether they are equal."""
    gold = _parse(question["gold"])
    if "other" not in question:
        return {"is_readable": bool(gold)}
    other = _parse(question["other"])
    is_equal = bool(gold and other) and verify(gold, other, timeout_seconds=None, raise_on_error=False)
    return {"is_readable": bool(gold), "is_other_readable": bool(other), "is_equal": is_equal}


def _parse(latex: str) -> list[Any]:
    boxed = f"\\boxed{{{latex}}}"
    parsed: list[Any] = parse(boxed, _LATEX, fallback_mode="no_fallback", parsing_timeout=None, raise_on_error=False)
    return parsed


for _gold, _other in (("x^2-1", "(x-1)(x+1)"), ("\\sin^2 x+\\cos^2 x", "1"), ("[0,1)", "[0,1]"), ("\\pi", "3.14")):
    answer({"gold": _gold, "other": _other})  # sympy imports half of itself when first used
