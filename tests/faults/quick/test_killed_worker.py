"""A worker is killed in the middle of its lanes: somebody else goes on, and nothing that was done is done again."""

from tests.faults.recipes import SLOWLY
from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack


async def test_another_worker_goes_on(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    run = await recorder.start(*FOUR)
    recorder.watch(run, 3)
    await recorder.until_asked(run, calls=8)

    victim = stack.owner(recorder.accepted[run][0])
    held = stack.held_by(victim)

    victim.kill()

    resumed = await recorder.until_claimed_anew(held, within=25)
    await recorder.until_ended()
    history = await recorder.judge("F2", "kill -9 of a worker", resumed=resumed)
    assert [lane.status for lane in history.lanes] == ["finished"] * 4
    assert any(not request.is_complete for request in history.asked), "no call was cut: the kill came too late"
