"""Wholes and steps are judged at once; a step is judged with what stands before it, and nothing after."""

import re
from typing import Any

import pytest

from tests.workers.strategies.playing import Played, ReadingJudge, play
from workers.core.errors import StreamCut
from workers.core.events import CandidateScored
from workers.strategies import catalog

PROCESS = catalog()["process_evaluation"]


# --- the strategy -----------------------------------------------------------------------------------------------------

DRAFTS = ("one a\n\none b\n\nso \\boxed{1}", "two a\n\nso \\boxed{2}")


async def judge(says: Any, **params: Any) -> Played:
    """Play with two drafts of three and two steps; `says` hears the quoted text and the step, 0 for all."""

    def read(prompt: str) -> str:
        quoted = prompt.split("---\n", 1)[1].split("\n---")[0]
        step = re.search(r"alone, step (\d+)", prompt)
        return str(says(quoted, int(step[1]) if step else 0))

    return await play(
        PROCESS, {"drafts": 2, **params}, replies={"draft": DRAFTS}, wrap=lambda scripted: ReadingJudge(scripted, read)
    )


def result_of(played: Played) -> tuple[str | None, str]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note


async def test_a_judge_of_a_step_sees_nothing_after_it():
    seen = []

    def says(text: str, step: int) -> str:
        seen.append((step, text))
        return "Verdict: 1"

    played = await judge(says)

    one, two = DRAFTS
    a, b, c = one.split("\n\n")
    assert sorted(seen) == sorted(
        [
            (0, one), (1, f"Step 1:\n{a}"), (2, f"Step 1:\n{a}\n\nStep 2:\n{b}"),
            (3, f"Step 1:\n{a}\n\nStep 2:\n{b}\n\nStep 3:\n{c}"),
            (0, two), (1, "Step 1:\ntwo a"), (2, "Step 1:\ntwo a\n\nStep 2:\nso \\boxed{2}"),
        ]
    )  # fmt: skip
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (2 + 2 + 5, 2)


def whole_likes_one_and_steps_like_two(text: str, step: int) -> str:
    return f"Verdict: {int(('one' in text) == (step == 0))}"


@pytest.mark.parametrize(("outcome", "answer"), [(1.0, "1"), (0.0, "2"), (0.4, "2"), (0.6, "1")])
async def test_the_weight_of_the_whole_decides_between_two_judges(outcome: float, answer: str):
    assert result_of(await judge(whole_likes_one_and_steps_like_two, outcome=outcome))[0] == answer


async def test_one_wrong_step_sinks_a_draft_by_its_minimum():
    def says(text: str, step: int) -> str:
        return f"Verdict: {int(step != 2 or 'two' in text)}"

    assert result_of(await judge(says, reduce="min", outcome=0)) == ("2", "score 1.00, best of 2")
    assert result_of(await judge(says, reduce="last", outcome=0)) == ("1", "score 1.00, best of 2")
    assert result_of(await judge(says, reduce="min", selector="weighted")) == ("2", "67% of the scores")


async def test_scores_of_wholes_and_steps_stand_on_the_card():
    played = await judge(lambda text, step: f"Verdict: {int(step != 1)}", reduce="mean")

    scored = {(event.call, event.by): round(event.value, 3) for event in played.all_of(CandidateScored)}
    assert scored == {
        ("draft-1", "judge-1"): 1, ("draft-1", "steps"): 0.667, ("draft-2", "judge-2"): 1, ("draft-2", "steps"): 0.5
    }  # fmt: skip


async def test_what_is_unknown_is_left_out_of_the_score():
    def says(text: str, step: int) -> str:
        return "Hm." if ("one" in text) == (step == 0) else "Verdict: 1" if "two" in text else "Verdict: 0"

    assert result_of(await judge(says)) == ("2", "score 1.00, best of 2")
    assert result_of(await judge(lambda text, step: "Hm.")) == ("1", "1 of 2 votes")


async def test_judges_that_all_fail_do_not_fail_the_lane():
    broken = {f"judge-{n}": StreamCut("The stream broke.") for n in range(1, 8)}

    played = await play(PROCESS, {"drafts": 2}, replies={"draft": DRAFTS, "judge": ["x"] * 7}, faults=broken)

    assert result_of(played) == ("1", "1 of 2 votes")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "3 drafts · 4 steps · mean logit"),
        (
            {"verdicts": 2, "outcome": 0.25, "reduce": "min", "selector": "weighted"},
            "3 drafts · 4 steps · 2 verdicts · 25% outcome · min · weighted",
        ),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert PROCESS.describe(PROCESS.params(**params)) == words
