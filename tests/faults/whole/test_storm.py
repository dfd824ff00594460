"""The storm: processes are killed at random while fifty runs are going and being watched; then the checker."""

import asyncio
import os
import random
import sys
import time
from collections import Counter

import aiohttp

from tests.faults.recipes import BRISKLY
from tests.faults.recorder import FOUR, Recorder
from tests.faults.stack import Stack
from tests.site.members import Member

KILLS = int(os.environ.get("STORM_KILLS") or 200)
RUNS = int(os.environ.get("STORM_RUNS") or 50)
SEED = int(os.environ.get("STORM_SEED") or random.SystemRandom().randrange(10**6))
LONGEST_PAUSE_SECONDS = 2.2
LONGEST_DEATH_SECONDS = 1.6


async def test_storm(stack: Stack, recorder: Recorder):
    sys.stderr.write(f"\nSTORM_SEED={SEED} STORM_KILLS={KILLS} STORM_RUNS={RUNS}\n")
    chance = random.Random(SEED)
    stack.script(BRISKLY)
    began = time.monotonic()
    starting = asyncio.create_task(start_runs(recorder, spread_seconds=KILLS * LONGEST_PAUSE_SECONDS / 2.5))
    killed, died = Counter[str](), Counter[str]()
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))
        died += revive(stack)
        victim = choose(stack, chance)
        victim.kill()
        killed[victim.name] += 1
        await asyncio.sleep(chance.uniform(0, LONGEST_DEATH_SECONDS))
        await bring_back(stack, victim)
    refused = await starting
    await stack.restore()
    await recorder.until_ended(within=180)
    took = time.monotonic() - began
    sys.stderr.write(
        f"{took:.0f} s, killed {dict(killed)}, {refused} submissions refused, answers {recorder.answers}\n"
    )
    sys.stderr.write(f"ended by themselves {dict(died)}\n")
    counts = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
    history = await recorder.judge("Storm", f"kill -9 of random processes ({counts}), seed {SEED}", injected=KILLS)
    sys.stderr.write(f"lanes {Counter(lane.status for lane in history.lanes)}, calls {len(history.calls)}\n")
    assert len(history.accepted) == RUNS
    assert not died  # an engine that goes away is no reason to end


def choose(stack: Stack, chance: random.Random) -> Member:
    """Draw a kind of process first, workers twice as often, then one of its kind that is alive."""
    kinds = [stack.workers, stack.workers, stack.webs, [stack.redis], [stack.postgres], [stack.model]]
    while True:
        member = chance.choice(chance.choice(kinds))
        if member.is_alive:
            return member


def revive(stack: Stack) -> Counter[str]:
    """Do what a supervisor does: start again what has ended by itself; return who."""
    dead = stack.dropped()
    for member in dead:
        sys.stderr.write(f"{member.name} ended by itself:\n{member.log[-1500:]}\n")
        member.launch()
    return Counter(member.name for member in dead)


async def bring_back(stack: Stack, victim: Member) -> None:
    """Start it again; engines are waited for, as everything leans on them, the rest comes up beside the storm."""
    victim.launch()
    if victim in stack.engines:
        await victim.start()


async def start_runs(recorder: Recorder, *, spread_seconds: float) -> int:
    """Start runs all through the storm, each watched; return how many tries were refused or heard no answer."""
    refused = 0
    while len(recorder.accepted) < RUNS:
        try:
            run = await recorder.start(*FOUR)
        except (aiohttp.ClientError, TimeoutError):
            refused += 1
            await asyncio.sleep(0.5)
            continue
        recorder.watch(run, 2)
        await asyncio.sleep(spread_seconds / RUNS)
    return refused
