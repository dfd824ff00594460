"""Whether a right answer was among the drafts of a lane, and whether it was kept: writing apart from choosing."""

from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef, Q

from webapp.board.queries import COUNTED, lanes_of
from webapp.problems.models import Suite
from webapp.runs.models import Call


class DraftsFound(NamedTuple):
    """Lanes that count and have drafts on which the grader ruled."""

    lanes: int
    right: int
    """Those with a right draft: what a perfect choice among the drafts would solve."""
    lost: int
    """Those of them that answered otherwise."""

    @property
    def right_share(self) -> float:
        """Return the part of the lanes with a right draft, from 0 to 1."""
        return self.right / max(1, self.lanes)

    @property
    def lost_share(self) -> float:
        """Return the part of the lanes that had a right draft and answered otherwise, from 0 to 1."""
        return self.lost / max(1, self.lanes)


def find_drafts(suite: Suite, recipe_id: int) -> DraftsFound:
    """Return what the drafts of one recipe knew."""
    ruled = Call.objects.filter(lane=OuterRef("pk")).exclude(ruling="")
    counts = (
        lanes_of(suite.runs.values_list("id", flat=True), [recipe_id])
        .filter(COUNTED)
        .annotate(is_ruled=Exists(ruled), has_right=Exists(ruled.filter(ruling="right")))
        .aggregate(
            lanes=Count("id", filter=Q(is_ruled=True)),
            right=Count("id", filter=Q(has_right=True)),
            lost=Count("id", filter=Q(has_right=True) & ~Q(ruling="right")),
        )
    )
    return DraftsFound(**counts)
