"""The vote stops when it is certain enough, at the same draft whatever the size of a batch."""

import random
from collections.abc import Sequence
from itertools import count
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, play
from workers.core.errors import StreamCut
from workers.core.events import NoteTaken, StatisticTaken
from workers.strategies import catalog
from workers.strategies._ensemble import Leads, find_mix
from workers.strategies._stopping import MOST, find_bayes_factor, find_doubt

BOINF = catalog()["best_of_infinity"]
VOTES = st.lists(st.integers(1, 30), min_size=1, max_size=6)

# --- golden values: computed with scipy from the formula, not printed in the paper ------------------------------------

PAPER_FORM = [
    ([1], 0.8123, 4.33), ([2], 0.9341, 14.17), ([3], 0.9737, 37.0), ([4], 0.9889, 88.8), ([5], 0.9951, 204),
    ([3, 1], 0.858, 12.1), ([4, 2], 0.8072, 8.37), ([5, 1], 0.9647, 54.6), ([6, 3], 0.8544, 11.7), ([8, 2], 0.980, 98),
    ([10, 5], 0.910, 20.3), ([3, 2, 1], 0.6296, 5.10), ([7, 7], 0.5, 2.0),
]  # fmt: skip
CODE_FORM = [
    ([1], 0.6701, 4.06), ([2], 0.8219, 9.23), ([3], 0.9054, 19.1), ([4], 0.9503, 38.2),
    ([3, 1], 0.759, 9.46), ([8, 2], 0.9645, 81),
]  # fmt: skip


@pytest.mark.parametrize(("counts", "certainty", "factor"), PAPER_FORM)
def test_golden_values_in_the_form_of_the_paper(counts: list[int], certainty: float, factor: float):
    assert 1 - find_doubt(counts, unseen=0.3) == pytest.approx(certainty, abs=6e-4)
    assert find_bayes_factor(counts, unseen=0.3) == pytest.approx(factor, rel=6e-3)


@pytest.mark.parametrize(("counts", "certainty", "factor"), CODE_FORM)
def test_golden_values_in_the_form_of_the_code(counts: list[int], certainty: float, factor: float):
    assert 1 - find_doubt(counts, unseen=0.3, smoothing=1) == pytest.approx(certainty, abs=6e-4)
    assert find_bayes_factor(counts, unseen=0.3, smoothing=1) == pytest.approx(factor, rel=6e-3)


@pytest.mark.parametrize(
    ("smoothing", "stops"),
    [(0, {5: 2, 10: 2, 30: 3, 100: 5, 300: 6, 1000: 7}), (1, {5: 2, 10: 3, 30: 4, 100: 6, 300: 8, 1000: 9})],
)
def test_golden_lengths_of_a_unanimous_run(smoothing: int, stops: dict[int, int]):
    found = {
        bound: next(n for n in count(1) if find_bayes_factor([n], unseen=0.3, smoothing=smoothing) >= bound)
        for bound in stops
    }

    assert found == stops


# --- the factor -------------------------------------------------------------------------------------------------------


def test_the_factor_rises_along_a_unanimous_run_until_it_is_capped():
    factors = [find_bayes_factor([n], unseen=0.3) for n in range(1, 60)]

    below = [factor for factor in factors if factor < MOST]
    assert below == sorted(set(below))
    assert factors[len(below) :] == [MOST] * (len(factors) - len(below))
    assert factors[-1] == MOST


@given(counts=VOTES, data=st.data())
def test_the_order_of_the_answers_says_nothing(counts: list[int], data: st.DataObject):
    shuffled = data.draw(st.permutations(counts))

    assert find_doubt(counts, unseen=0.3) == find_doubt(shuffled, unseen=0.3)


@given(leader=st.integers(3, 30), data=st.data())
def test_a_vote_for_the_runner_up_raises_the_doubt(leader: int, data: st.DataObject):
    runner_up = data.draw(st.integers(1, leader - 1))

    assert find_doubt([leader, runner_up + 1], unseen=0.3) > find_doubt([leader, runner_up], unseen=0.3)


@given(votes=st.integers(1, 40), answers=st.integers(2, 5))
def test_a_tie_never_stops_a_vote(votes: int, answers: int):
    counts = [votes] * answers

    assert find_doubt(counts, unseen=0.3) > 0.5 - 1e-9
    assert find_bayes_factor(counts, unseen=0.3) < answers + 1e-7


