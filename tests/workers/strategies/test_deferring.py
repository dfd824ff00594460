"""What a drafted token becomes, by every rule: golden values, computed from the definitions, and what must hold."""

from collections.abc import Sequence
from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.values import TokenOdds
from workers.strategies._deferring import (
    NOISE,
    SINGLE,
    WHOLE,
    Odds,
    Rule,
    find_distance,
    find_target,
    read_odds,
    rule_on,
    temper,
)

TOKENS = "abcde"
RULES: tuple[Rule, ...] = (*WHOLE, *SINGLE)
SHARES = st.lists(st.integers(0, 40), min_size=5, max_size=5).filter(any)


def odds_of(shares: Sequence[float]) -> Odds:
    spread = dict(zip(TOKENS, shares, strict=True))
    return Odds(spread, spread)


def share_out(weights: Sequence[int]) -> Odds:
    return odds_of([weight / sum(weights) for weight in weights])


SMALL, LARGE = odds_of([0.5, 0.3, 0.1, 0.1, 0]), odds_of([0.2, 0.4, 0.3, 0.05, 0.05])


def target_of(rule: Rule, alpha: float) -> list[float]:
    target = find_target(rule, alpha, SMALL, LARGE)
    return [target[token] for token in TOKENS]


# --- golden values ----------------------------------------------------------------------------------------------------


def test_golden_distance():
    assert find_distance(SMALL.drawn, LARGE.drawn) == pytest.approx(0.35, abs=1e-12)


@pytest.mark.parametrize(
    ("rule", "alpha", "is_kept"),
    [
        ("chow", 0.5, True), ("chow", 0.4, False), ("diff", 0, True), ("diff", -0.2, False), ("opt", 0, True),
        ("opt", -0.5, False),
    ],
)  # fmt: skip
def test_golden_rules_that_leave_a_place_to_the_small_model(rule: Rule, alpha: float, is_kept: bool):
    assert target_of(rule, alpha) == list((SMALL if is_kept else LARGE).raw.values())


@pytest.mark.parametrize(
    ("rule", "alpha", "target"),
    [
        ("v1", 0, (0.6, 0.2, 0.15, 0.025, 0.025)),
        ("v3", 0.5, (0.52, 0.34, 0.13, 0.005, 0.005)),
        ("v3", 0, (0.14, 0.58, 0.21, 0.035, 0.035)),
        ("v3", 1, (0.5, 0.3, 0.1, 0.1, 0)),
    ],
)
def test_golden_targets_of_the_rules_that_leave_tokens(rule: Rule, alpha: float, target: tuple[float, ...]):
    assert target_of(rule, alpha) == pytest.approx(target, abs=1e-12)


def test_golden_ruling():
    accepted, instead = rule_on("v3", 0.5, SMALL, LARGE)

    assert [accepted[token] for token in TOKENS] == pytest.approx([1, 1, 1, 0.05, 1], abs=1e-12)
    assert [instead[token] for token in TOKENS] == pytest.approx([0.2105, 0.4211, 0.3158, 0, 0.0526], abs=5e-5)
    assert sum(SMALL.drawn[token] * (1 - accepted[token]) for token in TOKENS) == pytest.approx(0.095, abs=1e-12)


# --- what must hold ---------------------------------------------------------------------------------------------------


@given(SHARES, SHARES, st.sampled_from(RULES), st.floats(-1, 1))
def test_what_comes_out_follows_the_target(q: list[int], p: list[int], rule: Rule, alpha: float):
    small, large = share_out(q), share_out(p)
    target = find_target(rule, alpha, small, large)

    accepted, instead = rule_on(rule, alpha, small, large)

    rejected = sum(small.drawn[token] * (1 - accepted[token]) for token in TOKENS)
    out = {token: small.drawn[token] * accepted[token] + rejected * instead.get(token, 0) for token in TOKENS}
    assert sum(target.values()) == pytest.approx(1)
    assert out == pytest.approx(target, abs=1e-9)
    assert rejected == pytest.approx(find_distance(small.drawn, target), abs=1e-9)


