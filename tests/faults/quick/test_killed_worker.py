"""A worker is killed in the middle of its lanes: somebody else goes on, and nothing that was done is done again."""

from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack
from tests.model_server import Rule

SLOWLY = Rule(right="42", wrong=("41", "43"), probability=0.7, tokens_per_second=20)


async def test_another_worker_goes_on(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    run = await recorder.start(*FOUR)
    recorder.watch(run, 3)
    await recorder.until_asked(run, calls=8)

    stack.owner(recorder.accepted[run][0]).kill()

    await recorder.until_resumed(run, within=25)
    await recorder.until_ended()
    history = await recorder.judge()
    assert [lane.status for lane in history.lanes] == ["finished"] * 4
    assert any(not request.is_complete for request in history.asked), "no call was cut: the kill came too late"
