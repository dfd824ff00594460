"""Judges read all drafts together; their scores are added up, the best-reviewed ones only if asked for."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.workers.strategies.playing import Played, ReadingJudge, play
from workers.core.errors import StreamCut
from workers.core.events import CandidateScored, NoteTaken, RoundOpened
from workers.strategies import catalog

GRM = catalog()["generative_reward"]


async def evaluate(answers: str, judge: Any, **params: Any) -> Played:
    """Play with a draft for each letter; `judge` says what it says of the answers it is shown, in order."""
    drafts = [f"draft {n} \\boxed{{{answer}}}" for n, answer in enumerate(answers, 1)]
    settings = {name: params.pop(name) for name in ("seed", "arrival") if name in params}

    def read(prompt: str) -> str:
        shown = re.findall(r"draft \d+ \\boxed\{(\w)\}", prompt)
        evaluation = re.search(r"evaluation begins.*?\n(.*?)\n--- evaluation ends", prompt, re.S)
        return str(judge(shown, evaluation[1] if evaluation else ""))

    return await play(
        GRM, {"drafts": len(answers), **params}, replies={"draft": drafts},
        wrap=lambda scripted: ReadingJudge(scripted, read), **settings,
    )  # fmt: skip


def score_by(**scores: int) -> Any:
    """Return a judge with a score for each answer."""
    return lambda shown, _: "Verdict: " + ", ".join(str(scores[answer]) for answer in shown)


def result_of(played: Played) -> tuple[str, str]:
    assert played.answer is not None
    return played.answer.text, played.answer.note


@given(seed=st.integers(0, 50), scores=st.permutations([2, 5, 9]))
@settings(max_examples=20)
async def test_scores_find_their_draft_whatever_the_order(seed: int, scores: list[int]):
    a, b, c = scores

    played = await evaluate("abc", score_by(a=a, b=b, c=c), evaluations=3, seed=seed)

    best = "abc"[scores.index(9)]
    assert result_of(played) == (f"draft {'abc'.index(best) + 1} \\boxed{{{best}}}", "score 27 of 30")
    shown = {event.call: event.value for event in played.all_of(CandidateScored)}
    assert shown == {"draft-1": a / 10, "draft-2": b / 10, "draft-3": c / 10}


async def test_each_judge_reads_the_drafts_in_an_order_of_its_own():
    orders = set()

    def judge(shown: list[str], _: str) -> str:
        orders.add("".join(shown))
        return "Verdict: 5, 5, 5"

    played = await evaluate("abc", judge, evaluations=12)

    assert len(orders) > 2
    assert {frozenset(order) for order in orders} == {frozenset("abc")}
    assert result_of(played)[0] == "draft 1 \\boxed{a}"  # a tie


async def test_a_tie_goes_to_the_answer_of_more_drafts():
    assert result_of(await evaluate("abb", score_by(a=5, b=5))) == ("draft 2 \\boxed{b}", "score 10 of 20")


async def test_one_answer_needs_no_judge():
    played = await evaluate("aaa", score_by(a=1))

    assert (len(played.graph), result_of(played)) == (3, ("draft 1 \\boxed{a}", "3 of 3 votes"))


async def test_an_evaluation_that_does_not_score_everything_is_left_out():
    replies = {"draft": ["\\boxed{a}", "\\boxed{b}"], "judge": ["Verdict: 9", "Verdict: 9, 11", "Verdict: 8, 8", "x"]}
    broken = {"judge-4": StreamCut("The stream broke.")}

    played = await play(GRM, {"drafts": 2, "evaluations": 4}, replies=replies, faults=broken)

    assert result_of(played) == ("\\boxed{a}", "score 8 of 10")
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "3 of 4 verdicts could not be read; they count for nothing."
    ]


async def test_without_an_evaluation_the_answer_of_more_drafts_wins():
    played = await evaluate("abb", lambda shown, _: "Both are fine.", kept=1)

    assert result_of(played) == ("draft 2 \\boxed{b}", "no evaluation could be read")


async def test_judges_that_all_fail_do_not_fail_the_lane():
    replies = {"draft": ["\\boxed{a}", "\\boxed{b}", "\\boxed{b}"], "judge": ["x", "x"]}
    broken = {f"judge-{n}": StreamCut("The stream broke.") for n in (1, 2)}

    played = await play(GRM, {"drafts": 3, "kept": 1}, replies=replies, faults=broken)

    assert result_of(played) == ("\\boxed{b}", "no evaluation could be read")


# --- reviews ----------------------------------------------------------------------------------------------------------


def good_and_bad(shown: list[str], evaluation: str) -> str:
    """Judge right in the order a, b, wrong in the order b, a; review the wrong one badly."""
    if evaluation:
        return "Verdict: 9" if "good" in evaluation else "Verdict: 2"
    return "good\nVerdict: 2, 9" if shown == ["a", "b"] else "bad\nVerdict: 1, 10"


async def test_only_the_best_reviewed_evaluations_count():
    whole = await evaluate("ab", good_and_bad, evaluations=8)
    kept = await evaluate("ab", good_and_bad, evaluations=8, kept=1)

    assert result_of(kept) == ("draft 2 \\boxed{b}", "score 9 of 10")
    assert result_of(whole)[1].endswith(" of 80")
    assert [event.name for event in kept.all_of(RoundOpened)] == ["Drafts", "Evaluate", "Review"]
    assert kept.graph["review-1"] == {"draft-1", "draft-2", "judge-1"}
    assert (kept.lane.ledger().calls, kept.lane.ledger().depth) == (2 + 8 + 8, 3)


async def test_keeping_all_is_not_to_review():
    one = await evaluate("ab", good_and_bad, evaluations=4)
    other = await evaluate("ab", good_and_bad, evaluations=4, kept=4)

    assert result_of(one) == result_of(other)


async def test_more_can_not_be_kept_than_there_are():
    with pytest.raises(ValidationError, match="There are only 2 evaluations to keep"):
        GRM.params.model_validate({"evaluations": 2, "kept": 3})


# --- many answers -----------------------------------------------------------------------------------------------------


async def test_many_answers_are_evaluated_in_groups_and_the_winners_again():
    scores = {letter: place for place, letter in enumerate("abcdefgh", 1)}

    played = await evaluate("abcdefgh", score_by(**scores), evaluations=1)

    assert result_of(played) == ("draft 8 \\boxed{h}", "score 8 of 10")
    assert played.graph == {
        **{f"draft-{n}": frozenset() for n in range(1, 9)},
        "judge-1": {f"draft-{n}" for n in range(1, 7)},
        "judge-2": {"draft-7", "draft-8"},
        "judge-3": {"draft-6", "draft-8", "judge-1", "judge-2"},
    }


def test_the_description_names_what_is_switched_on():
    assert GRM.describe(GRM.params()) == "4 drafts · 2 evaluations"
    params = GRM.params.model_validate({"evaluations": 8, "kept": 4})
    assert GRM.describe(params) == "4 drafts · 8 evaluations · 4 kept by review"
