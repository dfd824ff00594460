"""What holds for every script and template that reaches a browser."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
SCRIPTS = sorted((ROOT / "static/js").rglob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LINES = 200
_MARKUP_FROM_STRINGS = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|document\.write|createContextualFragment|eval\()"
)
_INLINE = re.compile(r"<[a-z][^>]*\s(?:style|on[a-z]+)\s*=", re.I)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_scripts_never_make_elements_from_strings(path):
    assert _MARKUP_FROM_STRINGS.findall(path.read_text()) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_scripts_are_checked_named_and_short(path):
    text = path.read_text()

    assert text.startswith("// @ts-check\n")
    assert "export default" not in text
    assert text.count("\n") <= LINES


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_templates_have_no_inline_styles_or_handlers(path):
    assert _INLINE.findall(path.read_text()) == []
