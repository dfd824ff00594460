"""What log-probabilities are reduced to."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.odds import Meter, invent_odds
from workers.core.values import Measure, Odds, TokenOdds


def measure(tokens: list[TokenOdds], **wishes: float) -> Odds:
    meter = Meter(Measure.model_validate(wishes))
    meter.take(tokens)
    return meter.sum_up()


def of(*logprobs: float) -> list[TokenOdds]:
    """Return tokens of a written text; the only alternative is the token itself."""
    return [TokenOdds("a", logprob, (("a", logprob),)) for logprob in logprobs]


def spread(*probabilities: float) -> TokenOdds:
    top = tuple((str(place), math.log(mass)) for place, mass in enumerate(probabilities))
    return TokenOdds(*top[0], top)


def test_golden_log_probabilities_of_a_text() -> None:
    """Computed: the list of strategies/3 (h), deferral by Chow."""
    odds = measure(of(-0.1, -0.2, -2, -0.05))

    assert odds.sum_logprob == pytest.approx(-2.35)
    assert odds.mean_logprob == pytest.approx(-0.5875)
    assert odds.decile_logprob == pytest.approx(-1.46)
    assert odds.lowest_logprob == -2


def test_golden_entropy_bound_of_a_step() -> None:
    """Computed: the three likeliest of (.6, .2, .1, .05, .03, .02); the true entropy is 1.1919."""
    assert measure([spread(0.6, 0.2, 0.1)]).entropy_floor == pytest.approx(1.0889, abs=5e-5)


def test_confidence_is_lowest_when_the_alternatives_share_all_mass_equally() -> None:
    assert measure([spread(*[1 / 20] * 20)]).confidence == pytest.approx(math.log(20))
    assert measure([spread(*[1 / 20] * 20)]).mean_entropy == pytest.approx(math.log(20))


def test_a_token_outside_the_alternatives_is_not_one_of_them() -> None:
    one_more = TokenOdds("rare", -9.0, (*((str(n), -1.0) for n in range(20)), ("rare", -9.0)))

    assert measure([one_more]).confidence == pytest.approx(1.0)


def test_impossible_alternatives_do_not_count() -> None:
    assert measure([TokenOdds("a", 0.0, (("a", -1.0), ("b", -9999.0)))]).confidence == pytest.approx(1.0)


def test_a_text_shorter_than_a_window_is_one_window() -> None:
    odds = measure(of(-1, -3), window=3, tail=1)

    assert (odds.lowest_window, odds.bottom_windows, odds.confidence, odds.tail_confidence) == (2, 2, 2, 3)


def test_an_empty_text_has_no_odds() -> None:
    assert measure([]) == Odds()
    assert Odds().mean_logprob == 0


def test_a_low_temperature_sharpens_the_entropy() -> None:
    cold, warm, hot = (measure([spread(0.7, 0.2, 0.1)], temperature=t).mean_entropy for t in (0.1, 1.0, 10.0))

    assert cold < warm < hot < math.log(3)


def test_only_the_first_tokens_are_kept() -> None:
    assert [token.token for token in measure(list(invent_odds("a b c")), keep=2).kept] == ["a", " b"]


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=40), st.integers(1, 12), st.integers(1, 7))
def test_windows_agree_with_the_sums_written_out(logprobs: list[float], window: int, piece: int) -> None:
    tokens = of(*logprobs)
    meter = Meter(Measure(window=window, tail=window))
    for start in range(0, len(tokens), piece):
        meter.take(tokens[start : start + piece])
    odds = meter.sum_up()

    ends = range(window, len(logprobs) + 1)
    windows = sorted(-sum(logprobs[end - window : end]) / window for end in ends)
    assert meter.lowest_window == (pytest.approx(windows[0], abs=1e-9) if windows else None)
    windows = windows or [-sum(logprobs) / len(logprobs)]
    lowest = windows[: max(1, len(windows) // 10)]
    assert odds.lowest_window == pytest.approx(windows[0], abs=1e-9)
    assert odds.bottom_windows == pytest.approx(sum(lowest) / len(lowest), abs=1e-9)
    assert odds.lowest_window <= odds.bottom_windows + 1e-9
    last = logprobs[-window:]
    assert odds.tail_confidence == pytest.approx(-sum(last) / len(last), abs=1e-9)
