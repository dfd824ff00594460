"""Workers that are killed, halted, stopped or stalled; messages that come twice or never."""

import asyncio
import json

from redis import Redis

from tests.faults.recipes import SLOWLY, direct, long_text
from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack
from workers.app import app


async def test_f1_f2_a_worker_is_killed_again_and_again(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    runs = [await recorder.start(*FOUR) for _ in range(3)]
    for run in runs:
        recorder.watch(run, 2)
    resumed = []
    for _ in range(2):
        await recorder.until_asked(runs[0], calls=6)
        victim = stack.owner(recorder.accepted[runs[0]][2])
        held = stack.held_by(victim)
        victim.kill()
        resumed.append(await recorder.until_claimed_anew(held, within=25))
        await victim.start()
    await recorder.until_ended()
    await recorder.judge("F1, F2", "kill -9 of a worker", injected=2, resumed=max(resumed))


async def test_everything_is_killed_at_once(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    runs = [await recorder.start(*FOUR) for _ in range(4)]
    for run in runs:
        recorder.watch(run, 2)
    await recorder.until_asked(runs[-1], calls=3)
    held = stack.held()
    for member in stack.members:
        member.kill()
    await stack.restore()
    resumed = await recorder.until_claimed_anew(held, within=25)
    await recorder.until_ended()
    await recorder.judge("I1", "kill -9 of everything at once", injected=8, resumed=resumed)


async def test_f3_a_deploy_hands_fifty_runs_over(stack: Stack, recorder: Recorder):
    stack.script(long_text(200, per_second=10))
    runs = [await recorder.start(direct()) for _ in range(50)]
    for run in runs[:5]:
        recorder.watch(run)
    await recorder.until(lambda: len(stack.held()) == 50, "50 lanes are held")
    victim = stack.workers[0]
    held = stack.held_by(victim)
    assert held, "the worker has nothing to hand over"

    exits, resumed = await asyncio.gather(
        victim.terminate(within_seconds=25), recorder.until_claimed_anew(held, within=30)
    )

    handed_over = stack.seconds_between_owners(held)
    await victim.start()
    await recorder.until_ended()
    assert max(handed_over) <= 3, f"lanes waited {max(handed_over):.1f} s for a new owner"
    assert exits <= 25
    await recorder.judge("F3", "SIGTERM of a worker", injected=1, resumed=resumed)


async def test_f4_a_zombie_writes_nothing(stack: Stack, recorder: Recorder):
    stack.script(long_text(450, per_second=10))
    run = await recorder.start(direct(), direct())
    recorder.watch(run, 3)
    await recorder.until_asked(run, calls=2)
    zombie = stack.owner(recorder.accepted[run][0])
    held = stack.held_by(zombie)
    zombie.halt()
    resumed = await recorder.until_claimed_anew(held, within=30)
    await asyncio.sleep(3)

    zombie.go_on()

    await recorder.until_ended()
    history = await recorder.judge("F4", "SIGSTOP of a worker until its lease is lost, then SIGCONT", 1, resumed)
    wrote = [note for note in history.audit if note.what == "fact" and note.who == zombie.name and note.fence > 1]
    assert wrote == []


async def test_f5_a_poisoned_lane_is_given_up_and_harms_nobody(stack: Stack, recorder: Recorder):
    stack.script(long_text(60, per_second=10))
    innocent = [await recorder.start(direct()) for _ in range(10)]
    poisoned = await recorder.start(direct())
    recorder.watch(poisoned)
    [lane] = recorder.accepted[poisoned]
    were_alone = list[bool]()
    while not await asyncio.to_thread(stack.has_ended, lane):
        if len(stack.owners(lane)) > len(were_alone):
            were_alone.append(await kill_what_runs(lane, poisoned, stack))
            assert len(were_alone) < 6, "the poisoned lane is tried for ever"
        await asyncio.sleep(0.1)
    await recorder.until_ended()
    history = await recorder.judge("F5", "a lane that kills its process each time", len(were_alone))
    statuses = {row.run_id: row.status for row in history.lanes}
    assert statuses[poisoned] == "failed"
    assert {statuses[run] for run in innocent} == {"finished"}
    assert were_alone == [False, False, True]


async def kill_what_runs(lane: int, run: str, stack: Stack) -> bool:
    """Kill the process in which a lane runs; say whether it is one of the lane's own, not a worker."""
    worker = stack.owner(lane)
    for process in worker.children_with("workers.alone", run, str(lane)):
        process.kill()
        return True
    worker.kill()
    await worker.start()
    return False


async def test_f6_a_message_that_comes_five_times_is_worked_on_once(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    run = await recorder.start(*FOUR)
    recorder.watch(run)
    hint = {"run_id": run, "lane_ids": recorder.accepted[run]}
    with app.connection_for_write(stack.broker_url) as connection:
        for _ in range(5):
            app.send_task("workers.tasks.run_lanes", kwargs=hint, queue="runs", connection=connection)
    await recorder.until_ended()
    history = await recorder.judge("F6", "one message five times more", injected=5)
    assert [lane.fence for lane in history.lanes] == [1] * 4
    assert len(history.asked) == len(history.calls)


async def test_f7_a_lost_message_is_found(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    for worker in stack.workers:
        worker.kill()
    run = await recorder.start(*FOUR)
    recorder.watch(run)
    with Redis.from_url(stack.redis_url) as redis:
        assert redis.delete("runs") == 1
    for worker in stack.workers:
        worker.launch()
    for worker in stack.workers:
        await worker.start()
    found = await recorder.until(
        lambda: not stack.query("SELECT 1 FROM runs_lane WHERE run_id = %s AND fence = 0", run),
        "every lane is claimed",
        within=15,
    )
    await recorder.until_ended()
    await recorder.judge("F7", "the queue of messages lost", injected=1, resumed=found)


async def test_f8_a_message_whose_visibility_ran_out_is_worked_on_once(stack: Stack, recorder: Recorder):
    stack.script(SLOWLY)
    run = await recorder.start(*FOUR)
    recorder.watch(run)
    await recorder.until_asked(run, calls=3)
    with Redis.from_url(stack.redis_url) as redis:  # what the broker does itself when the time is over
        kept = [json.loads(message)[0] for message in redis.hvals("unacked")]
        mine = [message for message in kept if run in json.dumps(message)]
        assert mine, "the message is not among those that wait for their end"
        for message in mine:
            redis.lpush("runs", json.dumps(message))
    await recorder.until_ended()
    history = await recorder.judge("F8", "visibility timeout during a run", injected=len(mine))
    assert [lane.fence for lane in history.lanes] == [1] * 4


async def test_f28_a_worker_that_stalls_for_longer_than_its_lease_is_fenced(stack: Stack, recorder: Recorder):
    stack.script(long_text(450, per_second=10))
    run = await recorder.start(direct(), direct())
    recorder.watch(run, 2)
    await recorder.until_asked(run, calls=2)
    stalled = stack.owner(recorder.accepted[run][0])
    held = stack.held_by(stalled)
    stalled.stall()
    resumed = await recorder.until_claimed_anew(held, within=30)
    await recorder.until_ended()
    await recorder.judge("F28", "a worker's interpreter held for 20 s", injected=1, resumed=resumed)
