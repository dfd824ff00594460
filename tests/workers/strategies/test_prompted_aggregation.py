"""One call reads all drafts and writes the final solution, unless they agree already."""

from typing import Any

import pytest

from tests.workers.strategies.playing import QUESTION, Endless, Played, play
from workers.core.errors import StreamCut
from workers.core.events import NoteTaken
from workers.strategies import catalog

MERGE = catalog()["prompted_aggregation"]
CUT = StreamCut("The stream broke.")


def result_of(played: Played) -> tuple[str | None, str, int]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note, played.lane.ledger().calls


def drafts_with(*answers: str) -> tuple[str, ...]:
    return tuple(f"draft {n} \\boxed{{{answer}}}" for n, answer in enumerate(answers, 1))


async def test_the_aggregation_reads_every_draft_once_and_no_thinking():
    replies = {"draft": Endless(lambda n: f"<think>secret</think>own{n}. \\boxed{{{n}}}"), "refine": ("\\boxed{9}",)}

    played = await play(MERGE, {"drafts": 5}, replies=replies)

    prompt = played.prompts["refine-1"]
    assert [prompt.count(f"own{n}.") for n in range(1, 6)] == [1] * 5
    assert "secret" not in prompt
    assert played.graph["refine-1"] == {f"draft-{n}" for n in range(1, 6)}
    assert result_of(played) == ("9", "from 5 drafts", 6)


async def test_several_aggregations_vote():
    replies = {"draft": drafts_with("1", "1"), "refine": ("\\boxed{2}", "\\boxed{3}", "\\boxed{3.0}")}

    assert result_of(await play(MERGE, {"drafts": 2, "aggregations": 3}, replies=replies)) == ("3", "2 of 3 votes", 5)


@pytest.mark.parametrize(
    ("answers", "enough", "calls"),
    [
        pytest.param("1112", 0.75, 4, id="just enough agree"),
        pytest.param("1122", 0.75, 5, id="too few agree"),
        pytest.param("1112", 0.76, 5, id="one short"),
        pytest.param("1111", 1, 4, id="all agree"),
        pytest.param("1111", 0, 5, id="never enough"),
    ],
)
async def test_agreement_saves_the_aggregation(answers: str, enough: float, calls: int):
    replies = {"draft": drafts_with(*answers), "refine": ("\\boxed{9}",)}

    played = await play(MERGE, {"drafts": 4, "enough": enough}, replies=replies)

    expected = ("1", f"{answers.count('1')} of 4 votes", 4) if calls == 4 else ("9", "from 4 drafts", 5)
    assert result_of(played) == expected
    saved = f"Not aggregated: {answers.count('1')} of 4 drafts agree."
    assert [note.text for note in played.all_of(NoteTaken)] == [saved] * (calls == 4)


async def test_a_draft_without_an_answer_agrees_with_nobody():
    replies = {"draft": ("\\boxed{1}", "Hm.", "Hm.", "Hm."), "refine": ("\\boxed{9}",)}

    assert (await play(MERGE, {"drafts": 4, "enough": 0.5}, replies=replies)).lane.ledger().calls == 5


async def test_the_drafts_vote_where_no_aggregation_gives_an_answer():
    replies = {"draft": drafts_with("4", "5", "5"), "refine": ("I am lost.",)}

    played = await play(MERGE, {"drafts": 3}, replies=replies)

    assert result_of(played) == ("5", "2 of 3 votes", 4)
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "No aggregation gives an answer; the drafts have voted."
    ]


async def test_nothing_readable_at_all_is_no_answer():
    played = await play(MERGE, {"drafts": 2}, replies={"draft": ("Hm.", "Hm."), "refine": ("I am lost.",)})

    assert result_of(played) == (None, "from 2 drafts", 3)


async def test_what_is_left_of_the_drafts_is_aggregated():
    played = await play(MERGE, {"drafts": 3}, faults={"draft-1": CUT, "draft-3": CUT})

    assert played.graph["refine-1"] == {"draft-2"}
    assert "stand below, 1 in number" in played.prompts["refine-1"]
    assert QUESTION in played.prompts["refine-1"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "4 drafts · merged once"),
        ({"drafts": 8, "aggregations": 3, "enough": 0.75}, "8 drafts · merged 3 times · unless 75% agree"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert MERGE.describe(MERGE.params(**params)) == words
