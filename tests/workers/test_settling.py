"""A lane whose answer nobody can read asks once more for that alone, whatever its strategy, if its recipe says so."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from workers.backends.replay import ReplayModel, digest_prompt
from workers.backends.scripted import ScriptedModel
from workers.core import events
from workers.core.assignments import LaneWork, Recorded
from workers.core.errors import Refused
from workers.core.model import Model
from workers.graders import are_equal
from workers.running import LaneRun

SAID = "Half of 84 is what is asked for."
NOTE = "asked once more for the end"


def make_work(**fields: Any) -> LaneWork:
    given: dict[str, Any] = {
        "strategy": "direct", "params": {}, "question": "What is half of 84?", "reference": "42", "grader": "number",
        "budget_tokens": None, "settle": True, **fields,
    }  # fmt: skip
    return LaneWork(
        lane=1, fence=1, is_resumed=False, model_name="scripted", sampling={}, grader_input={}, seed=1,
        budget_seconds=None, **given,
    )  # fmt: skip


def make_lane(model: Model, heard: list[events.Event], **fields: Any) -> LaneRun:
    return LaneRun(
        make_work(**fields), model=model, emit=lambda event, _: heard.append(event), clock=lambda: len(heard),
        equal=_equal,
    )  # fmt: skip


async def _equal(one: str, other: str) -> bool:
    return are_equal(one, other)


async def run(replies: Mapping[str, Sequence[str]], **fields: Any) -> tuple[list[events.Event], ScriptedModel]:
    heard: list[events.Event] = []
    model = ScriptedModel(replies, faults=fields.pop("faults", None))
    async with asyncio.timeout(30):
        await make_lane(model, heard, **fields).start()
    return heard, model


def find(heard: Sequence[events.Event], kind: type[Any]) -> Any:
    (event,) = (event for event in heard if isinstance(event, kind))
    return event


def asked(model: ScriptedModel) -> list[str]:
    return [request.key for request in model.asked]


async def test_an_answer_that_is_not_there_is_asked_for_once_more() -> None:
    heard, model = await run({"draft": [SAID], "settle": ["42}$. And then"]})

    answer = find(heard, events.AnswerGiven)
    assert (answer.answer, answer.note, answer.is_partial) == ("42", NOTE, False)
    assert answer.text == f"{SAID}\n\nThe final answer is the number $\\boxed{{42}}$."
    assert find(heard, events.VerdictReached).ruling == "right"
    assert [event.name for event in heard if isinstance(event, events.RoundOpened)] == ["Draft", "Settle"]
    request = model.asked[1]
    assert (request.role, request.temperature, request.continues) == ("settle", 0, True)
    assert request.messages[0] == model.asked[0].messages[0]
    assert request.messages[1].content == f"{SAID}\n\nThe final answer is the number $\\boxed{{"


async def test_the_call_counts_and_waits_for_all_that_nobody_waited_for() -> None:
    heard, _ = await run({"draft": [SAID] * 3, "settle": ["42}"]}, strategy="self_consistency", params={"drafts": 3})

    started = [event for event in heard if isinstance(event, events.CallStarted)]
    ledger = find(heard, events.LaneFinished).ledger
    assert set(started[-1].after) == {"draft-1", "draft-2", "draft-3"}
    assert (ledger.calls, ledger.depth, ledger.critical_path[-1]) == (4, 2, "settle-1")


async def test_what_was_refined_does_not_count_as_waited_for_twice() -> None:
    heard, _ = await run(
        {"draft": [SAID], "refine": [SAID], "settle": ["42}"]}, strategy="sequential_refinement", params={"rounds": 2}
    )

    started = [event for event in heard if isinstance(event, events.CallStarted)]
    assert started[-1].after == ("refine-1",)


async def test_a_draft_whose_judge_failed_is_waited_for() -> None:
    faults = {f"judge-{number}": Refused("Not from here.") for number in (1, 2)}
    drafts = ["It is \\boxed{40 or 42}.", "It is \\boxed{41 or 42}."]
    heard, _ = await run(
        {"draft": drafts, "judge": ["Verdict: 1"] * 2, "settle": ["42}"]}, strategy="best_of_n", params={"drafts": 2},
        faults=faults,
    )  # fmt: skip

    started = [event for event in heard if isinstance(event, events.CallStarted)]
    assert set(started[-1].after) == {"draft-1", "draft-2"}


async def test_braces_in_the_answer_are_read_until_they_balance() -> None:
    heard, _ = await run({"draft": [SAID], "settle": ["\\frac{84}{ 2 } } or so}"]}, reference="42", grader="boxed_math")

    assert find(heard, events.AnswerGiven).answer == "\\frac{84}{ 2 }"
    assert find(heard, events.VerdictReached).ruling == "right"


async def test_a_box_that_is_never_closed_ends_with_its_line() -> None:
    heard, _ = await run({"draft": [SAID], "settle": ["42\n\nLet me check that."]})

    assert find(heard, events.AnswerGiven).answer == "42"


async def test_a_sentence_in_the_box_is_read_for_its_answer() -> None:
    heard, _ = await run({"draft": [SAID], "settle": ["The answer is 42}"]}, grader="exact")

    assert find(heard, events.AnswerGiven).answer == "42"
    assert find(heard, events.VerdictReached).ruling == "right"


async def test_an_answer_that_the_grader_cannot_read_is_asked_for_once_more() -> None:
    heard, _ = await run({"draft": ["It is \\boxed{40 or 42}."], "settle": ["42}"]})

    assert find(heard, events.AnswerGiven).answer == "42"


@pytest.mark.parametrize(
    ("grader", "reference", "drafted", "settled"),
    [
        pytest.param("choice", "B", "It is A or B.", "B) because", id="a letter"),
        pytest.param("exact", "Tokyo", "In Japan.", "\\text{Tokyo}", id="a word"),
        pytest.param("boxed_math", "x^2", "The answer is 天.", "x^{2}", id="a formula"),
    ],
)
async def test_whatever_the_grader_reads(grader: str, reference: str, drafted: str, settled: str) -> None:
    heard, model = await run({"draft": [drafted], "settle": [f"{settled}}}"]}, grader=grader, reference=reference)

    assert find(heard, events.VerdictReached).ruling == "right"
    assert find(heard, events.AnswerGiven).note == NOTE
    kind = {"choice": "the letter "}.get(grader, "")
    assert model.asked[1].messages[1].content == f"{drafted}\n\nThe final answer is {kind}$\\boxed{{"


async def test_nothing_is_asked_where_the_answer_can_be_read_even_if_it_is_wrong() -> None:
    heard, model = await run({"draft": ["It is \\boxed{43}."]})

    assert asked(model) == ["draft-1"]
    assert find(heard, events.VerdictReached).ruling == "wrong"


async def test_nothing_is_asked_where_the_recipe_does_not_say_so() -> None:
    heard, model = await run({"draft": [SAID]}, settle=False)

    assert asked(model) == ["draft-1"]
    assert find(heard, events.VerdictReached).ruling == "unreadable"


async def test_without_a_reference_an_answer_is_still_found() -> None:
    heard, _ = await run({"draft": [SAID], "settle": ["42}"]}, reference="")

    assert find(heard, events.AnswerGiven).answer == "42"


async def test_an_end_that_cannot_be_read_either_changes_nothing() -> None:
    heard, model = await run({"draft": [SAID], "settle": ["...}"]})

    answer = find(heard, events.AnswerGiven)
    assert asked(model) == ["draft-1", "settle-1"]
    assert (answer.text, answer.answer, answer.note) == (SAID, None, "")
    assert find(heard, events.VerdictReached).ruling == "unreadable"


async def test_a_server_that_refuses_changes_nothing() -> None:
    heard, _ = await run({"draft": [SAID], "settle": ["42}"]}, faults={"settle-1": Refused("Not from here.")})

    assert find(heard, events.AnswerGiven).text == SAID
    assert find(heard, events.LaneFinished).ledger.failed_calls == 1


async def test_a_budget_that_is_too_small_for_it_leaves_the_strategys_answer_as_it_is() -> None:
    heard, model = await run({"draft": [SAID], "settle": ["42}"]}, budget_tokens=60)

    answer = find(heard, events.AnswerGiven)
    assert asked(model) == ["draft-1"]
    assert (answer.text, answer.is_partial) == (SAID, False)
    assert find(heard, events.LaneFinished).stopped_by == ""


async def test_a_stop_while_it_is_asked_gives_the_strategys_answer() -> None:
    heard: list[events.Event] = []
    lane = make_lane(ScriptedModel({"draft": [SAID], "settle": ["42 is it }"]}, pauses=["settle-1"]), heard)
    task = lane.start()

    async with asyncio.timeout(30):
        while not any(isinstance(event, events.TextDelta) and event.call == "settle-1" for event in heard):  # noqa: ASYNC110
            await asyncio.sleep(0)
        lane.stop()
        await task

    assert isinstance(heard[-1], events.LaneCancelled)
    assert find(heard, events.AnswerGiven).text == SAID
    assert find(heard, events.AnswerGiven).is_partial


async def test_a_lane_that_is_resumed_asks_nothing_twice() -> None:
    replies = {"draft": [SAID], "settle": ["42}"]}
    heard, model = await run(replies)
    digests = {request.key: digest_prompt(request) for request in model.asked}
    journal = {
        event.call: Recorded(digests[event.call], event.text, event.thinking, event.finish_reason, event.usage)
        for event in heard
        if isinstance(event, events.CallFinished)
    }
    again, silent = list[events.Event](), ScriptedModel({})

    await make_lane(ReplayModel(journal, silent), again).start()

    assert silent.asked == []
    assert find(again, events.AnswerGiven).answer == find(heard, events.AnswerGiven).answer == "42"
    assert find(again, events.LaneFinished).ledger.calls == 2
