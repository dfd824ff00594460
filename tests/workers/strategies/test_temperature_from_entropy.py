"""The turning point of the entropy is found, and drafts are written there."""

from collections.abc import Sequence
from math import exp, expm1, log, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, play
from workers.core.errors import StreamCut
from workers.core.events import NoteTaken, StatisticTaken
from workers.core.values import Measure
from workers.strategies import catalog
from workers.strategies.temperature_from_entropy import find_turning_point, list_temperatures

TURN = catalog()["temperature_from_entropy"]
GOLDEN = (0.02, 0.05, 0.09, 0.13, 0.17, 0.21, 0.25, 0.29, 0.34, 0.42, 0.60, 1.00, 1.80, 3.00)
ENTROPIES = st.lists(st.floats(1e-6, 5), min_size=3, max_size=15)

# --- the turning point: golden values computed from the definition ----------------------------------------------------


def turn_of(entropies: Sequence[float], *, is_smoothed: bool = False) -> float:
    return list_temperatures(0.1, 1.4)[find_turning_point(entropies, is_smoothed=is_smoothed)]


def test_golden_turning_point():
    assert turn_of(GOLDEN) == 0.8


def test_without_a_turn_it_is_the_last_but_one():
    assert turn_of([sqrt(temperature) for temperature in list_temperatures(0.1, 1.4)]) == 1.3
    assert (
        turn_of([exp(temperature) for temperature in list_temperatures(0.1, 1.4)]) == 1.3
    )  # straight in its logarithm


def test_what_is_convex_everywhere_turns_at_the_second():
    assert turn_of([exp(temperature**2) for temperature in list_temperatures(0.1, 1.4)]) == 0.2


def test_no_entropy_at_all_is_no_turn():
    assert turn_of([0.0] * 14) == 1.3


@given(ENTROPIES, st.floats(0.01, 100), st.booleans())
def test_the_scale_of_the_entropies_says_nothing(entropies: list[float], scale: float, is_smoothed: bool):
    scaled = [entropy * scale for entropy in entropies]
    # a bend of exactly nothing may be rounded to either side
    bend = [find_turning_point(values, is_smoothed=is_smoothed) for values in (entropies, scaled)]

    assert bend[0] == bend[1] or _is_nearly_straight(entropies)


def _is_nearly_straight(entropies: list[float]) -> bool:
    logs = [log(entropy) for entropy in entropies]
    return (
        any(abs(logs[i - 1] - 2 * logs[i] + logs[i + 1]) < 1e-6 for i in range(1, len(logs) - 1))
        or min(entropies) < 1e-5
    )


@given(ENTROPIES, st.booleans())
def test_the_turning_point_is_never_an_end(entropies: list[float], is_smoothed: bool):
    assert 0 < find_turning_point(entropies, is_smoothed=is_smoothed) < len(entropies) - 1


@pytest.mark.parametrize(("step", "hottest", "count"), [(0.1, 1.4, 14), (0.1, 1.5, 15), (0.2, 1.4, 7), (0.2, 0.6, 3)])
def test_the_sweep_reaches_the_hottest(step: float, hottest: float, count: int):
    temperatures = list_temperatures(step, hottest)

    assert (len(temperatures), temperatures[0], temperatures[-1]) == (count, step, hottest)


# --- the strategy -----------------------------------------------------------------------------------------------------


def invent_logprob(entropy: float, temperature: float) -> float:
    """Return the log-probability of the likelier of two tokens whose entropy at a temperature is the given one."""
    low, high = 0.5, 1 - 1e-15
    for _ in range(100):
        share = (low + high) / 2
        found = -share * log(share) - (1 - share) * log(1 - share)
        low, high = (share, high) if found > entropy else (low, share)
    odds = (log(low) - log(1 - low)) * temperature  # before the temperature
    return -log(1 + exp(-odds))


