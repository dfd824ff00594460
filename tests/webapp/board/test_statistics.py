"""The statistics against published values, scipy, and what must hold for any numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from webapp.board.statistics import (
    Tally,
    accuracy,
    accuracy_interval,
    adjust_by_holm,
    detectable_difference,
    effective_size,
    exact_mcnemar,
    in_steps,
    paired_bootstrap,
    sign_flip_test,
    tied_groups,
    wilson_interval,
)

tallies = st.integers(1, 8).flatmap(lambda lanes: st.builds(Tally, st.integers(0, lanes), st.just(lanes)))


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="newcombe 1998, 81 of 263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="newcombe 1998, 15 of 148"),
        pytest.param(0, 20, 0.0, 0.1611, id="newcombe 1998, none of 20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="newcombe 1998, 1 of 29"),
    ],
)
def test_wilson_gives_the_published_interval(right, total, low, high):
    found = wilson_interval(right, total)

    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_agrees_with_scipy_and_holds_the_rate(trial):
    right, total = trial

    low, high = wilson_interval(right, total)

    theirs = stats.binomtest(right, total).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= low <= right / total <= high <= 1


def test_a_rate_of_no_trials_is_refused():
    with pytest.raises(ValueError, match=r"A rate needs at least one trial, got 0\."):
        wilson_interval(0, 0)


def test_one_lane_per_problem_gives_the_plain_wilson_interval():
    once = [Tally(1, 1)] * 13 + [Tally(0, 1)] * 7

    assert accuracy_interval(once) == pytest.approx(wilson_interval(13, 20))


def test_repeats_that_always_agree_add_nothing():
    once = [Tally(1, 1)] * 13 + [Tally(0, 1)] * 7
    tenfold = [Tally(10 * tally.right, 10) for tally in once]

    assert accuracy_interval(tenfold) == pytest.approx(accuracy_interval(once))


def test_repeats_that_vary_by_chance_count_as_new_problems():
    coins = np.random.default_rng(1).binomial(4, 0.5, size=4000)

    size = effective_size([Tally(int(right), 4) for right in coins])

    assert size == pytest.approx(16_000, rel=0.1)


@given(st.lists(tallies, min_size=1, max_size=40))
def test_the_interval_lies_between_that_of_problems_and_that_of_lanes(some):
    found = accuracy_interval(some)

    problems, lanes = len(some), sum(tally.lanes for tally in some)
    rate = accuracy(some)
    widest, narrowest = wilson_interval(rate * problems, problems), wilson_interval(rate * lanes, lanes)
    assert problems <= effective_size(some) <= lanes
    assert widest.low - 1e-9 <= found.low <= narrowest.low + 1e-9
    assert narrowest.high - 1e-9 <= found.high <= widest.high + 1e-9


def test_the_interval_over_clusters_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(7)
    hits = 0
    for _ in range(600):
        chances = random.beta(1.2, 0.8, size=60)  # problems differ: their mean chance is 0.6
        counts = random.binomial(4, chances)
        low, high = accuracy_interval([Tally(int(right), 4) for right in counts])
        hits += low <= 0.6 <= high

    assert 0.92 <= hits / 600 <= 0.98


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs(only_first, only_second):
    expected = stats.binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0

    assert exact_mcnemar(only_first, only_second) == pytest.approx(expected)
    assert exact_mcnemar(only_first, only_second) == pytest.approx(exact_mcnemar(only_second, only_first))


def test_mcnemar_gives_the_published_value():
    # Fagerland, Lydersen & Laake 2013, airway hyper-responsiveness: 1 against 7 discordant pairs, exact p = 0.0703
    assert exact_mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60))
def test_flipping_signs_of_single_lanes_is_mcnemar(steps):
    expected = exact_mcnemar(steps.count(1), steps.count(-1))

    assert sign_flip_test([2 * step for step in steps]) == pytest.approx(expected)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=12).filter(any))
def test_flipping_signs_agrees_with_scipy_over_every_permutation(steps):
    theirs = stats.permutation_test(
        (np.array(steps),), np.sum, permutation_type="samples", n_resamples=2**13, alternative="two-sided"
    )

    # scipy doubles the smaller tail, which for this symmetric distribution is the same
    assert sign_flip_test(steps) == pytest.approx(min(1.0, theirs.pvalue))


def test_differences_of_unequal_repeats_share_a_denominator():
    one, other = in_steps([[Tally(1, 2), Tally(2, 3)], [Tally(1, 4), Tally(2, 3)]])

    assert (one - other).tolist() == [3, 0]


def test_a_denominator_that_would_be_huge_is_rounded():
    primes = [7, 11, 13, 17, 19, 23, 29, 31]
    row = [Tally(3, lanes) for lanes in primes]

    (steps,) = in_steps([row])

    assert [step / 5040 for step in steps] == pytest.approx([tally.rate for tally in row], abs=1e-4)


def test_flipping_signs_of_many_repeats_agrees_with_the_normal_approximation():
    steps = np.random.default_rng(2).integers(-8, 10, size=1000)

    spread = np.sqrt((steps.astype(float) ** 2).sum())
    expected = 2 * stats.norm.sf((abs(steps.sum()) - 0.5) / spread)
    assert sign_flip_test(steps) == pytest.approx(expected, rel=0.02)


def test_holm_gives_the_published_values():
    # Holm's procedure as in R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert adjust_by_holm([0.03, 0.01, 0.05, 0.02, 0.04]) == pytest.approx([0.09, 0.05, 0.09, 0.08, 0.09])


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_keeps_the_order_and_lies_between_the_raw_value_and_bonferroni(p_values):
    adjusted = adjust_by_holm(p_values)

    for raw, corrected in zip(p_values, adjusted, strict=True):
        assert raw <= corrected <= 1
        assert corrected >= min(1, raw)
    by_raw = [corrected for _, corrected in sorted(zip(p_values, adjusted, strict=True))]
    assert by_raw == sorted(by_raw)
    if p_values:
        assert adjusted[p_values.index(min(p_values))] == pytest.approx(min(1, len(p_values) * min(p_values)))


def test_the_bootstrap_agrees_with_scipy():
    random = np.random.default_rng(3)
    first = [Tally(int(right), 1) for right in random.binomial(1, 0.7, size=200)]
    second = [Tally(int(right), 1) for right in random.binomial(1, 0.5, size=200)]

    found = paired_bootstrap(first, second, random=np.random.default_rng(5), times=50_000)

    gains = np.array([one.right - other.right for one, other in zip(first, second, strict=True)])
    theirs = stats.bootstrap(
        (gains,), np.mean, method="percentile", n_resamples=20_000, batch=1000, rng=np.random.default_rng(6)
    ).confidence_interval
    assert found == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_the_bootstrap_of_the_same_chance_is_the_same():
    first, second = [Tally(1, 1), Tally(0, 1), Tally(1, 1)], [Tally(0, 1), Tally(0, 1), Tally(1, 1)]

    once, again = (paired_bootstrap(first, second, random=np.random.default_rng(1)) for _ in range(2))

    assert once == again


def test_equal_recipes_differ_by_exactly_nothing():
    same = [Tally(1, 2), Tally(0, 2)]

    assert paired_bootstrap(same, same, random=np.random.default_rng(1)) == (0, 0)


def test_a_group_holds_all_that_tests_do_not_separate_from_its_head():
    separable = {frozenset("ad"), frozenset("ac"), frozenset("cd")}

    groups = tied_groups(list("abcd"), lambda one, other: 0.01 if frozenset((one, other)) in separable else 0.5)

    assert groups == [["a", "b"], ["c"], ["d"]]


def test_a_row_that_is_not_separable_from_the_leader_is_tied_with_it_wherever_it_stands():
    groups = tied_groups(list("abc"), lambda one, other: 0.01 if {one, other} == {"a", "b"} else 0.5)

    assert groups == [["a", "c"], ["b"]]


def test_the_detectable_difference_is_found_four_times_in_five():
    random = np.random.default_rng(11)
    problems, disagreement = 240, 0.15
    gain = detectable_difference(problems, disagreement)
    chances = [(disagreement + gain) / 2, (disagreement - gain) / 2, 1 - disagreement]

    found = sum(exact_mcnemar(int(b), int(c)) < 0.05 for b, c, _ in random.multinomial(problems, chances, size=600))

    assert found / 600 == pytest.approx(0.8, abs=0.08)