def reject(rule: Rule, alpha: float, small: Odds, large: Odds) -> float:
    accepted, _ = rule_on(rule, alpha, small, large)
    return sum(small.drawn[token] * (1 - accepted[token]) for token in TOKENS)


@pytest.mark.parametrize(
    ("rule", "rates"),
    [("v3", (0.425, 0.45, 0.095, 0)), ("v2", (0.425, 0.095, 0, 0)), ("chow", (0.35, 0.35, 0, 0))],
)
def test_rates_of_rejection_fall_with_the_lenience_but_not_at_every_step(rule: Rule, rates: tuple[float, ...]):
    """At 0.25, rule v3 leaves token c to the small model, and a loses by that more than c gains."""
    found = [reject(rule, alpha, SMALL, LARGE) for alpha in (0, 0.25, 0.5, 1)]

    assert found == pytest.approx(rates, abs=1e-12)


@given(SHARES, SHARES, st.sampled_from([*WHOLE, "lossy"]), st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_more_lenience_rejects_no_more(q: list[int], p: list[int], rule: Rule, alphas: list[float]):
    """But rules that leave single tokens may: what they take from others is not always less than what they leave."""
    rates = [reject(rule, alpha, share_out(q), share_out(p)) for alpha in sorted(alphas)]

    assert all(before >= after - 1e-9 for before, after in pairwise(rates))


@given(SHARES, SHARES, st.sampled_from(RULES))
def test_the_greatest_lenience_leaves_all_to_the_small_model(q: list[int], p: list[int], rule: Rule):
    small, large = share_out(q), share_out(p)
    if rule == "opt":  # its lenience grows with the distance
        return

    assert find_target(rule, 1, small, large) == pytest.approx(small.drawn, abs=1e-9)


@given(SHARES, SHARES)
def test_lossy_without_lenience_is_plain_speculative_decoding(q: list[int], p: list[int]):
    small, large = share_out(q), share_out(p)
    accepted, instead = rule_on("lossy", 0, small, large)

    rejected = sum(small.drawn[token] * (1 - accepted[token]) for token in TOKENS)
    out = {token: small.drawn[token] * accepted[token] + rejected * instead.get(token, 0) for token in TOKENS}
    assert out == pytest.approx(large.drawn, abs=1e-9)


@given(SHARES, SHARES, st.floats(0, 1))
def test_at_temperature_0_a_token_stands_or_the_large_models_likeliest_does(q: list[int], p: list[int], alpha: float):
    small, large = (Odds(odds.raw, temper(odds.raw, 0)) for odds in (share_out(q), share_out(p)))
    token = max(small.drawn, key=small.drawn.__getitem__)
    best = max(large.drawn, key=large.drawn.__getitem__)

    accepted, instead = rule_on("v3", alpha, small, large)

    stands = large.raw[token] >= (1 - alpha) * large.peak - NOISE
    assert accepted[token] == (1 if stands or token == best else 0)
    assert instead in ({}, {**dict.fromkeys(TOKENS, 0), best: 1})
    assert bool(instead) == (accepted[token] == 0)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_odds_hold_the_token_itself_however_unlikely():
    odds = read_odds(TokenOdds("z", log(0.01), (("a", log(0.6)), ("b", log(0.2)))), 1)

    assert odds.raw == pytest.approx({"a": 0.6, "b": 0.2, "z": 0.01})
    assert odds.drawn == pytest.approx({"a": 0.6 / 0.81, "b": 0.2 / 0.81, "z": 0.01 / 0.81})
    assert odds.peak == pytest.approx(0.6)


def test_tokens_that_look_the_same_are_one():
    assert read_odds(TokenOdds("a", log(0.3), (("a", log(0.3)), ("a", log(0.2)))), 0).raw == pytest.approx({"a": 0.5})


@given(SHARES, st.floats(0.05, 2))
def test_a_temperature_keeps_the_order_and_the_sum(weights: list[int], temperature: float):
    raw = share_out(weights).raw
    tempered = temper(raw, temperature)

    assert sum(tempered.values()) == pytest.approx(1)
    ranked = sorted(TOKENS, key=raw.__getitem__)
    assert all(tempered[less] <= tempered[more] + 1e-12 for less, more in pairwise(ranked))
