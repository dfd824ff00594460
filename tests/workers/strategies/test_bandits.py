"""What is believed of scores, and where a tree grows next."""

import random
from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workers.strategies._bandits import (
    Beta,
    Branch,
    Gaussian,
    Scored,
    choose_by_arms,
    choose_by_groups,
    choose_model,
    draw_scores,
    find_place,
    find_upper_bounds,
    learn_all,
)

SCORES = st.lists(st.floats(0, 1), max_size=8)
CHANCES = st.integers(0, 2**53 - 1).map(lambda whole: whole / 2**53)  # what a generator gives

# --- golden values: computed from the formulas of the specification ---------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "mean", "weight", "variance"),
    [([1], 0.5, 2, 0.3), ([0.5, 1], 0.5, 3, 0.2), ([0, 0, 1], 0.25, 4, 0.2125)],
)
def test_golden_values_of_the_gaussian(scores: list[float], mean: float, weight: float, variance: float):
    assert learn_all(Gaussian(), scores) == pytest.approx((mean, weight, weight, variance))


@pytest.mark.parametrize(("scores", "beta"), [([0.5, 1], (2, 1)), ([0, 0, 1], (1.5, 2.5))])
def test_golden_values_of_beta(scores: list[float], beta: tuple[float, float]):
    assert learn_all(Beta(), scores) == beta


# --- beliefs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [Beta(), Gaussian()])
@given(scores=SCORES, data=st.data())
def test_the_order_of_scores_does_not_matter(prior: Any, scores: list[float], data: st.DataObject):
    other = data.draw(st.permutations(scores))

    assert learn_all(prior, other) == pytest.approx(learn_all(prior, scores))


@given(scores=SCORES.filter(bool))
def test_the_gaussian_is_the_one_that_learns_all_scores_at_once(scores: list[float]):
    n, mean = len(scores), float(np.mean(scores))
    spread = float(np.sum((np.array(scores) - mean) ** 2))

    at_once = (n * mean / (1 + n), 1 + n, 1 + n, (0.1 + spread + n * mean**2 / (1 + n)) / (1 + n))

    assert learn_all(Gaussian(), scores) == pytest.approx(at_once)


def test_a_mean_drawn_at_once_is_distributed_as_a_variance_and_then_a_mean():
    belief, generator = Gaussian().learn(0.2).learn(0.9).learn(0.7), np.random.default_rng(0)
    variances = stats.invgamma.rvs(
        belief.freedom / 2, scale=belief.freedom * belief.variance / 2, size=20_000, random_state=generator
    )
    in_two = generator.normal(belief.mean, np.sqrt(variances / belief.weight))

    at_once = [belief.draw(chance) for chance in generator.random(20_000)]

    assert stats.ks_2samp(in_two, at_once).pvalue > 0.001


@given(scores=SCORES, chances=st.tuples(CHANCES, CHANCES).map(sorted))
def test_beta_draws_lie_between_0_and_1_and_rise_with_the_chance(scores: list[float], chances: list[float]):
    belief = learn_all(Beta(), scores)

    assert 0 <= belief.draw(chances[0]) <= belief.draw(chances[1]) <= 1


# --- the mixed model --------------------------------------------------------------------------------------------------

GROUPS: tuple[tuple[float, ...], ...] = ((), (0.2, 0.3, 0.9), (0.8,), (0.5, 0.5, 0.6, 0.4))


@pytest.mark.parametrize("groups", [GROUPS, ((),), ((), (1.0,) * 5, (0.0,)), ((0.1, 0.9), (), (0.9, 0.95))])
def test_the_mixed_model_is_what_drawing_its_parameters_gives(groups: tuple[tuple[float, ...], ...]):
    chance = random.Random(5)
    draws = np.array([draw_scores(groups, chance.random) for _ in range(6_000)])

    means, deviations = _weigh_by_importance(groups)

    assert draws.mean(axis=0) == pytest.approx(means, abs=0.02)
    assert draws.std(axis=0) == pytest.approx(deviations, rel=0.06, abs=0.01)


