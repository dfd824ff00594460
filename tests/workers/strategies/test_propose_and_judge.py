"""Several actions are proposed at each step, one of them is carried out, and only that goes on."""

import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, ReadingJudge, play
from workers.core.errors import StreamCut
from workers.core.estimate import estimate_cost
from workers.core.events import NodePlaced, NoteTaken, RoundOpened, ToolUsed
from workers.core.values import Sampling
from workers.strategies import catalog

PROPOSE = catalog()["propose_and_judge"]


async def act(proposed: Sequence[str], pick: Any = None, **settings: Any) -> Played:
    """Play with these proposals, in order of call; `pick` names the one that all judges choose, by its text."""
    params = {name: settings.pop(name) for name in ("steps", "proposals", "judges") if name in settings}

    def judge(prompt: str) -> str:
        shown = re.findall(r"--- proposal \d+ begins, mark \w+ ---\n(.*?)\n--- proposal", prompt, re.S)
        chosen = [number for number, text in enumerate(shown, 1) if pick and pick(text)]
        return f"Verdict: {chosen[0]}" if chosen else "Hm."

    replies = {"step": proposed, "draft": ["In the end \\boxed{9}."]}
    return await play(
        PROPOSE, {"steps": 4, "proposals": 2, **params}, replies=replies,
        wrap=lambda scripted: ReadingJudge(scripted, judge), **settings,
    )  # fmt: skip


def answer_of(played: Played) -> tuple[str | None, str]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note


def carried_out(played: Played) -> list[str]:
    return [node.title for node in played.all_of(NodePlaced) if node.state != "pruned"]


def good(text: str) -> bool:
    return "good" in text


async def test_what_the_judge_picks_is_carried_out_and_nothing_else():
    steps = ["STEP bad 1", "STEP good 1", "STEP good 2", "STEP bad 2"]

    played = await act([*steps, "ANSWER \\boxed{0}", "This is good.\nANSWER \\boxed{7}"], good)

    assert carried_out(played) == ["STEP good 1", "STEP good 2", "ANSWER \\boxed{7}"]
    assert answer_of(played) == ("7", "3 actions")
    assert "bad" not in played.prompts["step-5"]
    assert "1. good 1\n\n2. good 2" in played.prompts["step-5"]


@given(picks=st.lists(st.integers(0, 3), min_size=4, max_size=4), seed=st.integers(0, 9), arrival=st.integers(0, 5))
@settings(max_examples=25)
async def test_one_action_is_carried_out_at_each_step(picks: list[int], seed: int, arrival: int):
    proposed = [f"STEP idea {step}.{number}" for step in range(3) for number in range(4)]
    proposed += [f"ANSWER \\boxed{{{number}}}" for number in range(4)]
    wanted = [proposed[4 * step + pick] for step, pick in enumerate(picks)]

    played = await act(proposed, lambda text: text in wanted, proposals=4, seed=seed, arrival=arrival)

    assert carried_out(played) == wanted
    assert len(played.all_of(NodePlaced)) == 16
    for step in range(1, 5):
        prompt = played.prompts[f"step-{4 * step}"]
        assert len(re.findall(r"^\d+\. idea", prompt, re.M)) == step - 1


async def test_an_answer_without_a_box_counts_and_not_the_box_of_a_step():
    played = await act(["STEP Perhaps \\boxed{6}.", "ANSWER The answer is 7."], proposals=1)

    assert answer_of(played) == ("7", "2 actions")


async def test_a_judge_cannot_tell_who_proposed_first():
    proposed = [*["STEP idea a", "STEP idea b"] * 3, *["ANSWER \\boxed{1}", "ANSWER \\boxed{2}"]]
    shown_first = set[str]()
    for seed in range(8):
        played = await act(proposed, seed=seed)
        [first] = re.findall(r"proposal 1 begins, mark \w+ ---\n(.*)", played.prompts["judge-1"])
        shown_first.add(first)

    assert shown_first == {"STEP idea a", "STEP idea b"}


async def test_one_proposal_alone_is_not_judged():
    played = await act(["STEP a", "CALC 6 * 7", "ANSWER \\boxed{42}"], proposals=1)

    assert set(played.graph) == {"step-1", "step-2", "step-3"}
    assert answer_of(played) == ("42", "3 actions")
    assert played.lane.ledger().depth == 3


async def test_equal_proposals_are_one():
    played = await act(["STEP  the\nsame", "STEP the same", "ANSWER \\boxed{1}", "ANSWER  \\boxed{1}"])

    assert not any(call.startswith("judge") for call in played.graph)


async def test_what_cannot_be_carried_out_is_not_shown_to_the_judge():
    played = await act(["REVISE 1 x", "STEP fine", "CALC 1/0", "ANSWER \\boxed{1}"])

    assert carried_out(played) == ["STEP fine", "ANSWER \\boxed{1}"]
    assert set(played.graph) == {f"step-{number}" for number in range(1, 5)}


