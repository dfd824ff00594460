"""Drafts vote with the weight that a judge gives them."""

from math import log
from typing import Any

import pytest

from tests.workers.strategies.playing import Played, play
from workers.core.errors import StreamCut
from workers.core.events import CandidateScored
from workers.strategies import catalog

WEIGHTED = catalog()["weighted_voting"]


async def vote(answers: str, verdicts: list[Any], **params: Any) -> Played:
    drafts = [f"draft {n} \\boxed{{{answer}}}" for n, answer in enumerate(answers, 1)]
    judged = [f"Verdict: {verdict}" for verdict in verdicts]
    broken = {f"judge-{n}": StreamCut("The stream broke.") for n, verdict in enumerate(verdicts, 1) if verdict == "!"}
    replies = {"draft": drafts, "judge": judged}
    return await play(WEIGHTED, {"drafts": len(answers), **params}, replies=replies, faults=broken)


def result_of(played: Played) -> tuple[str, str]:
    assert played.answer is not None
    return played.answer.text, played.answer.note


async def test_the_largest_sum_wins_in_the_words_of_its_best_draft():
    assert result_of(await vote("aab", [3, 4, 6])) == ("draft 2 \\boxed{a}", "54% of the weight")


async def test_one_heavy_vote_can_outvote_two():
    assert result_of(await vote("aab", [1, 2, 9])) == ("draft 3 \\boxed{b}", "75% of the weight")


async def test_verdicts_weigh_all_or_nothing():
    played = await vote("aab", [0, 0, 1], weights="verdict")

    assert result_of(played) == ("draft 3 \\boxed{b}", "100% of the weight")
    assert "`Verdict: 1` if the final answer is right" in played.prompts["judge-1"]


async def test_several_judges_weigh_by_their_share():
    assert result_of(await vote("ab", [1, 0, 1, 1], weights="verdict", judges=2))[0] == "draft 2 \\boxed{b}"


async def test_an_unheard_draft_weighs_as_much_as_the_mean():
    assert result_of(await vote("aab", ["!", 5, 8])) == ("draft 2 \\boxed{a}", "59% of the weight")


async def test_without_any_verdict_the_votes_are_equal():
    assert result_of(await vote("abb", ["?", "!", "?"])) == ("draft 2 \\boxed{b}", "2 of 3 votes")


async def weigh(answers: str, logprobs: list[float], words: str = "so") -> Played:
    """Play with one draft for each letter, all of whose words have the same log-probability."""
    drafts = [f"{words} \\boxed{{{answer}}}" for answer in answers]
    params = {"drafts": len(answers), "weights": "probability"}
    return await play(WEIGHTED, params, replies={"draft": drafts}, logprobs={"draft": logprobs})


async def test_probability_weighs_without_a_judge():
    played = await weigh("aab", [log(0.3), log(0.2), log(0.9)])

    assert result_of(played) == ("so \\boxed{b}", "64% of the weight")
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (3, 1)
    assert [round(event.value, 9) for event in played.all_of(CandidateScored)] == [0.3, 0.2, 0.9]


async def test_sums_decide_and_never_means():
    assert result_of(await weigh("aab", [log(0.5), log(0.5), log(0.9)])) == ("so \\boxed{a}", "53% of the weight")


async def test_a_long_draft_weighs_as_much_as_a_short_one():
    one, other = await weigh("ab", [log(0.4), log(0.6)]), await weigh("ab", [log(0.4), log(0.6)], words="so " * 40)

    assert result_of(one)[1] == result_of(other)[1] == "60% of the weight"


def test_only_probability_needs_log_probabilities():
    assert WEIGHTED.find_needs(WEIGHTED.params()) == frozenset()
    assert WEIGHTED.find_needs(WEIGHTED.params.model_validate({"weights": "probability"})) == {"logprobs"}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "4 drafts · weight by score"),
        ({"drafts": 8, "weights": "verdict", "judges": 3}, "8 drafts · weight by verdict · 3 judges"),
        ({"weights": "probability", "judges": 3}, "4 drafts · weight by probability"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert WEIGHTED.describe(WEIGHTED.params(**params)) == words
