"""What to spend compute on, by how hard a problem is: tables read off the findings of two papers."""

from bisect import bisect_left
from math import inf
from typing import Literal, NamedTuple

Method = Literal["best of N", "beams", "trees", "chains"]
Table = Literal["search", "revisions", "small", "middle", "large"]


class Plan(NamedTuple):
    """How the budget is spent on problems of one bin."""

    method: Method
    ratio: float = 1
    """Length of the chains over their number; infinite for one chain."""


class Policy(NamedTuple):
    """What to do by difficulty."""

    edges: tuple[float, ...]
    """The greatest difficulty of each bin but the last, rising."""
    plans: tuple[Plan, ...]

    def find_bin(self, difficulty: float) -> int:
        """Return the bin of a difficulty in [0, 1], from 0; a harder problem is never in an easier bin."""
        return bisect_left(self.edges, round(difficulty, 9))


_BEST, _BEAMS, _TREES = Plan("best of N"), Plan("beams"), Plan("trees")
_FIFTHS, _LEVELS = (0.2, 0.4, 0.6, 0.8), (0.5, 0.9)
POLICIES: dict[Table, Policy] = {
    "search": Policy(_FIFTHS, (_BEST, _BEST, _BEAMS, _BEAMS, _BEAMS)),
    "revisions": Policy(_FIFTHS, tuple(Plan("chains", ratio) for ratio in (inf, 4, 1, 1 / 4, 1 / 4))),
    "small": Policy(_LEVELS, (_BEST, _BEAMS, _BEAMS)),
    "middle": Policy(_LEVELS, (_TREES, _TREES, _BEAMS)),
    "large": Policy(_LEVELS, (_BEST, _BEST, _BEST)),
}
"""By fifths of difficulty, Snell et al. 2024, arXiv:2408.03314; in three levels, Liu et al. 2025, arXiv:2502.06703."""
