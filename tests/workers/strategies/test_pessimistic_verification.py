"""An answer needs good verdicts, and enough of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, play
from workers.core.errors import StreamCut
from workers.strategies import catalog
from workers.strategies.pessimistic_verification import Penalty, value_arm

PV = catalog()["pessimistic_verification"]

# Golden values, computed from the formula: 16 drafts of 4 verdicts; A has ten drafts, B four, C one; one has no answer.
ARMS = {"A": (0.70, 40), "B": (0.75, 16), "C": (1.00, 4)}


@pytest.mark.parametrize(
    ("caution", "values"),
    [
        (0.1, {"A": 0.6899, "B": 0.7255, "C": 0.9168}),
        (0.5, {"A": 0.6493, "B": 0.6277, "C": 0.5841}),
        (1.0, {"A": 0.5986, "B": 0.5054, "C": 0.1682}),
    ],
)
def test_golden_values(caution: float, values: dict[str, float]):
    found = {
        arm: value_arm([1.0] * round(mean * k) + [0.0] * (k - round(mean * k)), 64, caution=caution, penalty="log")
        for arm, (mean, k) in ARMS.items()
    }

    assert found == {arm: pytest.approx(value, abs=6e-5) for arm, value in values.items()}


PENALTIES = st.sampled_from(["log", "root"])


@given(mean=st.integers(0, 4), fewer=st.integers(1, 5), more=st.integers(1, 5), penalty=PENALTIES)
def test_of_equal_means_more_evidence_wins(mean: int, fewer: int, more: int, penalty: Penalty):
    verdicts = [1.0] * mean + [0.0] * (4 - mean)
    one, other = [value_arm(verdicts * n, 99, caution=0.3, penalty=penalty) for n in (fewer, fewer + more)]

    assert one is not None
    assert other is not None
    assert other > one


def test_no_evidence_is_no_value():
    assert value_arm([], 4, caution=0.1, penalty="log") is None


async def verify(answers: str, verdicts: str, **params: Any) -> Played:
    """Play with a draft for each letter and a verdict for each sign: `?` cannot be read, `!` fails."""
    drafts = [f"draft {n} \\boxed{{{answer}}}" for n, answer in enumerate(answers, 1)]
    broken = {f"judge-{n}": StreamCut("The stream broke.") for n, sign in enumerate(verdicts, 1) if sign == "!"}
    settings = {"drafts": len(answers), "verdicts": len(verdicts) // len(answers), **params}
    return await play(
        PV, settings, replies={"draft": drafts, "judge": [f"Verdict: {sign}" for sign in verdicts]}, faults=broken
    )


def result_of(played: Played) -> tuple[str, str]:
    assert played.answer is not None
    return played.answer.text, played.answer.note


@pytest.mark.parametrize(
    ("caution", "text"),
    [(0.0, "draft 4 \\boxed{b}"), (0.1, "draft 4 \\boxed{b}"), (1.0, "draft 1 \\boxed{a}"), (10, "draft 1 \\boxed{a}")],
)
@pytest.mark.parametrize("penalty", ["log", "root"])
async def test_caution_moves_the_choice_from_good_verdicts_to_many_drafts(caution: float, text: str, penalty: str):
    assert result_of(await verify("aaab", "11101011", caution=caution, penalty=penalty))[0] == text


async def test_the_value_is_told():
    assert result_of(await verify("ab", "1011")) == ("draft 2 \\boxed{b}", "100% verified, 0.95 with caution")


async def test_all_rejected_is_a_vote():
    assert result_of(await verify("abb", "000000"))[0] == "draft 2 \\boxed{b}"


async def test_a_single_answer_is_chosen_whatever_the_verdicts():
    assert result_of(await verify("aa", "0001"))[0] == "draft 2 \\boxed{a}"


async def test_one_rejection_can_count_for_all():
    assert result_of(await verify("ab", "110100"))[0] == "draft 1 \\boxed{a}"
    assert result_of(await verify("ab", "110111", all_agree=True))[1].startswith("100% verified")
    assert result_of(await verify("ab", "110100", all_agree=True))[1].startswith("0% verified")


async def test_an_answer_without_verdicts_is_not_known_to_be_bad_but_not_chosen():
    assert result_of(await verify("ab", "?!01", caution=10))[0] == "draft 2 \\boxed{b}"


async def test_without_any_verdict_the_drafts_vote():
    assert result_of(await verify("abb", "?!?!??")) == ("draft 2 \\boxed{b}", "2 of 3 votes")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "4 drafts · 2 verdicts each · caution 0.1"),
        (
            {"caution": 1, "penalty": "root", "all_agree": True},
            "4 drafts · 2 verdicts each · caution 1 · root · all must agree",
        ),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert PV.describe(PV.params(**params)) == words
