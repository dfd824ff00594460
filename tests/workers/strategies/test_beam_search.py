"""Beams grow together; after each step the best go on, each as often as the others."""

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, ReadingJudge, Stage, ThinkingModel, play, settle
from workers.core.errors import StreamCut
from workers.core.estimate import estimate_cost
from workers.core.events import CallStarted, CandidateScored, NodePlaced
from workers.core.values import Sampling
from workers.strategies import catalog

BEAM = catalog()["beam_search"]
BON = catalog()["best_of_n"]
CUT = StreamCut("The stream broke.")


def steps(says: Any = lambda number: f"idea {number}.") -> dict[str, Any]:
    """Return a script of steps that never end, and judges that differ."""
    return {"step": Endless(says), "look": Endless(lambda n: f"look {n}."), "judge": Endless(verdict)}


def verdict(number: int) -> str:
    return f"Verdict: {number * 7 % 11}"


def begun(played: Played, call: str) -> str:
    """Return what a call went on from."""
    messages = next(request.messages for request in played.model.asked if request.key == call)
    return messages[1].content if len(messages) > 1 else ""


def placed(played: Played, level: int, state: str) -> list[NodePlaced]:
    return [node for node in played.all_of(NodePlaced) if (node.level, node.state) == (level, state)]


# --- the shape --------------------------------------------------------------------------------------------------------


@given(kept=st.integers(1, 3), width=st.integers(1, 4), count=st.integers(1, 4))
@settings(max_examples=25)
async def test_each_level_extends_every_beam_and_keeps_the_best(kept: int, width: int, count: int):
    played = await play(BEAM, {"kept": kept, "width": width, "steps": count}, replies=steps())

    before = {""}
    for level in range(1, count + 1):
        grown = placed(played, level, "open")
        assert len(grown) == kept * width
        assert {under for node in grown for under in node.under or ("",)} == before
        if level < count:
            best = placed(played, level, "kept")
            assert len(best) == min(kept, kept * width)
            values = [node.value or 0 for node in best]
            assert values == sorted(values, reverse=True)
            assert all(min(values) >= (node.value or 0) for node in placed(played, level, "pruned"))
            before = {node.node for node in best}
    assert len(placed(played, count, "final")) == kept * width


@given(
    kept=st.integers(1, 3), width=st.integers(1, 3), count=st.integers(1, 4), judges=st.integers(1, 3),
    ahead=st.integers(0, 2),
)  # fmt: skip
@settings(max_examples=25)
async def test_calls_and_depth_are_those_of_the_formula(kept: int, width: int, count: int, judges: int, ahead: int):
    params = {"kept": kept, "width": width, "steps": count, "judges": judges, "ahead": ahead}
    played = await play(BEAM, params, replies=steps())

    size = kept * width
    looks = [min(ahead, count - level) for level in range(1, count + 1)]  # nothing lies beyond the last step
    assert played.lane.ledger().calls == count * size * (1 + judges) + size * sum(looks)
    assert played.lane.ledger().depth == 2 * count + sum(looks)


async def test_a_step_waits_for_the_beam_it_extends_and_for_all_judges():
    played = await play(BEAM, {"kept": 2, "width": 2, "steps": 2}, replies=steps())

    judges = {"judge-1", "judge-2", "judge-3", "judge-4"}
    assert played.graph["step-1"] == frozenset()
    assert played.graph["judge-3"] == {"step-3"}
    assert [played.graph[f"step-{n}"] - judges for n in (5, 6, 7, 8)] == [
        {"step-3"},
        {"step-1"},
        {"step-3"},
        {"step-1"},
    ]
    assert all(played.graph[f"step-{n}"] >= judges for n in (5, 6, 7, 8))


async def test_a_beam_goes_on_from_its_own_words_and_the_number_of_its_next_step():
    script = steps(lambda number: "Step 1: add.\n\nStep 2: no." if number == 1 else " halve.\nStep 3: no.")

    played = await play(BEAM, {"kept": 1, "width": 1, "steps": 3}, replies=script)

    assert begun(played, "step-1") == ""
    assert begun(played, "step-2") == "Step 1: add.\n\nStep 2:"
    assert begun(played, "step-3") == "Step 1: add.\n\nStep 2: halve.\n\nStep 3:"


