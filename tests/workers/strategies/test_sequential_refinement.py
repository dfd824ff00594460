"""Sequential refinement reads the latest solution and nothing older."""

from typing import Any

import pytest

from tests.workers.strategies.playing import QUESTION, Endless, Stage, ThinkingModel, play
from workers.core.errors import StreamCut
from workers.core.events import NoteTaken, RoundOpened, WorkspaceWritten
from workers.core.prompts import fill
from workers.strategies import catalog
from workers.strategies._prompts import DRAFT, REFINE
from workers.strategies.sequential_refinement import CRITIQUE, REWRITE

SR = catalog()["sequential_refinement"]


async def test_each_round_reads_the_latest_solution_only():
    played = await play(SR, {"rounds": 4})

    draft, first, second = (f"{name} names [{n}, 1] and ends in \\boxed{{{n}}}." for name, n in
                            (("draft1", 1), ("refine1", 1), ("refine2", 2)))  # fmt: skip
    assert list(played.prompts.values()) == [
        fill(DRAFT, question=QUESTION),
        fill(REFINE, question=QUESTION, solution=draft),
        fill(REFINE, question=QUESTION, solution=first),
        fill(REFINE, question=QUESTION, solution=second),
    ]
    assert [event.name for event in played.all_of(RoundOpened)] == ["Round 1", "Round 2", "Round 3", "Round 4"]
    assert not played.all_of(WorkspaceWritten)


async def test_error_analysis_comes_between_two_solutions():
    replies = {"draft": ("first",), "critique": ("a slip",), "refine": ("second \\boxed{2}",)}

    played = await play(SR, {"rounds": 2, "error_analysis": True}, replies=replies)

    assert played.prompts["critique-1"] == fill(CRITIQUE, question=QUESTION, solution="first")
    assert played.prompts["refine-1"] == fill(REWRITE, question=QUESTION, solution="first", critique="a slip")
    assert played.graph == {
        "draft-1": frozenset(), "critique-1": {"draft-1"}, "refine-1": {"draft-1", "critique-1"}
    }  # fmt: skip


@pytest.mark.parametrize("error_analysis", [False, True])
async def test_all_tokens_are_on_the_critical_path(error_analysis: bool):
    played = await play(SR, {"rounds": 4, "error_analysis": error_analysis})

    ledger = played.lane.ledger()
    assert ledger.critical_path_tokens == ledger.total_tokens
    assert ledger.depth == ledger.calls == (7 if error_analysis else 4)


@pytest.mark.parametrize("wrap", [lambda model: model, ThinkingModel], ids=["in the text", "on its own channel"])
async def test_thinking_goes_nowhere(wrap: Any):
    replies = {role: Endless(lambda n: f"<think> secret </think> \\boxed{{{n}}}") for role in SR.example.replies}

    played = await play(SR, {"rounds": 3, "error_analysis": True}, replies=replies, wrap=wrap)

    assert not any("secret" in prompt for prompt in played.prompts.values())


async def test_a_draft_that_was_cut_off_is_marked():
    replies = {"draft": ("word " * 30,), "refine": ("\\boxed{1}",)}

    played = await play(SR, {"rounds": 2}, replies=replies, max_tokens=10)

    assert "word\n(The text was cut off here.)\n" in played.prompts["refine-1"]


async def test_a_draft_of_nothing_but_thinking_says_so():
    replies = {"draft": ("<think> and so on",), "refine": ("\\boxed{1}",)}

    played = await play(SR, {"rounds": 2}, replies=replies)

    assert played.prompts["refine-1"] == fill(REFINE, question=QUESTION, solution="(No solution was written.)")


async def test_the_last_round_is_the_answer_even_without_one():
    replies = {"draft": ("\\boxed{5}",), "refine": ("I am lost.",)}

    played = await play(SR, {"rounds": 2}, replies=replies)

    assert played.answer is not None
    assert (played.answer.text, played.answer.answer) == ("I am lost.", None)


async def test_a_stopped_lane_gives_the_latest_solution_with_an_answer():
    replies = {"draft": ("\\boxed{5}",), "refine": ("I am lost.", "never")}
    broken = StreamCut("The stream broke.")

    played = await Stage(SR, {"rounds": 3}, replies=replies, faults={"refine-2": broken}).play()

    assert played.error is broken
    assert played.lane.best is not None
    assert (played.lane.best.answer, played.lane.best.note) == ("5", "from round 1")


# --- patience ---------------------------------------------------------------------------------------------------------


async def rounds_with(patience: int, *answers: str) -> tuple[int, list[str]]:
    first, *later = [f"\\boxed{{{answer}}}" for answer in answers]
    params = {"rounds": len(answers), "patience": patience}
    played = await play(SR, params, replies={"draft": (first,), "refine": later})
    return played.lane.ledger().calls, [note.text for note in played.all_of(NoteTaken)]


async def test_patience_stops_when_the_answer_stays_the_same():
    assert await rounds_with(2, "1", "2", "2.0", "4/2", "9") == (
        4, ["Stopped after round 4: the answer has stayed the same 2 times."]
    )  # fmt: skip


async def test_patience_starts_anew_when_the_answer_changes():
    assert await rounds_with(2, "1", "1", "2", "2", "3") == (5, [])


async def test_no_patience_plays_all_rounds():
    assert await rounds_with(0, "1", "1", "1", "1") == (4, [])


async def test_the_last_round_needs_no_stopping():
    assert await rounds_with(1, "1", "2", "2") == (3, [])


async def test_two_rounds_without_an_answer_are_no_agreement():
    replies = {"draft": ("Hm.",), "refine": ("Hm.", "\\boxed{1}")}

    played = await play(SR, {"rounds": 3, "patience": 1}, replies=replies)

    assert played.lane.ledger().calls == 3


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "3 rounds"),
        ({"rounds": 1}, "1 round"),
        ({"rounds": 5, "error_analysis": True, "patience": 2}, "5 rounds · error analysis · patience 2"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert SR.describe(SR.params(**params)) == words
