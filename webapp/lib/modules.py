"""The browser modules that a module needs: named in the page's head, all are fetched at once, not level by level."""

import re
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath

from django.contrib.staticfiles import finders

_IMPORT = re.compile(r"^(?:import|export)\b[^\"';]*?[\"'](\.{1,2}/[^\"']+\.js)[\"']", re.M)
"""Of a file of ours. A module that is imported when it is needed (`import(…)`) is left out."""


@cache
def list_modules(entry: str) -> tuple[str, ...]:
    """Return the static paths of a module and of all that it imports, the nearest first. Raises FileNotFoundError."""
    found = [entry]
    for path in found:  # it grows
        found += [near for near in _read_imports(path) if near not in found]
    return tuple(found)


def _read_imports(path: str) -> list[str]:
    file = finders.find(path)
    if file is None:
        raise FileNotFoundError(f"There is no static file '{path}'.")
    imports = _IMPORT.findall(Path(str(file)).read_text("utf-8"))
    return list(dict.fromkeys(normpath(join(dirname(path), each)) for each in imports))
