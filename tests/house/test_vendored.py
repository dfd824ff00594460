"""Vendored browser libraries are unchanged and listed."""

import hashlib
import re
from pathlib import Path

from django.conf import settings

VENDOR = Path(settings.BASE_DIR) / "static/vendor"
_ROW = re.compile(r"^\| `([^`]+)` \| .* \| `([0-9a-f]{64})` \|$", re.M)


def _listed() -> dict[str, str]:
    return dict(_ROW.findall((VENDOR / "VENDORED.md").read_text()))


def test_every_vendored_file_is_listed_with_its_hash():
    suffixes = {".js", ".mjs", ".css", ".woff2"}
    files = [path for path in VENDOR.rglob("*") if path.suffix in suffixes]

    found = {str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert found == _listed()


def test_every_vendored_file_names_its_version():
    assert all(re.search(r"\d+\.\d+\.\d+", name) for name in _listed())
