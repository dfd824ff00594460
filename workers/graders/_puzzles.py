"""Score an answer with reasoning-gym's own scorer. Runs in a child of `_pool.py` only: scorers may hang.

Some of its scorers run Python on the answer; `reasoning_gym.py` lets only letters through that are harmless there.
"""

from functools import cache
from typing import Any

from reasoning_gym.factory import get_score_answer_fn

_scorer = cache(get_score_answer_fn)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return the score, between 0 and 1; exactly 1 is a full solution."""
    return {"score": float(_scorer(question["dataset"])(question["answer"], question["entry"]))}
