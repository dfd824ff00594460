"""A pilot in every style, an exact prediction, and a vote in the best one."""

import random
from collections import Counter
from itertools import product
from math import prod, sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tests.workers.strategies.playing import QUESTION, Played, play
from workers.core.errors import StreamCut
from workers.core.events import NoteTaken, RoundOpened
from workers.core.prompts import fill
from workers.strategies import catalog
from workers.strategies._predicting import predict_majority, smooth
from workers.strategies._prompts import DRAFT
from workers.strategies.prompting_mix import STYLES

MIX = catalog()["prompting_mix"]
CUT = StreamCut("The stream broke.")
SHARES = st.lists(st.integers(0, 20), min_size=1, max_size=6).filter(any).map(lambda n: [x / sum(n) for x in n])

# --- the prediction ---------------------------------------------------------------------------------------------------

CURVES = [  # computed: shares, and the right answer's chance with 1, 5, 15 and 40 votes
    ([0.4, 0.3, 0.2, 0.1], [0.400, 0.490, 0.622, 0.760]),
    ([0.3, 0.35, 0.2, 0.15], [0.300, 0.321, 0.339, 0.326]),
    ([0.4, 0.6], [0.400, 0.317, 0.213, 0.102]),
    ([0.3, *[0.1] * 7], [0.300, 0.434, 0.677, 0.919]),
]


@pytest.mark.parametrize(("shares", "curve"), CURVES)
def test_golden_values_of_the_curve(shares: list[float], curve: list[float]):
    assert [round(predict_majority(shares, votes), 3) for votes in (1, 5, 15, 40)] == curve


def test_the_normal_approximation_agrees_where_two_answers_vote():
    gap, votes = 0.4 - 0.6, 15
    approximation = norm.cdf(votes * gap / sqrt(votes * (1 - gap**2)))

    assert approximation == pytest.approx(0.215, abs=5e-4)
    assert predict_majority([0.4, 0.6], votes) == pytest.approx(approximation, abs=0.003)


@given(shares=SHARES, votes=st.integers(1, 6))
@settings(max_examples=40)
def test_the_prediction_is_the_sum_over_all_ballots(shares: list[float], votes: int):
    expected = 0.0
    for ballot in product(range(len(shares)), repeat=votes):
        counts = Counter(ballot)
        tied = [answer for answer, count in counts.items() if count == max(counts.values())]
        expected += prod(shares[answer] for answer in ballot) * (0 in tied) / len(tied)

    assert predict_majority(shares, votes) == pytest.approx(expected, abs=1e-12)


@given(shares=SHARES)
def test_one_vote_is_right_as_often_as_one_draft(shares: list[float]):
    assert predict_majority(shares, 1) == pytest.approx(shares[0])


@given(answers=st.integers(1, 6), votes=st.integers(1, 64))
def test_answers_that_are_alike_win_alike(answers: int, votes: int):
    assert predict_majority([1 / answers] * answers, votes) == pytest.approx(1 / answers)


@given(votes=st.integers(1, 64))
def test_what_is_certain_stays_certain(votes: int):
    assert predict_majority([1.0], votes) == pytest.approx(1)
    assert predict_majority([1.0, 0.0], votes) == pytest.approx(1)
    assert predict_majority([0.0, 1.0], votes) == 0


def test_the_curve_meets_what_subsampling_the_pilot_gives():
    pilot = [0] * 17 + [1] * 14 + [2] * 9
    chance, hits, times = random.Random(3), 0.0, 4000
    for _ in range(times):
        counts = Counter(chance.choices(pilot, k=len(pilot)))
        tied = [answer for answer, count in counts.items() if count == max(counts.values())]
        hits += (0 in tied) / len(tied)

    predicted = predict_majority([17 / 40, 14 / 40, 9 / 40], 40)
    assert abs(hits / times - predicted) < 4 * sqrt(predicted * (1 - predicted) / times)