async def test_the_answer_is_its_steps_one_after_the_other():
    replies = {
        "step": ["Step 1: add.", " halve.", " it is \\boxed{7}.\n\nAnd that is all."],
        "judge": ["Verdict: 5"] * 3,
    }

    played = await play(BEAM, {"kept": 1, "width": 1, "steps": 3}, replies=replies)

    assert played.answer is not None
    assert played.answer.text == "Step 1: add.\n\nStep 2: halve.\n\nStep 3: it is \\boxed{7}.\n\nAnd that is all."
    assert played.answer.answer == "7"


async def test_only_the_last_step_is_written_to_its_end():
    played = await play(BEAM, {"kept": 1, "width": 2, "steps": 3, "ahead": 1}, replies=steps())

    ends = {request.key: bool(request.stop) for request in played.model.asked if request.role in ("step", "look")}
    assert [call for call, is_stopped in ends.items() if not is_stopped] == ["look-3", "look-4", "step-5", "step-6"]
    assert {request.temperature for request in played.model.asked if request.role == "look"} == {0}


# --- what ends a beam -------------------------------------------------------------------------------------------------


async def test_complete_beams_leave_and_the_others_are_as_many_again():
    replies = {
        "step": ["a.", "\\boxed{1}", "c.", "d.", "e.", "f.", "\\boxed{2}", "h.", *["\\boxed{3}"] * 4],
        "judge": [f"Verdict: {n}" for n in (5, 9, 4, 3, 1, 2, 8, 3, 6, 6, 10, 10)],
    }

    played = await play(BEAM, {"kept": 1, "width": 4, "steps": 4, "selector": "naive"}, replies=replies)

    assert [begun(played, f"step-{n}") for n in range(5, 9)] == ["a.\n\nStep 1:"] * 4
    assert [begun(played, f"step-{n}") for n in range(9, 13)] == ["a.\n\nStep 1: h.\n\nStep 2:"] * 4
    assert len(played.graph) == 24
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("1", "score 0.90, best of 4")  # the first four that end


async def test_the_search_ends_when_enough_is_complete_though_beams_could_go_on():
    played = await play(
        BEAM,
        {"kept": 1, "width": 2, "steps": 9},
        replies=steps(lambda number: "\\boxed{1}" if number % 2 else f"idea {number}."),
    )

    assert len(played.graph) == 8
    states: dict[str, list[str]] = {node.node: [] for node in played.all_of(NodePlaced)}
    for node in played.all_of(NodePlaced):
        states[node.node].append(node.state)
    assert states == {
        "1-1": ["open", "final"], "1-2": ["open", "kept"], "2-1": ["open", "final"], "2-2": ["open", "kept"]
    }  # fmt: skip


async def test_the_search_ends_when_nothing_goes_on():
    played = await play(
        BEAM, {"kept": 1, "width": 3, "steps": 9}, replies=steps(lambda number: f"So \\boxed{{{number}}}.")
    )

    assert len(played.graph) == 6


async def test_an_empty_step_completes_what_was_begun():
    replies = {"step": ["It is seven.", ""], "judge": ["Verdict: 5", "Verdict: 8"]}

    played = await play(BEAM, {"kept": 1, "width": 1, "steps": 5}, replies=replies)

    assert played.answer is not None
    assert played.answer.text == "It is seven."
    assert list(played.graph) == ["step-1", "judge-1", "step-2", "judge-2"]


async def test_a_first_step_that_begins_with_a_blank_line_is_asked_for_again():
    replies = {**steps(lambda n: "" if n == 2 else f"idea {n}."), "again-1-2.step": ("idea two.\n\nIgnored.",)}

    played = await play(BEAM, {"kept": 1, "width": 3, "steps": 2}, replies=replies)

    assert begun(played, "again-1-2.step-1") == "Step 1:"
    [again] = [event for event in played.all_of(CallStarted) if event.call == "again-1-2.step-1"]
    assert again.after == ("step-2",)
    assert {node.title for node in placed(played, 1, "open")} == {"idea 1.", "Step 1: idea two.", "idea 3."}


@pytest.mark.parametrize("settings", [{}, {"wrap": ThinkingModel}], ids=["in the text", "on its own channel"])
@pytest.mark.parametrize("is_cut", [False, True])
async def test_a_first_step_that_ends_in_a_thought_is_asked_for_again(settings: dict[str, Any], is_cut: bool):
    thought = "one two three four five six" if is_cut else "Let me see.\n\nThree and four."
    replies = {
        "step": [f"<think>{thought} \\boxed{{1}}", "so \\boxed{7}.\n\nThat is all."],
        "again-1-1.step": ["add.\n\nIgnored."],
        "judge": ["</think>Verdict: 5"] * 3,
    }

    played = await play(BEAM, {"kept": 1, "width": 1, "steps": 2}, replies=replies, max_tokens=5, **settings)

    assert [begun(played, key) for key in played.graph if "step" in key] == ["", "Step 1:", "Step 1: add.\n\nStep 2:"]
    assert played.answer is not None
    assert played.answer.answer == "7"


