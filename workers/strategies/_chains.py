"""Chains of attempts at a problem, each of which reads a few before it."""

from collections.abc import Coroutine, Sequence
from math import log
from typing import Any

from workers.core.lane import LiveLane
from workers.core.prompts import fill, number_texts
from workers.core.values import Reply
from workers.strategies._judging import attempt
from workers.strategies._prompts import show_solution
from workers.strategies._votes import Ballot

REVISE = """\
Problem:
$question

Attempts at this problem stand below, the oldest first. Some of them may be wrong, even all.

$attempts

Find out where they go wrong, and write a complete new solution step by step; keep an answer that is right. At the \
end, write the final answer inside \\boxed{}.
"""

READ = 4
"""Most attempts that a revision reads, the newest."""


def count_chains(attempts: int, ratio: float) -> int:
    """Return into how many chains of equal length attempts part, the length nearest to `ratio` times their number.

    >>> [count_chains(16, ratio) for ratio in (float("inf"), 4, 1, 1 / 4, 1 / 16)]
    [1, 2, 4, 8, 16]
    """
    divisors = [number for number in range(1, attempts + 1) if attempts % number == 0]
    return min(divisors, key=lambda number: abs(log(number**2 * ratio / attempts)))


async def grow_chains(  # noqa: PLR0913  # keywords only
    lane: LiveLane,
    question: str,
    ballot: Ballot,
    heads: Sequence[Reply],
    *,
    most: int,
    waited: Sequence[Reply] = (),
) -> list[list[Reply]]:
    """Revise one attempt of every chain at a time, all at once, until `most` revisions are asked for; each votes.

    A revision that fails is missing in its chain. `waited` are the calls that had to end before this began.
    """
    chains, left, number = [[head] for head in heads], most, 1
    while left > 0:
        number, growing = number + 1, chains[:left]
        async with lane.round(f"Attempt {number}"):
            calls = [attempt(_ask(lane, question, chain, waited if len(chain) == 1 else ())) for chain in growing]
            for chain, reply in zip(growing, await lane.gather(calls), strict=True):
                if reply is not None:
                    chain.append(reply)
                    await ballot.add(reply)
        left -= len(growing)
    return chains


def _ask(lane: LiveLane, question: str, chain: Sequence[Reply], waited: Sequence[Reply]) -> Coroutine[Any, Any, Reply]:
    read = chain[-READ:]
    prompt = fill(REVISE, question=question, attempts=number_texts("Attempt", [show_solution(each) for each in read]))
    return lane.ask(prompt, role="refine", after=(*read, *waited))