@given(counts=st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_smoothed_shares_add_up_and_keep_their_order(counts: list[int]):
    shares = smooth(counts)

    assert sum(shares) == pytest.approx(1)
    assert sorted(range(len(counts)), key=shares.__getitem__) == sorted(range(len(counts)), key=counts.__getitem__)


# --- the strategy -----------------------------------------------------------------------------------------------------


async def mix(answers: str, **params: Any) -> Played:
    """Play with one draft for each letter; a letter `-` is a draft without an answer."""
    drafts = ["Hm." if a == "-" else f"So \\boxed{{{a}}}" for a in answers]
    settings = {name: params.pop(name) for name in ("faults", "arrival") if name in params}
    return await play(MIX, params, replies={"draft": drafts, "principles": ["Rule."] * 99}, **settings)


def result_of(played: Played) -> tuple[str | None, str]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note


def prompts_of(played: Played) -> list[str]:
    return [prompt for key, prompt in played.prompts.items() if key.startswith("draft")]


async def test_each_style_has_its_pilot_and_the_best_one_votes():
    played = await mix("abc" + "bbb" + "ba", styles=2, pilot=3, votes=5)

    step_by_step, direct = (fill(STYLES[style], question=QUESTION) for style in ("step by step", "direct"))
    assert prompts_of(played) == [step_by_step] * 3 + [direct] * 3 + [direct] * 2
    assert result_of(played) == ("b", "4 of 5 votes, direct")
    assert [event.name for event in played.all_of(RoundOpened)] == ["Pilot", "Vote"]
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "Chance that the answer of most drafts wins: step by step 33% of 5 votes, direct 95% of 5 votes. "
        "Few drafts each: mostly luck below 10."
    ]


async def test_a_style_that_says_something_else_is_not_chosen_however_firmly():
    played = await mix("aab" + "ccc" + "aaa" + "aa", styles=3, pilot=3, votes=5)

    assert result_of(played) == ("a", "5 of 5 votes, least to most")


async def test_of_styles_that_promise_the_same_the_first_is_taken():
    played = await mix("aa" + "aa" + "b", styles=2, pilot=2, votes=3)

    assert result_of(played) == ("a", "2 of 3 votes, step by step")


async def test_a_pilot_that_is_large_enough_is_the_vote():
    played = await mix("aab" + "aaa", styles=2, pilot=3, votes=2)

    assert result_of(played) == ("a", "3 of 3 votes, direct")
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (6, 1)


async def test_without_any_answer_the_first_style_goes_on():
    assert result_of(await mix("--" + "--" + "-a", styles=2, pilot=2, votes=4)) == ("a", "1 of 1 votes, step by step")


async def test_stepping_back_reads_its_own_principles():
    played = await mix("abcd" + "e" + "ee", styles=5, pilot=1, votes=3)

    assert played.graph["draft-5"] == {"principles-1"}
    assert "\n\nRule.\n\n" in played.prompts["draft-5"]
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (8, 3)


@pytest.mark.parametrize("arrival", range(4))
async def test_a_chosen_step_back_takes_two_calls_in_a_row(arrival: int):
    played = await mix("ab" + "cd" + "ec" + "da" + "ee" + "e", styles=5, pilot=2, votes=3, arrival=arrival)

    assert result_of(played) == ("e", "3 of 3 votes, step back")
    assert played.graph["principles-3"] == {f"draft-{n}" for n in range(1, 11)}
    assert played.graph["draft-11"] == {"principles-3"}
    assert played.lane.ledger().depth == 4


async def test_at_equal_tokens_a_style_that_costs_more_gets_fewer_drafts():
    drafts = ["So \\boxed{a}"] * 2 + ["So it is " * 40 + "\\boxed{a}"] * 2 + ["\\boxed{a}"] * 4
    params = {"styles": 2, "pilot": 2, "votes": 6, "equal": "tokens"}

    played = await play(MIX, params, replies={"draft": drafts})

    (note,) = (note.text for note in played.all_of(NoteTaken))
    assert "of 6 votes, direct" in note
    assert int(note.split("direct ")[1].split()[2]) < 6


async def test_a_style_that_fails_is_left_out():
    played = await mix("aa" + "bb" + "aa", styles=2, pilot=2, votes=4, faults={"draft-3": CUT, "draft-4": CUT})

    assert result_of(played) == ("a", "4 of 4 votes, step by step")


async def test_one_style_has_no_pilot():
    played = await mix("aabca", styles=1, pilot=3, votes=5)

    assert result_of(played) == ("a", "3 of 5 votes")
    assert set(prompts_of(played)) == {fill(DRAFT, question=QUESTION)}
    assert played.lane.ledger().depth == 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "4 styles · pilot of 3 · 8 votes in the best"),
        ({"equal": "tokens"}, "4 styles · pilot of 3 · 8 votes in the best · equal tokens"),
        ({"styles": 1}, "one style · 8 votes"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert MIX.describe(MIX.params(**params)) == words


async def test_the_pilot_votes_when_all_further_drafts_fail():
    script = {"draft": [f"\\boxed{{{answer}}}" for answer in "77897777"]}
    broken = {f"draft-{number}": CUT for number in range(5, 9)}

    played = await play(MIX, {"styles": 2, "pilot": 2, "votes": 6}, replies=script, faults=broken)

    assert played.answer is not None
    assert played.answer.answer == "7"