@given(counts=VOTES, unseen=st.floats(0.01, 10), smoothing=st.integers(0, 1))
def test_doubt_is_a_probability(counts: list[int], unseen: float, smoothing: int):
    assert 0 <= find_doubt(counts, unseen=unseen, smoothing=smoothing) <= 1
    assert 0 <= find_bayes_factor(counts, unseen=unseen, smoothing=smoothing) <= MOST


# --- the strategy -----------------------------------------------------------------------------------------------------


async def vote(answers: str, batch: int = 1, **params: Any) -> Played:
    """Play with one draft for each letter; a letter `-` is a draft without an answer."""
    drafts = ["Hm." if a == "-" else f"\\boxed{{{a}}}" for a in answers]
    faults = params.pop("faults", None)
    params = {"most_drafts": len(answers), "batch": batch, **params}
    return await play(BOINF, params, replies={"draft": drafts}, faults=faults)


def result_of(played: Played) -> tuple[str | None, str]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note


@pytest.mark.parametrize(
    ("answers", "params", "calls", "result"),
    [
        pytest.param("aaaa", {}, 2, ("a", "2 of 2 votes, Bayes factor 14.2"), id="two agree"),
        pytest.param("abaa", {}, 4, ("a", "3 of 4 votes, Bayes factor 12.1"), id="three of four agree"),
        pytest.param("aaaaaa", {"certainty": 100}, 5, ("a", "5 of 5 votes, Bayes factor 204.2"), id="more certainty"),
        pytest.param("aaaa", {"smoothing": True}, 3, ("a", "3 of 3 votes, Bayes factor 19.1"), id="smoothing"),
        pytest.param("aaaa", {"certainty": 4}, 1, ("a", "1 of 1 votes, Bayes factor 4.3"), id="the first will do"),
        pytest.param("abbac", {}, 5, ("a", "2 of 5 votes"), id="never certain"),
        pytest.param("-a-a", {}, 4, ("a", "2 of 2 votes, Bayes factor 14.2"), id="no vote, but paid for"),
        pytest.param("---", {}, 3, (None, "no draft gives an answer"), id="no votes"),
    ],
)
async def test_it_stops_when_certain(answers: str, params: dict[str, Any], calls: int, result: tuple[str | None, str]):
    played = await vote(answers, **params)

    assert result_of(played) == result
    assert played.lane.ledger().calls == played.lane.ledger().depth == calls


@given(answers=st.text("abc-", min_size=1, max_size=12), batch=st.integers(1, 5))
@settings(max_examples=40)
async def test_the_answer_does_not_depend_on_the_batch(answers: str, batch: int):
    one, other = await vote(answers), await vote(answers, batch)

    assert result_of(one) == result_of(other)
    paid, decided = other.lane.ledger(), one.lane.ledger().calls
    assert decided <= paid.calls <= min(len(answers), ceil(decided / batch) * batch)
    assert paid.depth == ceil(paid.calls / batch)


async def test_batches_wait_for_each_other_and_the_last_may_be_smaller():
    played = await vote("abcde", 2)

    assert played.graph == {
        "draft-1": frozenset(), "draft-2": frozenset(), "draft-3": {"draft-1", "draft-2"},
        "draft-4": {"draft-1", "draft-2"}, "draft-5": {"draft-3", "draft-4"},
    }  # fmt: skip
    assert len({request.messages for request in played.model.asked}) == 1


async def test_the_reader_sees_how_certain_the_vote_is():
    notes = [note.text for note in (await vote("abaaaa", 2)).all_of(NoteTaken)]

    assert notes == ["After 2 drafts the Bayes factor is 1.7.", "Certain after 4 of 4 drafts."]