async def test_a_step_that_is_cut_off_completes_its_beam_and_the_judge_is_told():
    played = await play(
        BEAM, {"kept": 1, "width": 1, "steps": 5}, replies=steps(lambda n: "one two three four"), max_tokens=3
    )

    assert list(played.graph) == ["step-1", "judge-1"]
    assert "one two three\n(The text was cut off here.)" in played.prompts["judge-1"]


async def test_a_model_that_writes_no_blank_lines_makes_it_best_of_n():
    drafts = [f"I think it is \\boxed{{{n % 3}}}." for n in range(6)]
    judges = [f"Verdict: {n * 3 % 7}" for n in range(6)]

    beam = await play(BEAM, {"kept": 2, "width": 3, "selector": "naive"}, replies={"step": drafts, "judge": judges})
    other = await play(BON, {"drafts": 6}, replies={"draft": drafts, "judge": judges})

    assert beam.answer == other.answer
    assert {
        key.replace("step", "draft"): {k.replace("step", "draft") for k in after} for key, after in beam.graph.items()
    } == other.graph


@pytest.mark.parametrize("size", [1, 3, 5])
async def test_beams_of_width_one_are_as_many_independent_drafts(size: int):
    played = await play(BEAM, {"kept": size, "width": 1, "steps": 3}, replies=steps())

    beams = [[begun(played, f"step-{size * 2 + n}").split("\n\n")[:2]] for n in range(1, size + 1)]
    first = {f"idea {n}." for n in range(1, size + 1)}
    assert {texts[0][0] for texts in beams} == first
    assert placed(played, 1, "pruned") == placed(played, 2, "pruned") == []


# --- scores -----------------------------------------------------------------------------------------------------------


async def reading(says: Any, script: dict[str, Any], **params: Any) -> Played:
    def read(prompt: str) -> str:
        return str(says(prompt.split("---\n", 1)[1].split("\n---")[0]))

    return await play(BEAM, params, replies=script, wrap=lambda model: ReadingJudge(model, read))


@pytest.mark.parametrize(("reduce", "value"), [("last", 0.2), ("min", 0.2), ("product", 0.171), ("mean", 0.6833)])
async def test_golden_values(reduce: str, value: float):
    scores = ["Verdict: 9.5", "Verdict: 9", "Verdict: 2"]

    played = await play(
        BEAM, {"kept": 1, "width": 1, "steps": 3, "reduce": reduce}, replies=steps() | {"judge": scores}
    )

    assert placed(played, 3, "final")[0].value == pytest.approx(value, abs=5e-5)


async def test_a_constant_judge_keeps_the_earlier_beams():
    played = await reading(lambda text: "Verdict: 5", steps(), kept=2, width=3, steps=3)

    assert [node.node for node in placed(played, 1, "kept")] == ["1-1", "1-2"]
    assert [node.node for node in placed(played, 2, "kept")] == ["2-1", "2-2"]


async def test_beams_with_the_same_text_go_on_as_one():
    played = await reading(
        lambda text: f"Verdict: {9 if 'same' in text else 4}",
        steps(lambda number: ["same.", "same.", "other.", "worse."][(number - 1) % 4]),
        kept=2, width=2, steps=2,
    )  # fmt: skip

    assert [node.title for node in placed(played, 1, "kept")] == ["same.", "other."]
    assert [node.node for node in placed(played, 1, "pruned")] == ["1-2", "1-4"]


async def test_the_judge_reads_what_lies_ahead_and_the_beam_does_not_keep_it():
    played = await play(BEAM, {"kept": 1, "width": 2, "steps": 3, "ahead": 1}, replies=steps())

    assert "idea 1.\n\nStep 1: look 1." in played.prompts["judge-1"]
    assert "look" not in begun(played, "step-3")
    assert played.graph["judge-1"] == {"look-1"}
    assert played.graph["look-1"] == {"step-1"}


async def test_a_look_ahead_that_fails_leaves_the_step_to_be_judged():
    played = await play(
        BEAM, {"kept": 1, "width": 2, "steps": 2, "ahead": 1}, replies=steps(), faults={"look-1": CUT, "look-2": CUT}
    )

    assert played.graph["judge-1"] == {"step-1"}


