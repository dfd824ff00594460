"""A little of everything, for every run of the tests: `make faults` has each fault by itself, and the storm."""

import asyncio

from tests.faults.recipes import SLOWLY
from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack


async def test_a_deploy_and_three_crashes_lose_nothing(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    runs = [await recorder.start(*FOUR) for _ in range(2)]
    for run in runs:
        recorder.watch(run, 2)
    for run in runs:
        await recorder.until_asked(run, calls=4)
    await recorder.until(lambda: stack.owners(recorder.accepted[runs[0]][2]), "the lane is claimed")
    leaving = stack.owner(recorder.accepted[runs[0]][2])
    held = stack.held_by(leaving)

    resumed, _ = await asyncio.gather(recorder.until_claimed_anew(held, within=10), leaving.terminate())
    for victim in (stack.redis, stack.webs[0], stack.postgres):
        victim.kill()
        await victim.start()

    await recorder.until_ended()
    history = await recorder.judge("I1", "SIGTERM of a worker; kill -9 of Redis, a web, PostgreSQL", 4, resumed)
    assert {lane.status for lane in history.lanes} == {"finished"}
