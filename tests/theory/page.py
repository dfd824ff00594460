"""The catalogue on one page, docs/strategies.md: what stands between its markers is written by `make theory`."""

import re
from pathlib import Path

from workers.core.capabilities import FEATURES
from workers.core.strategy import FAMILIES, Strategy
from workers.strategies import catalog

_COST = re.compile(r"^Cost: (.*?)\sDepth: (.*?)(?=^Differs|^Source)", re.M | re.S)
PAGE = Path(__file__).parents[2] / "docs/strategies.md"


def write_catalog() -> str:
    """Return every strategy as a row of a table, from its record."""
    head = "| Strategy | Slug | Family | Needs beyond chat | Cost | Depth | Source |\n|---|---|---|---|---|---|---|"
    return "\n".join([head, *(_write_row(strategy) for strategy in catalog().values())])


def _write_row(strategy: Strategy) -> str:
    needs = ", ".join(FEATURES[need] for need in sorted(strategy.needs)) or "–"
    found = _COST.search(strategy.documentation)
    assert found, f"The docstring of '{strategy.slug}' does not say 'Cost: … Depth: …'."
    costs = (" ".join(text.split()).replace("|", "\\|") for text in found.groups())
    cells = (strategy.title, f"`{strategy.slug}`", FAMILIES[strategy.family], needs, *costs, strategy.source)
    return f"| {' | '.join(cells)} |"


def replace_between(name: str, body: str) -> None:
    """Write a text between the page's markers of that name."""
    text = PAGE.read_text()
    begin, end = _markers(name)
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    PAGE.write_text(f"{head}{begin}\n\n{body}\n\n{end}{tail}")


def read_between(name: str) -> str:
    """Return what stands between the page's markers of that name."""
    begin, end = _markers(name)
    found = re.search(f"{re.escape(begin)}\n\n(.*?)\n\n{re.escape(end)}", PAGE.read_text(), re.S)
    assert found, f"docs/strategies.md has no markers for '{name}'."
    return found[1]


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by `make theory` -->", f"<!-- end of {name} -->"
