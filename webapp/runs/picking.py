"""Find a problem in a suite, for the picker of a new comparison."""

from typing import NamedTuple

from webapp.problems.models import Suite, SuitePlace

SHOWN = 50


class Picker(NamedTuple):
    """What the picker shows."""

    suites: list[Suite]
    """The newest version of each."""
    chosen: Suite | None
    search: str
    places: list[SuitePlace]
    found: int
    """All that match; `places` holds the first of them."""


def find_problems(slug: str, search: str) -> Picker:
    """Return the problems of a suite that contain a text; of the oldest suite, the starter's, if none is named."""
    suites = list(Suite.objects.order_by("slug", "-version").distinct("slug"))
    suites.sort(key=lambda suite: suite.name)
    oldest = min(suites, key=lambda suite: suite.pk, default=None)
    chosen = next((suite for suite in suites if suite.slug == slug), oldest)
    if chosen is None:
        return Picker([], None, search, [], 0)
    places = chosen.places.select_related("problem")
    if search := search.replace("\x00", "").strip():
        places = places.filter(problem__question__icontains=search)
    return Picker(suites, chosen, search, list(places[:SHOWN]), places.count())
