"""What a leaderboard's address asks for."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from webapp.board.ranking import Row

SORTS: Mapping[str, Callable[[Row], float | str]] = {
    "recipe": lambda row: f"{row.name.called} {row.name.details}".lower(),
    "accuracy": lambda row: row.accuracy,
    "n": lambda row: row.problems,
    "critical": lambda row: row.result.critical,
    "total": lambda row: row.result.total,
    "wasted": lambda row: row.result.wasted_share,
    "time": lambda row: row.result.seconds,
}
"""Key in the address to what a row is sorted by; `-` before it turns the order around."""
AXES = {"critical": "Critical path", "total": "Total"}


class Filters(NamedTuple):
    """A checked address. What it does not say is the default; what makes no sense is in `errors` and ignored."""

    model: str = ""
    sort: str = ""
    axis: str = "critical"
    family: str = ""
    max_critical: int | None = None
    max_total: int | None = None
    recipe: int | None = None
    """The chosen row."""
    errors: Mapping[str, str] = {}

    def keep(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that pass the filters, in the order asked for."""
        kept = [row for row in rows if self._passes(row)]
        key = self.sort.removeprefix("-")
        return sorted(kept, key=SORTS[key], reverse=self.sort.startswith("-")) if key else kept

    def _passes(self, row: Row) -> bool:
        return (
            self.family in {"", row.name.family}
            and (self.max_critical is None or row.result.critical <= self.max_critical)
            and (self.max_total is None or row.result.total <= self.max_total)
        )

    def query(self, **changes: object) -> str:
        """Return the address's query with some values changed, defaults left out."""
        asked = {**self._asdict(), **changes}
        shown = {
            name: asked[name]
            for name, usual in Filters()._asdict().items()
            if name != "errors" and asked[name] not in (usual, None, "")
        }
        extra = {name: value for name, value in changes.items() if name not in Filters._fields and value}
        return "?" + urlencode({**extra, **shown})


def read_filters(asked: Mapping[str, str]) -> Filters:
    """Read an address's query. Never fails: what cannot be read is named and left out."""
    errors: dict[str, str] = {}
    sort = asked.get("sort", "")
    recipe = asked.get("recipe", "")
    return Filters(
        model=asked.get("model", ""),
        sort=sort if sort.removeprefix("-") in SORTS else "",
        axis=asked["axis"] if asked.get("axis") in AXES else "critical",
        family=asked.get("family", ""),
        max_critical=_read_tokens(asked, "max_critical", errors),
        max_total=_read_tokens(asked, "max_total", errors),
        recipe=int(recipe) if re.fullmatch(r"[0-9]{1,18}", recipe) else None,
        errors=errors,
    )


def _read_tokens(asked: Mapping[str, str], name: str, errors: dict[str, str]) -> int | None:
    text = asked.get(name, "").strip()
    try:
        return read_tokens(text) if text else None
    except ValueError as error:
        errors[name] = str(error)
        return None


def read_tokens(text: str) -> int:
    """Return the number of tokens that a person wrote.

    >>> read_tokens("20k"), read_tokens("1.5 M"), read_tokens("12,000")
    (20000, 1500000, 12000)
    """
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([km]?)", text.replace(",", "").lower())
    if not match:
        raise ValueError(f"Enter a number of tokens such as 20000 or 20k; “{text[:20]}” is not one.")
    return round(float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2]])
