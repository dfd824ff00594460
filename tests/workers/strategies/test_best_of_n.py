"""The best-scored draft wins, or the answer with the largest sum, or that of most drafts."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, Stage, play, settle
from workers.core.errors import StreamCut
from workers.core.events import RoundOpened, StatisticTaken
from workers.strategies import catalog

BON = catalog()["best_of_n"]
CUT = StreamCut("The stream broke.")


async def choose(answers: str, scores: list[Any], selector: str = "naive", **settings: Any) -> Played:
    """Play with one draft for each letter; a letter `-` is a draft without an answer, a score None cannot be read."""
    drafts = [f"draft {n}" if a == "-" else f"draft {n} \\boxed{{{a}}}" for n, a in enumerate(answers, 1)]
    verdicts = ["Hm." if score is None else f"Verdict: {score}" for score in scores]
    return await play(
        BON, {"drafts": len(answers), "selector": selector}, replies={"draft": drafts, "judge": verdicts}, **settings
    )


def result_of(played: Played) -> tuple[str, str]:
    assert played.answer is not None
    return played.answer.text, played.answer.note


@pytest.mark.parametrize(
    ("answers", "scores", "text"),
    [
        pytest.param("aab", [2, 3, 9], "draft 3 \\boxed{b}", id="the highest score"),
        pytest.param("abc", [7, 7, 7], "draft 1 \\boxed{a}", id="a constant judge leaves the first"),
        pytest.param("abc", [5, 8, 8], "draft 2 \\boxed{b}", id="the first of tied ones"),
        pytest.param("abc", [None, 0, None], "draft 2 \\boxed{b}", id="unknown is not even 0"),
        pytest.param("-ab", [3, 4], "draft 3 \\boxed{b}", id="no answer, no judge"),
    ],
)
async def test_naive_takes_the_best_score(answers: str, scores: list[Any], text: str):
    assert result_of(await choose(answers, scores))[0] == text


@pytest.mark.parametrize(
    ("selector", "result"),
    [
        ("naive", ("draft 4 \\boxed{b}", "score 0.90, best of 4")),
        ("weighted", ("draft 2 \\boxed{a}", "59% of the scores")),
        ("majority", ("draft 2 \\boxed{a}", "75% of votes")),
    ],
)
async def test_selectors_differ(selector: str, result: tuple[str, str]):
    assert result_of(await choose("aaab", [4, 5, 4, 9], selector)) == result


@pytest.mark.parametrize("selector", ["naive", "weighted", "majority"])
async def test_without_any_verdict_the_drafts_vote(selector: str):
    broken = {f"judge-{n}": CUT for n in (1, 2)}

    played = await choose("abb", ["x", "x", None], selector, faults=broken)

    assert result_of(played) == ("draft 2 \\boxed{b}", "2 of 3 votes")


@pytest.mark.parametrize("answers", ["a", "-a-", "--"])
async def test_what_cannot_be_compared_is_not_judged(answers: str):
    played = await choose(answers, [])

    assert played.lane.ledger().calls == len(answers)
    assert [event.name for event in played.all_of(RoundOpened)] == ["Drafts"]


async def test_several_judges_are_averaged():
    replies = {"draft": ("\\boxed{1}", "\\boxed{2}"), "judge": [f"Verdict: {n}" for n in (9, 1, 6, 6)]}

    played = await play(BON, {"drafts": 2, "judges": 2}, replies=replies)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("2", "score 0.60, best of 2")


# --- by confidence ----------------------------------------------------------------------------------------------------


async def trust(answers: str, logprobs: list[float], **params: Any) -> Played:
    """Play with one draft for each letter, all of whose words have the same log-probability."""
    drafts = [f"draft {n} \\boxed{{{answer}}}" for n, answer in enumerate(answers, 1)]
    params = {"drafts": len(answers), "score": "confidence", **params}
    return await play(BON, params, replies={"draft": drafts}, logprobs={"draft": logprobs})


async def test_the_surest_draft_wins_and_nobody_is_asked():
    played = await trust("aab", [-0.6, -0.4, -0.05])

    assert result_of(played) == ("draft 3 \\boxed{b}", "score 1.54, best of 3")
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (3, 1)
    confidences = [round(event.value, 2) for event in played.all_of(StatisticTaken)]
    assert confidences == [0.70, 0.75, 1.54]


async def test_confidence_adds_up_by_answer():
    assert result_of(await trust("aab", [-0.6, -0.4, -0.05], selector="weighted"))[0] == "draft 3 \\boxed{b}"
    assert result_of(await trust("aab", [-0.2, -0.1, -0.05], selector="weighted"))[0] == "draft 2 \\boxed{a}"


async def test_of_equally_sure_drafts_the_first_wins():
    assert result_of(await trust("bac", [-0.2] * 3))[0] == "draft 1 \\boxed{b}"


def test_only_confidence_needs_log_probabilities():
    assert BON.find_needs(BON.params()) == frozenset()
    assert BON.find_needs(BON.params.model_validate({"score": "confidence"})) == {"logprobs"}


SCORED = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 10)), min_size=2, max_size=6)


@given(scored=SCORED, selector=st.sampled_from(["naive", "weighted", "majority"]), arrival=st.integers(0, 9))
@settings(max_examples=40)
async def test_the_result_is_one_of_the_drafts_whoever_is_faster(
    scored: list[tuple[str, int]], selector: str, arrival: int
):
    answers, scores = "".join(answer for answer, _ in scored), [score for _, score in scored]

    one, other = [await choose(answers, scores, selector, arrival=each) for each in (0, arrival)]

    assert one.answer == other.answer
    assert result_of(one)[0] in [f"draft {n} \\boxed{{{answer}}}" for n, answer in enumerate(answers, 1)]


@given(scored=SCORED, letter=st.sampled_from("abcd"))
@settings(max_examples=30)
async def test_a_draft_with_a_lower_score_changes_nothing(scored: list[tuple[str, int]], letter: str):
    answers, scores = "".join(answer for answer, _ in scored), [score for _, score in scored]

    one, other = await choose(answers, scores), await choose(answers + letter, [*scores, max(scores) - 1])

    assert result_of(one)[0] == result_of(other)[0]


async def test_a_lane_stopped_while_judging_gives_the_leader():
    replies = {"draft": ("\\boxed{1}", "\\boxed{2}", "\\boxed{2}"), "judge": ("Verdict: 9",) * 3}
    stage = Stage(BON, {"drafts": 3}, replies=replies, pauses=["judge-2"])
    task = asyncio.create_task(stage.solve())
    await settle()

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert stage.lane.best is not None
    assert (stage.lane.best.answer, stage.lane.best.note) == ("2", "2 of 3 votes")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "best of 4"),
        ({"drafts": 8, "judges": 3, "selector": "weighted"}, "best of 8 · 3 judges · weighted"),
        ({"score": "confidence", "judges": 3}, "best of 4 · by confidence"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert BON.describe(BON.params(**params)) == words
