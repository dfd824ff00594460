"""The documents name only what is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NO_PATHS = ("var/", ".venv/", ".venv-vllm", "</")
"""Folders that a clone does not have, and the ends of tags."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)[^)]*\)")
_FILE = re.compile(r"[\w.-]+\.(?:py|md|ya?ml|toml|txt|js|css|html|json)")
_FOLDERS = re.compile(r"[\w.<>-]+/[\w.<>/-]*")
_TARGET = re.compile(r"\bmake ([a-z]+(?:-[a-z]+)*)\b")
_READERS = {"_text", "_list", "_number", "_is_on"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _code(text: str) -> Iterator[str]:
    """Yield what stands in backticks, and every line of a fence."""
    for match in _FENCE.finditer(text):
        yield from match[2].splitlines()
    yield from _CODE.findall(_FENCE.sub("", text))


def _paths(text: str) -> set[str]:
    plain = _FENCE.sub(lambda fence: "" if fence[1] else fence[0], text)  # a fence with a language is a program
    words = {word.rstrip(",;") for code in _code(plain) for word in code.split()}
    return {
        word for word in words if (_FILE.fullmatch(word) or _FOLDERS.fullmatch(word)) and not word.startswith(NO_PATHS)
    }


def _is_there(path: str) -> bool:
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    if "/" in pattern or (ROOT / pattern).exists():
        return any(ROOT.glob(pattern))
    return any(any((ROOT / folder).rglob(pattern)) for folder in ("webapp", "workers", "tests", "static", "docs"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_paths_exist(document: Path):
    assert [path for path in sorted(_paths(document.read_text())) if not _is_there(path)] == []


def test_paths_are_found_in_all_their_forms():
    text = "`a/b.py` and `pytest tests/<app>/x -k <slug>`, `/url/`, `var/log`, `one or two`\n```\nmap/  words\n```\n"

    assert _paths(text) == {"a/b.py", "tests/<app>/x", "map/"}
    assert _is_there("workers/strategies/<slug>.py")
    assert not _is_there("workers/strategies/<slug>.txt")


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(document: Path):
    links = _LINK.findall(document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_make_knows_its_targets(document: Path):
    known = set(re.findall(r"^([a-z]+(?:-[a-z]+)*)(?: \.venv)?:", (ROOT / "Makefile").read_text(), re.M))

    named = {target for code in _code(document.read_text()) for target in _TARGET.findall(code)}

    assert {"run", "test"} <= known
    assert named <= known


def test_every_environment_variable_is_described():
    section = (ROOT / "docs/deployment.md").read_text().split("## Environment variables", 1)[1].split("\n## ", 1)[0]
    first_cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]

    described = {name for cell in first_cells for name in _CODE.findall(cell)}

    assert described == environment_variables()


def environment_variables() -> set[str]:
    """Return every name that the settings read from the environment."""
    return set(_variables((ROOT / "webapp/settings.py").read_text()))


def _variables(source: str) -> Iterator[str]:
    """Yield the names that settings read: by its own readers, and from `os.environ` by a name that stands there."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        by_reader = isinstance(node.func, ast.Name) and node.func.id in _READERS
        if by_reader or ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
            words = [word.value for word in node.args if isinstance(word, ast.Constant)]
            yield from (word for word in words if isinstance(word, str) and word.isupper())


def test_no_class_has_a_banned_word_for_its_name():
    rows = re.findall(r"^\| \*\*.*\| (.+) \|$", (ROOT / "docs/words.md").read_text(), re.M)
    banned = {word.replace(" ", "") for row in rows for word in re.sub(r"\(.*?\)", "", row).split(",")}
    names = {
        node.name
        for path in ROOT.glob("webapp/*/models.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }

    assert {"Problem", "Run", "Lane"} <= names
    assert {"job", "score", "generationconfig"} <= banned
    assert {name for name in names if name.lower() in banned} == set()
