"""F9: the model server dies for good in the middle of a lane, which had an answer already."""

from tests.faults.recorder import Recorder
from tests.faults.stack import Stack
from tests.model_server import Rule

ANSWER = r"Six times seven is forty two, as everybody knows, so it is \boxed{42}."


async def test_a_lane_keeps_the_answer_that_it_had(stack: Stack, recorder: Recorder):
    stack.script(Rule(replies=(ANSWER,), times=1), Rule(replies=(ANSWER,), tokens_per_second=2))
    run = await recorder.start("sequential_refinement")
    recorder.watch(run, 2)
    await recorder.until_asked(run, calls=2)

    stack.model.kill()

    await recorder.until_ended(within=60)
    history = await recorder.judge("F9", "kill -9 of the model server, for good")
    [lane] = history.lanes
    assert (lane.status, lane.answer, lane.is_partial, lane.ruling) == ("failed", "42", True, "right")
    assert "cannot be reached" in lane.error
    for viewer in history.viewers:
        parts = viewer.state["lanes"][str(lane.id)]["parts"]
        assert parts["answer_given:"]["answer"] == "42"
        assert parts["end"]["kind"] == "lane_failed"