async def test_a_failed_draft_is_left_out():
    played = await vote("abaa", 2, faults={"draft-2": StreamCut("The stream broke.")})

    assert result_of(played) == ("a", "2 of 2 votes, Bayes factor 14.2")
    assert played.lane.ledger().calls == 4


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "at most 16 drafts · by 4 · Bayes factor 10"),
        ({"weights": (5, 2)}, "at most 16 drafts · by 4 · Bayes factor 10 · models 5 : 2"),
        ({"certainty": 1000, "smoothing": True}, "at most 16 drafts · by 4 · Bayes factor 1,000 · smoothing"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert BOINF.describe(BOINF.params(**params)) == words


# --- several models ---------------------------------------------------------------------------------------------------

GOLDEN: list[Leads] = [[(0.2, -0.4)], [(-0.2, 0.6)]]  # computed: by question, wrong answer and model
QUESTIONS = st.lists(
    st.lists(st.tuples(*[st.floats(-1, 1).map(lambda lead: round(lead, 2))] * 2), min_size=1, max_size=3),
    min_size=1,
    max_size=5,
)


def count_solved(questions: Sequence[Leads], weights: Sequence[float], margin: float = 0.0) -> int:
    """Count the questions whose right answer is ahead of every wrong one by the margin."""
    leads = [[sum(w * x for w, x in zip(weights, lead, strict=True)) for lead in leads] for leads in questions]
    return sum(min(question) >= margin - 1e-6 for question in leads)


def test_golden_weights_of_two_models():
    mix = find_mix(GOLDEN, 2)

    assert mix.weights == pytest.approx((5 / 7, 2 / 7), abs=1e-5)
    assert mix.solved == 2
    assert mix.margin == pytest.approx(1 / 35, abs=1e-5)


def test_each_golden_model_alone_solves_one_question_and_every_mix_between_solves_two():
    assert [count_solved(GOLDEN, weights) for weights in ((1, 0), (0, 1))] == [1, 1]
    assert [count_solved(GOLDEN, (w, 1 - w)) for w in (0.66, 2 / 3, 0.7, 3 / 4, 0.76)] == [1, 2, 2, 2, 1]


@given(questions=QUESTIONS)
@settings(max_examples=15, deadline=None)
def test_no_mix_on_a_grid_solves_more_or_by_more(questions: list[Any]):
    mix = find_mix(questions, 2)

    grid = [(step / 50, 1 - step / 50) for step in range(51)]
    assert sum(mix.weights) == pytest.approx(1)
    assert min(mix.weights) >= -1e-9
    assert count_solved(questions, mix.weights, mix.margin) >= mix.solved
    assert mix.solved >= max(count_solved(questions, weights, 1e-5) for weights in grid)
    assert not any(count_solved(questions, weights, mix.margin + 1e-4) >= mix.solved > 0 for weights in grid)


def test_a_copy_of_a_model_changes_only_who_has_its_weight():
    mix = find_mix([[(a, b, b) for a, b in leads] for leads in GOLDEN], 3)

    assert (mix.weights[0], mix.weights[1] + mix.weights[2]) == pytest.approx((5 / 7, 2 / 7), abs=1e-5)


async def test_chance_says_which_model_writes_a_draft_by_its_weight():
    models = {"first": "one", "second": "two"}
    drafts = ["Hm."] * 256

    played = await play(
        BOINF, {"most_drafts": 256, "batch": 64, "weights": (5, 2)}, replies={"draft": drafts}, models=models
    )

    share = [request.model for request in played.model.asked].count("one") / 256
    assert share == pytest.approx(5 / 7, abs=4 * (5 / 7 * 2 / 7 / 256) ** 0.5)
    assert {request.model for request in played.model.asked} == {"one", "two"}
    assert len({request.messages for request in played.model.asked}) == 1


async def test_drafts_of_all_models_vote_together():
    models = {"first": "one", "second": "two", "third": "three"}

    played = await play(
        BOINF, {"most_drafts": 8, "batch": 8, "weights": (1, 1, 1), "certainty": 100},
        replies={"draft": ["\\boxed{a}"] * 8}, models=models,
    )  # fmt: skip

    assert len({request.model for request in played.model.asked}) > 1
    assert result_of(played) == ("a", "5 of 5 votes, Bayes factor 204.2")


async def test_one_weight_leaves_chance_alone():
    one, other = await vote("abcd"), await vote("abcd", weights=(7,))

    assert one.model.asked == other.model.asked
    assert one.lane.random.random() == other.lane.random.random() == random.Random(0).random()


async def test_the_factor_is_charted_after_every_draft_until_it_decides():
    played = await vote("abaa", 2)

    points = [(point.seen, round(point.value, 1), point.threshold) for point in played.all_of(StatisticTaken)]
    assert points == [(1, 4.3, 10), (2, 1.7, 10), (3, 5.1, 10), (4, 12.1, 10)]