async def sweep(entropies: Sequence[float] = (), words: Endless | None = None, **params: Any) -> Played:
    temperatures = list_temperatures(params.get("step", 0.1), params.get("hottest", 1.4))
    samples = params.get("samples", 1)
    logprobs = [invent_logprob(*pair) for pair in zip(entropies, temperatures, strict=True) for _ in range(samples)]
    settings = {key: params.pop(key) for key in ("faults", "max_tokens") if key in params}
    params = {"step": 0.1, "hottest": 1.4, "samples": samples, "smoothing": False, "drafts": 3, **params}
    odds = {"draft": [*logprobs, *[-0.1] * 300]}
    replies = {
        "draft": words or Endless(lambda number: f"word word \\boxed{{{number % 3}}}"),
        "judge": Endless(lambda number: f"Verdict: {number}"),
    }
    return await play(TURN, params, replies=replies, logprobs=odds, **settings)


def drafts_of(played: Played) -> list[tuple[float, float]]:
    last = [request for request in played.model.asked if request.role == "draft"][-3:]
    return [(request.temperature, request.top_p) for request in last]


async def test_drafts_are_written_at_the_golden_turning_point():
    played = await sweep([entropy / 5 for entropy in GOLDEN])  # two tokens have no more than ln 2

    assert drafts_of(played) == [(0.8, 1)] * 3
    taken = played.all_of(StatisticTaken)
    assert [value.value for value in taken] == pytest.approx([entropy / 5 for entropy in GOLDEN], rel=1e-6)
    assert [value.seen for value in taken] == [*range(1, 15)]
    assert played.all_of(NoteTaken)[0].text.endswith("0.600 at 1.4. It turns at 0.8.")
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (17, 2)
    assert played.answer is not None
    assert played.answer.note == "1 of 3 votes, at temperature 0.8"


async def test_the_best_of_n_is_drawn_a_little_hotter():
    played = await sweep([entropy / 5 for entropy in GOLDEN], form="best_of_n")

    assert drafts_of(played) == [(0.9, 1)] * 3
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (20, 3)
    assert played.answer is not None
    assert played.answer.note == "score 0.30, best of 3"


async def test_no_turn_is_the_last_but_one():
    played = await sweep([sqrt(temperature) / 5 for temperature in list_temperatures(0.1, 1.4)])

    assert drafts_of(played) == [(1.3, 1)] * 3


async def test_every_temperature_is_measured_at_itself_with_short_samples():
    played = await sweep([0.1] * 7, step=0.2, samples=2, sample_tokens=16)

    asked = played.model.asked[:14]
    assert [request.temperature for request in asked] == [t for t in list_temperatures(0.2, 1.4) for _ in range(2)]
    assert {(request.top_p, request.max_tokens, request.top_logprobs) for request in asked} == {(1, 16, 20)}
    assert played.model.asked[14].max_tokens == 512
    assert Measure(temperature=0.2).top == 20


async def test_a_temperature_whose_samples_all_fail_is_left_out():
    faults = {"draft-3": StreamCut("The stream broke.")}

    played = await sweep([0.1, 0.15, 0.2, 0.25, 0.3, 0.35], hottest=0.6, faults=faults)

    assert [value.seen for value in played.all_of(StatisticTaken)] == [1, 2, 4, 5, 6]
    assert played.answer is not None


async def test_a_sample_that_says_nothing_does_not_count_as_sure():
    words = Endless(lambda number: "" if number == 3 else f"word word \\boxed{{{number % 3}}}")

    played = await sweep([0.1, 0.15, 0.2, 0.25, 0.3, 0.35], hottest=0.6, words=words)

    assert [value.seen for value in played.all_of(StatisticTaken)] == [1, 2, 4, 5, 6]


@given(st.floats(0.001, 0.69), st.sampled_from([0.1, 0.5, 1.0, 1.4]))
def test_the_odds_of_this_test_have_the_entropy_they_should(entropy: float, temperature: float):
    logprob = invent_logprob(entropy, temperature)
    logs = [logprob / temperature, log(-expm1(logprob)) / temperature] if logprob < -1e-12 else [0.0]
    whole = sum(exp(value) for value in logs)

    shares = [exp(value) / whole for value in logs]
    assert -sum(share * log(share) for share in shares if share) == pytest.approx(entropy, abs=2e-3)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "4 at each of 7 temperatures · vote of 8"),
        ({"form": "best_of_n"}, "4 at each of 7 temperatures · best of 8"),
    ],
)
def test_the_description_names_the_sweep(params: dict[str, Any], words: str):
    assert TURN.describe(TURN.params(**params)) == words