async def test_an_unreadable_verdict_counts_as_the_mean_of_its_level():
    played = await play(
        BEAM, {"kept": 3, "width": 1, "steps": 2},
        replies=steps() | {"judge": ["Verdict: 9", "Hm.", "Verdict: 1"] + ["Verdict: 5"] * 3},
    )  # fmt: skip

    assert [(node.node, node.value) for node in placed(played, 1, "kept")] == [
        ("1-1", 0.9), ("1-2", pytest.approx(0.5)), ("1-3", 0.1)
    ]  # fmt: skip


async def test_scores_stand_on_the_cards_of_the_steps():
    played = await play(BEAM, {"kept": 1, "width": 2, "steps": 1}, replies=steps())

    scored = {(event.call, event.by): event.value for event in played.all_of(CandidateScored)}
    assert scored == {("step-1", "judge-1"): 0.7, ("step-2", "judge-2"): 0.3}


@pytest.mark.parametrize(
    ("selector", "answer", "note"),
    [
        ("naive", "4", "score 0.90, best of 5"),
        ("weighted", "4", "59% of the scores"),
        ("majority", "5", "60% of votes"),
    ],
)
async def test_the_published_example_of_the_three_selections(selector: str, answer: str, note: str):
    """Answers 4, 4, 5, 5, 5 with .9, .8, .5, .4, .3: golden values of the specification."""
    replies = {
        "step": [f"\\boxed{{{n}}}" for n in (4, 4, 5, 5, 5)],
        "judge": [f"Verdict: {n}" for n in (9, 8, 5, 4, 3)],
    }

    played = await play(BEAM, {"kept": 1, "width": 5, "selector": selector}, replies=replies)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == (answer, note)


async def test_a_beam_that_fails_is_left_out():
    played = await play(
        BEAM, {"kept": 1, "width": 3, "steps": 2}, replies=steps(), faults={"step-1": CUT, "step-5": CUT}
    )

    assert len(placed(played, 1, "open")) == len(placed(played, 2, "final")) == 2


async def test_a_beam_that_ended_in_an_answer_is_offered_before_one_that_goes_on():
    replies = {"step": ["a.", "\\boxed{1}", "b.", "c."], "judge": [f"Verdict: {n}" for n in (9, 1, 9, 9)]}
    stage = Stage(BEAM, {"kept": 1, "width": 2, "steps": 9}, replies=replies, pauses=["step-3"])
    task = asyncio.create_task(stage.solve())
    await settle()

    offered = stage.lane.best

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert offered is not None
    assert offered.text == "\\boxed{1}"


@pytest.mark.parametrize(
    ("params", "calls", "depth"),
    [
        ({}, 6 * (4 + 4), 12),
        ({"kept": 4, "width": 4, "steps": 3, "judges": 2}, 3 * (16 + 32), 6),
        ({"steps": 5, "ahead": 2}, 5 * (4 + 4) + 4 * (2 + 2 + 2 + 1), 10 + 7),
    ],
)
async def test_the_estimate_is_the_formula(params: dict[str, Any], calls: int, depth: int):
    cost = await estimate_cost(
        BEAM, BEAM.params(**params), question="x", sampling=Sampling(max_tokens=64), random=Random(0)
    )

    assert (cost.calls, cost.depth) == (calls, depth)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "keep 1 · width 4 · 6 steps"),
        (
            {"ahead": 1, "judges": 2, "reduce": "mean_logit", "selector": "naive"},
            "keep 1 · width 4 · 6 steps · 1 ahead · 2 judges · mean logit · naive",
        ),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert BEAM.describe(BEAM.params(**params)) == words


async def test_what_is_complete_counts_when_all_that_goes_on_fails():
    script = steps(lambda number: "Then \\boxed{4}." if number == 1 else f"idea {number}.")
    broken = {f"step-{number}": CUT for number in range(5, 9)}

    played = await play(BEAM, {"kept": 2, "width": 2, "steps": 3}, replies=script, faults=broken)

    assert played.error is None
    assert played.answer is not None
    assert played.answer.answer == "4"


async def test_without_any_answer_a_failed_step_ends_the_lane():
    broken = {f"step-{number}": CUT for number in range(5, 9)}

    with pytest.raises(StreamCut):
        await play(BEAM, {"kept": 2, "width": 2, "steps": 3}, replies=steps(), faults=broken)
