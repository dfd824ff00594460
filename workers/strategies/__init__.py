"""One file = one strategy. Files that start with an underscore are parts that several strategies share."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from workers.core.strategy import FAMILIES, Strategy


@cache
def catalog() -> dict[str, Strategy]:
    """Return every strategy by its slug, in order of family and title; a new file is found by itself."""
    found = []
    for module in iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        contents = vars(import_module(f"{__name__}.{module.name}")).values()
        found += [item for item in contents if isinstance(item, Strategy)]
    families = list(FAMILIES)
    return {item.slug: item for item in sorted(found, key=lambda s: (families.index(s.family), s.title))}