async def test_the_same_action_again_is_left_out_while_there_is_another():
    proposed = ["STEP a", "STEP a", "STEP a", "STEP b", "STEP a", "STEP b", "ANSWER \\boxed{1}", "FAIL"]

    played = await act(proposed, lambda text: "STEP a" in text)

    assert carried_out(played)[:3] == ["STEP a", "STEP b", "STEP a"]  # the third time nothing else is left


async def test_a_revision_drops_what_came_after():
    played = await act(["STEP a", "STEP b", "REVISE 1 A", "ANSWER \\boxed{1}"], proposals=1)

    assert "1. A" in played.prompts["step-4"]
    assert "b" not in played.prompts["step-4"].split("This is")[0].split("Steps so far:")[1]


async def test_the_calculator_is_shown_and_its_result_is_a_step():
    played = await act(["CALC 17 * 24", "ANSWER \\boxed{408}"], proposals=1)

    [used] = played.all_of(ToolUsed)
    assert (used.tool, used.input, used.output, used.after) == ("calculator", "17 * 24", "408", ("step-1",))
    assert "1. 17 * 24 = 408" in played.prompts["step-2"]


@pytest.mark.parametrize(
    "proposed",
    [
        pytest.param(["STEP a", "FAIL"], id="failure"),
        pytest.param(["FAIL"], id="failure at once"),
        pytest.param(["STEP a", "STEP b", "STEP c"], id="no answer in the last step"),
        pytest.param(["CALC x"], id="nothing to carry out"),
    ],
)
async def test_without_an_answer_one_more_call_writes_it(proposed: list[str]):
    played = await act(proposed, proposals=1, steps=3)

    assert answer_of(played) == ("9", "no action gave an answer")
    assert played.graph["draft-1"] == {f"step-{len(proposed)}"}
    assert played.all_of(RoundOpened)[-1].name == "Finish"


@pytest.mark.parametrize("judges", [1, 3])
async def test_judges_that_say_nothing_leave_the_first_proposal(judges: int):
    proposed = ["STEP a", "STEP b", "ANSWER \\boxed{1}", "ANSWER \\boxed{2}"]

    played = await act(proposed, judges=judges)

    assert carried_out(played) == ["STEP a", "ANSWER \\boxed{1}"]
    words = f"{judges} of {judges} verdicts could not be read; they count for nothing."
    assert [note.text for note in played.all_of(NoteTaken)] == [words, words]


async def test_judges_that_fail_leave_the_first_proposal():
    proposed = ["STEP a", "STEP b", "ANSWER \\boxed{1}", "ANSWER \\boxed{1}"]
    replies = {"step": proposed, "judge": ["Verdict: 1"]}

    played = await play(PROPOSE, {"proposals": 2}, replies=replies, faults={"judge-1": StreamCut("The stream broke.")})

    assert carried_out(played) == ["STEP a", "ANSWER \\boxed{1}"]


async def test_a_step_waits_for_all_that_was_proposed_and_judged():
    proposed = ["STEP a", "STEP b", "STEP c", "STEP d", "ANSWER \\boxed{1}", "ANSWER \\boxed{1}"]

    played = await act(proposed, judges=2)

    assert played.graph["judge-1"] == {"step-1", "step-2"}
    assert played.graph["step-3"] == {"step-1", "step-2", "judge-1", "judge-2"}
    assert played.lane.ledger().depth == 5


@pytest.mark.parametrize(("steps", "proposals", "judges"), [(3, 4, 2), (5, 2, 1), (1, 3, 1)])
async def test_the_depth_and_the_calls_are_those_of_the_formula(steps: int, proposals: int, judges: int):
    ideas = Endless(lambda n: f"STEP idea {n}" if n <= (steps - 1) * proposals else f"ANSWER \\boxed{{{n}}}")

    played = await act(ideas, lambda text: True, steps=steps, proposals=proposals, judges=judges)

    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (steps * (proposals + judges), 2 * steps)


@pytest.mark.parametrize(
    ("params", "words"),
    [({}, "6 steps · 3 proposals"), ({"steps": 4, "judges": 3}, "4 steps · 3 proposals · 3 judges")],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert PROPOSE.describe(PROPOSE.params(**params)) == words


@given(steps=st.integers(1, 6), proposals=st.integers(1, 5), judges=st.integers(1, 3))
@settings(max_examples=15)
async def test_the_estimate_counts_proposals_and_judges(steps: int, proposals: int, judges: int):
    params = PROPOSE.params.model_validate({"steps": steps, "proposals": proposals, "judges": judges})

    cost = await estimate_cost(
        PROPOSE, params,
        question="Why?", sampling=Sampling(max_tokens=64), random=random.Random(0),
    )  # fmt: skip

    calls, depth = (proposals + judges, 2) if proposals > 1 else (1, 1)
    assert (cost.calls, cost.depth) == (steps * calls, steps * depth)
