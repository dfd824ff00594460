"""Weighted votes: sums, never means; what is not known counts as the average does."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.values import Reply, Usage
from workers.strategies._votes import Bloc, find_best, find_heaviest, find_leader


def blocs_of(answers: str) -> list[Bloc]:
    """Return the blocs of drafts that answer one letter each: `aba` is draft 1 and 3 against draft 2."""
    drafts = [Reply(f"draft-{n}", "", "", "stop", Usage(), answer) for n, answer in enumerate(answers, 1)]
    letters = dict.fromkeys(answers)
    return [Bloc(letter, tuple(draft for draft in drafts if draft.answer == letter)) for letter in letters]


def weights_of(*weights: float | None) -> dict[str, float]:
    return {f"draft-{n}": weight for n, weight in enumerate(weights, 1) if weight is not None}


def heaviest(answers: str, weights: Mapping[str, float]) -> tuple[str, float]:
    chosen = find_heaviest(blocs_of(answers), weights)
    assert chosen is not None
    return chosen.bloc.answer, round(chosen.share, 3)


@pytest.mark.parametrize(
    ("answers", "weights", "chosen"),
    [
        pytest.param("aab", (0.2, 0.3, 0.9), ("b", 0.643), id="one heavy draft beats two light ones"),
        pytest.param("aab", (0.5, 0.5, 0.9), ("a", 0.526), id="sums, not means"),
        pytest.param("abc", (0.5, 0.5, 0.5), ("a", 0.333), id="a tie goes to the earlier"),
        pytest.param("abb", (0.3, 0.1, 0.2), ("b", 0.5), id="a tie goes to the larger, whatever the rounding"),
        pytest.param("abb", (0, 0, 0), ("b", 0.0), id="all weights zero is a plain vote"),
        pytest.param("abb", (), ("b", 0.667), id="no weight known is a plain vote"),
        pytest.param("aabb", (0.9, None, 0.6, 0.6), ("a", 0.571), id="the unknown weighs as much as the mean"),
    ],
)
def test_the_heaviest_bloc_wins(answers: str, weights: tuple[float | None, ...], chosen: tuple[str, float]):
    assert heaviest(answers, weights_of(*weights)) == chosen


VOTES = st.text("abcd", min_size=1, max_size=9)


@given(answers=VOTES, weight=st.floats(0, 1))
def test_equal_weights_are_a_plain_vote(answers: str, weight: float):
    leader = find_leader(blocs_of(answers))

    assert leader is not None
    assert heaviest(answers, weights_of(*[weight] * len(answers)))[0] == leader.answer


@given(answers=VOTES, data=st.data(), factor=st.sampled_from([2, 5, 10]))
def test_scaling_all_weights_changes_nothing(answers: str, data: st.DataObject, factor: int):
    tenths = data.draw(st.lists(st.integers(0, 10), min_size=len(answers), max_size=len(answers)))

    winner, share = heaviest(answers, weights_of(*[value / 10 for value in tenths]))
    scaled_winner, scaled_share = heaviest(answers, weights_of(*[factor * value / 10 for value in tenths]))

    assert scaled_winner == winner
    assert scaled_share == pytest.approx(share, abs=0.0011)  # both are rounded


@given(answers=VOTES, data=st.data())
def test_the_best_draft_is_the_first_of_the_highest(answers: str, data: st.DataObject):
    tenths = data.draw(st.lists(st.integers(0, 10) | st.none(), min_size=len(answers), max_size=len(answers)))
    drafts = [draft for bloc in blocs_of(answers) for draft in bloc.drafts]
    scores = weights_of(*[None if value is None else value / 10 for value in tenths])

    best = find_best(drafts, scores)

    if best is None:
        assert not scores
    else:
        before = drafts[: drafts.index(best)]
        assert scores[best.key] == max(scores.values())
        assert all(scores.get(draft.key, -1) < scores[best.key] for draft in before)


def test_nobody_wins_without_votes():
    assert find_heaviest([], {}) is None
    assert find_best([], {}) is None
