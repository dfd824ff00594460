"""How to mix models so that the vote of endlessly many drafts is right most often. Pure: shares in, weights out.

With weights w, a question is solved if the right answer is ahead of every wrong one in the mix of the models' shares.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

BIG = 2.0
"""More than any lead and margin can lack: a lead lies in [-1, 1]."""

Leads = Sequence[Sequence[float]]
"""One question: for each wrong answer, by model, the share of the right answer less that of the wrong one."""


class Mix(NamedTuple):
    """Weights, and what they do on the questions they were found with."""

    weights: tuple[float, ...]
    """By model; they add up to 1."""
    solved: int
    margin: float
    """The right answer's smallest lead on a solved question, up to 1."""


def find_mix(questions: Sequence[Leads], models: int) -> Mix:
    """Return the weights that solve most questions, of those the ones with the largest margin.

    Found by a mixed-integer program, and bisection over the margin; equal weights if the solver finds none.
    Source: Komiyama et al. 2025, arXiv:2509.21091.
    """
    best = _solve(questions, models, 0.0)
    if best is None:
        return Mix((1 / models,) * models, 0, 0.0)
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        found = _solve(questions, models, middle)
        if found is None or found.solved < best.solved:
            high = middle
        else:
            low, best = middle, found
    return best


def _solve(questions: Sequence[Leads], models: int, margin: float) -> Mix | None:
    """Return weights that solve most questions with a lead of `margin`; variables: the weights, then who is solved."""
    count = len(questions)
    rows = [
        [*lead, *(-BIG * (place == other) for other in range(count))]
        for place, leads in enumerate(questions)
        for lead in leads
    ]
    constraints = [LinearConstraint(np.array([[1.0] * models + [0.0] * count]), 1, 1)]
    if rows:
        constraints.append(LinearConstraint(np.array(rows), margin - BIG, np.inf))
    found = milp(
        [0.0] * models + [-1.0] * count,
        integrality=np.array([0] * models + [1] * count),
        bounds=Bounds(0, 1),
        constraints=constraints,
    )
    if not found.success:
        return None
    weights = tuple(float(weight) for weight in found.x[:models])
    return Mix(weights, round(-found.fun), margin)
