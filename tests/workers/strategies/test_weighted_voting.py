"""Drafts vote with the weight that a judge gives them."""

from typing import Any

import pytest

from tests.workers.strategies.playing import Played, play
from workers.core.errors import StreamCut
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


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "4 drafts · weight by score"),
        ({"drafts": 8, "weights": "verdict", "judges": 3}, "8 drafts · weight by verdict · 3 judges"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert WEIGHTED.describe(WEIGHTED.params(**params)) == words
