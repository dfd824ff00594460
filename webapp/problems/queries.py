"""What the pages about suites show."""

from django.db.models import Count, QuerySet

from webapp.problems.models import Suite, SuitePlace


def newest_suites() -> list[Suite]:
    """Return the newest version of every suite by name, each with `size`, its number of problems."""
    newest = Suite.objects.order_by("slug", "-version").distinct("slug")
    found = Suite.objects.filter(pk__in=newest.values("pk")).annotate(size=Count("places"))
    return list(found.order_by("name", "slug"))


def versions_of(slug: str) -> list[Suite]:
    """Return all versions of a suite, the newest first, each with `size`."""
    return list(Suite.objects.filter(slug=slug).annotate(size=Count("places")).order_by("-version"))


def places_of(suite: Suite) -> QuerySet[SuitePlace]:
    """Return the places of a suite in order, with their problems."""
    return suite.places.select_related("problem").order_by("position")
