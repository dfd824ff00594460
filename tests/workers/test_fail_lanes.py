"""A lane whose later calls fail, or whose grader does: it gives what it has found, and ends as it must."""

import pytest

from tests.fixtures_model_server import ModelServer
from tests.model_server import Rule
from tests.workers.test_stop_lanes import REPLY, check_end, make_lane
from workers.backends.openai_server import OpenAIServer
from workers.backends.scripted import ScriptedModel
from workers.core import events
from workers.core.errors import StreamCut

KINDS = ("answer_given", "verdict_reached", "draft_graded", "lane_failed", "lane_finished")


def outcome_of(heard: list[events.Event]) -> list[str]:
    return [event.kind for event in heard if event.kind in KINDS]


async def test_a_lane_whose_model_server_dies_late_gives_its_best_answer_and_fails(model_server: ModelServer) -> None:
    model_server.script(Rule(replies=(REPLY,), times=1), Rule(fault="hang_up"))
    heard: list[events.Event] = []

    async with OpenAIServer(model_server.base_url) as model:
        await make_lane("sequential_refinement", model, heard).start()

    check_end(heard, events.LaneFailed)
    [answer] = [event for event in heard if isinstance(event, events.AnswerGiven)]
    [verdict] = [event for event in heard if isinstance(event, events.VerdictReached)]
    assert (answer.answer, answer.is_partial, verdict.ruling) == ("42", True, "right")
    assert outcome_of(heard) == ["answer_given", "verdict_reached", "draft_graded", "lane_failed"]
    end = heard[-1]
    assert isinstance(end, events.LaneFailed)
    assert "It was tried 3 times." in end.error
    assert end.ledger.failed_calls == 1


async def test_a_lane_that_fails_before_it_has_an_answer_gives_none() -> None:
    heard: list[events.Event] = []
    model = ScriptedModel({"draft": ("Hm.",)}, faults={"draft-1": StreamCut("The line went dead.")})

    await make_lane("sequential_refinement", model, heard).start()

    assert outcome_of(heard) == ["lane_failed"]


@pytest.mark.parametrize("fault", [None, StreamCut("The line went dead.")])
async def test_a_grader_that_breaks_leaves_answer_and_ending_as_they_are(fault: StreamCut | None) -> None:
    heard: list[events.Event] = []
    model = ScriptedModel(
        {"draft": (REPLY,), "refine": (REPLY,) * 8}, faults={"refine-1": fault} if fault else {}
    )  # fmt: skip

    await make_lane("sequential_refinement", model, heard, grader="gone").start()

    check_end(heard, events.LaneFailed if fault else events.LaneFinished)
    [answer] = [event for event in heard if isinstance(event, events.AnswerGiven)]
    [verdict] = [event for event in heard if isinstance(event, events.VerdictReached)]
    assert (answer.answer, answer.is_partial) == ("42", fault is not None)
    assert (verdict.ruling, verdict.explanation) == ("ungraded", "The grader broke: KeyError.")
    if fault:
        assert isinstance(heard[-1], events.LaneFailed)
        assert heard[-1].error == "The line went dead."
