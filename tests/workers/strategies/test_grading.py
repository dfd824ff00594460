"""A verdict is as much as its 1 was likely."""

from math import log

import pytest

from tests.workers.strategies.playing import play
from workers.core.events import CandidateScored
from workers.core.odds import Meter
from workers.core.values import Measure, Odds, Reply, TokenOdds, Usage
from workers.strategies import catalog
from workers.strategies._grading import grade

PROCESS = catalog()["process_evaluation"]
WORDS = ["Step", " 1", " holds", ".\n", "Ver", "dict", ":"]


def digit(text: str, one: float, zero: float) -> TokenOdds:
    likely = sorted(((" 1", log(one)), ("0", log(zero))), key=lambda pair: -pair[1])
    return TokenOdds(text, log(one if "1" in text else zero), (*likely, ("x", log(0.01))))


def judged(*tokens: TokenOdds | str) -> Reply:
    """A reply of these tokens; a text is a token of which nothing is known."""
    odds = tuple(TokenOdds(each, -0.1) if isinstance(each, str) else each for each in tokens)
    text = "".join(token.token for token in odds)
    return Reply("judge-1", text, "", "stop", Usage(), None, odds=Odds(tokens=len(odds), last=odds))


@pytest.mark.parametrize(
    ("tokens", "verdict", "value"),
    [
        pytest.param([*WORDS, digit(" 1", 0.6, 0.2)], 1.0, 0.75, id="a judge that wavers"),
        pytest.param([*WORDS, digit("0", 0.2, 0.6)], 0.0, 0.25, id="no is the rest"),
        pytest.param([*WORDS, " ", digit("1", 0.9, 0.1), "\n"], 1.0, 0.9, id="space and digit apart"),
        pytest.param([digit("1", 0.5, 0.5), *WORDS, digit(" 1", 0.8, 0.2)], 1.0, 0.8, id="the verdict's own digit"),
        pytest.param(
            [*WORDS, digit("0", 0.1, 0.9), "\n", *WORDS, digit("1", 0.6, 0.4)], 1.0, 0.6, id="the last verdict"
        ),
        pytest.param(
            [*WORDS, digit(" 1", 0.7, 0.3), " (step", digit(" 0", 0.1, 0.9), ")"], 1.0, 0.7, id="a remark behind it"
        ),
        pytest.param([*WORDS, " 1."], 1.0, 1.0, id="a digit that is no token of its own"),
        pytest.param([" 1"], 1.0, 1.0, id="no verdict among the last tokens"),
        pytest.param([], 0.0, 0.0, id="nothing was measured"),
    ],
)
def test_the_odds_of_the_verdicts_digit_are_its_value(tokens: list[TokenOdds | str], verdict: float, value: float):
    assert grade(judged(*tokens), verdict) == pytest.approx(value)


def test_a_meter_keeps_the_last_tokens():
    meter = Meter(Measure(keep_last=2))
    meter.take([TokenOdds(letter, -0.1) for letter in "abc"])
    meter.take([TokenOdds("d", -0.1)])

    assert [token.token for token in meter.sum_up().last] == ["c", "d"]
    assert Meter(Measure()).sum_up().last == ()


async def grade_by(value: str) -> list[float]:
    """Return what a judge, each of whose words has the probability 0.8, is heard to say of two drafts."""
    replies = {
        "draft": ["one \\boxed{1}", "two \\boxed{2}"],
        "judge": ["Right.\nVerdict: 1", "Wrong.\nVerdict: 0", "Verdict: 1", "Verdict: 0"],
    }
    params = {"drafts": 2, "steps": 1, "value": value, "reduce": "mean"}
    played = await play(PROCESS, params, replies=replies, logprobs={"judge": [log(0.8)] * 4})
    return [round(event.value, 9) for event in played.all_of(CandidateScored) if event.by != "steps"]


async def test_process_evaluation_grades_where_it_is_told_to():
    assert sorted(await grade_by("counted")) == [0, 1]
    assert sorted(await grade_by("graded")) == [0.2, 0.8]


def test_only_graded_verdicts_need_log_probabilities():
    assert PROCESS.find_needs(PROCESS.params()) == frozenset()
    assert PROCESS.find_needs(PROCESS.params.model_validate({"value": "graded"})) == {"logprobs"}