def _weigh_by_importance(groups: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Draw parameters from the prior, weigh them by the scores; return mean and deviation of each group's next score.

    An independent way to the same posterior: nothing is integrated but the means of the groups.
    """
    generator, size = np.random.default_rng(1), 400_000
    common, between = generator.normal(0.5, 0.2, size), np.abs(generator.normal(0, 0.2, size))
    within = np.abs(generator.normal(0, 0.3, size))
    log_weight = np.where(within < 0.02, -np.inf, 0)  # the least noise that the mixed model believes in
    for group in filter(None, groups):
        n, mean = len(group), float(np.mean(group))
        spread, variance = float(np.sum((np.array(group) - mean) ** 2)), between**2 + within**2 / len(group)
        log_weight -= (n - 1) * np.log(within) + spread / within**2 / 2 + np.log(variance) / 2
        log_weight -= (mean - common) ** 2 / variance / 2
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    means, deviations = [], []
    for group in groups:
        trust = between**2 / (between**2 + within**2 / len(group)) if group else np.zeros(size)
        center = trust * (np.mean(group) if group else 0) + (1 - trust) * common
        mean = float((weight * center).sum())
        means.append(mean)
        square = float((weight * (center**2 + (1 - trust) * between**2 + within**2)).sum())
        deviations.append((square - mean**2) ** 0.5)
    return means, deviations


@given(groups=st.lists(SCORES, min_size=1, max_size=6), seed=st.integers(0, 9))
@settings(max_examples=40)
def test_every_draw_of_the_mixed_model_is_a_number(groups: list[list[float]], seed: int):
    draws = draw_scores(groups, random.Random(seed).random)

    assert len(draws) == len(groups)
    assert all(abs(draw) < 20 for draw in draws)


def test_a_group_of_equal_scores_is_nearly_certain_but_not_quite():
    chance = random.Random(2)

    draws = np.array([draw_scores([(0.7,) * 12], chance.random)[0] for _ in range(2_000)])

    assert draws.mean() == pytest.approx(0.7, abs=0.01)
    assert 0.01 < draws.std() < 0.06


# --- the tree ---------------------------------------------------------------------------------------------------------

TREE = [Scored(None, 0.1), Scored(None, 0.2), Scored(0, 0.3), Scored(2, 0.4), Scored(1, None), Scored(0, 0.5)]


def test_a_tree_is_seen_branch_by_branch():
    seen: list[Sequence[Branch]] = []

    def choose(branches: Sequence[Branch]) -> int:
        seen.append(branches)
        return 0

    assert find_place(TREE, choose) == 3
    assert seen == [
        [Branch((0.1,), (0.3, 0.4, 0.5)), Branch((0.2,), ())],
        [Branch((0.3,), (0.4,)), Branch((0.5,), ())],
        [Branch((0.4,), ())],
    ]


@pytest.mark.parametrize(("choices", "place"), [([None], None), ([1, None], 1), ([0, 1], 5), ([1, 0], 4)])
def test_the_descent_ends_where_it_stays_or_nothing_is_below(choices: list[int | None], place: int | None):
    left = iter(choices)

    assert find_place(TREE, lambda branches: next(left)) == place
    assert list(left) == []


def test_an_empty_tree_asks_nobody():
    assert find_place([], lambda branches: pytest.fail("nothing to choose")) is None


def drawing(*values: float) -> Any:
    """Return a way to draw that gives these values, and keeps what it was drawn from."""
    left, beliefs = iter(values), list[Beta]()

    def draw(belief: Beta) -> float:
        beliefs.append(belief)
        return next(left)

    draw.beliefs = beliefs  # type: ignore[attr-defined]
    return draw


BRANCHES = [Branch((1.0,), (0.5, 0.5)), Branch((0.0,), ()), Branch((), (1.0,))]


@pytest.mark.parametrize(
    ("values", "choice"), [((0.6, 0.6), None), ((0.5, 0.6, 0.1, 0.3, 0.2), 1), ((0.5, 0.6, 0.3, 0.1, 0.3), 0)]
)
def test_the_arm_with_the_largest_draw_is_chosen(values: tuple[float, ...], choice: int | None):
    assert choose_by_arms(BRANCHES, Beta(), drawing(*values)) == choice


def test_new_answers_are_judged_by_answers_and_going_on_by_what_came_below():
    draw = drawing(0.0, 1.0, 0.0, 0.0, 0.0)

    choose_by_arms(BRANCHES, Beta(), draw)

    assert draw.beliefs == [Beta(1.5, 1.5), Beta(2.5, 1.5), Beta(2.5, 1.5), Beta(0.5, 1.5), Beta(1.5, 0.5)]


def test_the_mixed_model_prefers_the_better_branch():
    branches = [Branch((0.1,), (0.15, 0.2)), Branch((0.9,), (0.85, 0.95))]
    chance = random.Random(0)

    chosen = Counter(choose_by_groups(branches, chance.random) for _ in range(300))

    assert chosen[1] > chosen[None] > chosen[0]


@pytest.mark.parametrize(
    ("below", "is_flat"),
    [((0.9, 0.9, 0.2), True), ((0.9, 0.9), False), ((0.904, 0.896, 0.3), True), ((0.9, 0.5, 0.2), False)],
)
def test_a_branch_with_nothing_new_to_say_is_left_alone(below: tuple[float, ...], is_flat: bool):
    chance = random.Random(0)

    chosen = Counter(choose_by_groups([Branch((0.9,), below), Branch((0.1,), ())], chance.random) for _ in range(200))

    assert (chosen[0] == 0) == is_flat


def test_flat_branches_alone_leave_a_new_answer():
    assert {choose_by_groups([Branch((1.0,), (1.0,) * 3)], random.Random(n).random) for n in range(50)} == {None}


def test_upper_bounds_fall_with_the_number_of_scores():
    bounds = find_upper_bounds([[0.5], [0.5, 0.5], []])

    assert bounds == [pytest.approx(0.5 + (2 * np.log(3)) ** 0.5), pytest.approx(0.5 + np.log(3) ** 0.5), inf]


def test_one_model_is_not_rated():
    assert choose_model([[0.5]], lambda scores: pytest.fail("nothing to choose")) == 0


def test_a_model_without_scores_is_tried_first_by_upper_bounds():
    assert choose_model([[0.9, 0.9], [], [1.0]], find_upper_bounds) == 1
