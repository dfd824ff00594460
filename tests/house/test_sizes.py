"""Files and functions stay small enough to be read at one go."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

FILE_LINES = 400
FUNCTION_LINES = 50
EXCEPTIONS: frozenset[str] = frozenset()
"""Files allowed to be longer, or `file:function`; this list shrinks."""

ROOT = Path(settings.BASE_DIR)
_JS_FUNCTION = re.compile(r"^(?P<indent>\s*)(?:export )?(?:default )?(?:async )?function\*? (?P<name>\w+)")


def _files() -> list[Path]:
    python = [path for folder in ("webapp", "workers", "tests") for path in (ROOT / folder).rglob("*.py")]
    return [ROOT / "manage.py", *python, *(ROOT / "static/js").rglob("*.js"), *(ROOT / "static/css").rglob("*.css")]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = sorted(path for path in _files() if "migrations" not in path.parts)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_files_are_small(path: Path) -> None:
    lines = path.read_text().count("\n")

    assert lines <= FILE_LINES or _name(path) in EXCEPTIONS, f"{_name(path)} has {lines} lines, {FILE_LINES} at most."


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix != ".css"], ids=_name)
def test_functions_are_small(path: Path) -> None:
    functions = _python_functions(path) if path.suffix == ".py" else _js_functions(path)

    long = {f"{_name(path)}:{name}": lines for name, lines in functions if lines > FUNCTION_LINES}

    assert not long.keys() - EXCEPTIONS, f"At most {FUNCTION_LINES} lines: {long}"


def test_exceptions_exist() -> None:
    names = {_name(path) for path in FILES}

    assert {exception.split(":")[0] for exception in EXCEPTIONS} <= names


def _python_functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield node.name, node.end_lineno - node.lineno + 1


def _js_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Measure named functions to the brace that closes at their indent; what is inside a closure counts for itself."""
    lines = path.read_text().splitlines()
    found = [(start, match) for start, line in enumerate(lines) if (match := _JS_FUNCTION.match(line))]
    spans = {start: _closing(lines, start, match["indent"]) for start, match in found}
    for start, match in found:
        inner = {n for other, end in spans.items() if start < other < spans[start] for n in range(other, end + 1)}
        yield match["name"], spans[start] - start + 1 - len(inner)


def _closing(lines: list[str], start: int, indent: str) -> int:
    return next((n for n in range(start, len(lines)) if lines[n].startswith(indent + "}")), start)
