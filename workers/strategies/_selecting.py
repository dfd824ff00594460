"""Let a model choose some of several numbered drafts."""

import re
from collections.abc import Awaitable, Sequence
from typing import NamedTuple

from workers.core.lane import LiveLane
from workers.core.values import Reply

_LIST = re.compile(r"\[([\d\s,]{1,2000})\]")
_NUMBER = re.compile(r"(?<!\d)\d{1,4}(?!\d)")


class Selection(NamedTuple):
    """One call's choice."""

    reply: Reply
    chosen: list[Reply]
    """Best first."""


async def ask_for_selections(
    lane: LiveLane, prompts: Sequence[str], orders: Sequence[Sequence[Reply]], *, limit: int
) -> list[Selection]:
    """Ask every prompt for the best `limit` of its drafts, at the same time; a call that fails makes no selection.

    `orders[i]` are the drafts of `prompts[i]`, as numbered there. Shuffle them: where a reply names too few, the first
    of those left over fill up.
    """
    calls = [lane.ask(prompt, role="select", after=order) for prompt, order in zip(prompts, orders, strict=True)]
    selections = []
    for reply, order in await lane.gather([_pair(*pair) for pair in zip(calls, orders, strict=True)]):
        named = read_selection(reply.solution, of=len(order), limit=limit)
        if len(named) < limit:
            lane.note(f"{reply.key} names {len(named)} of {limit} solutions; the rest is drawn by chance.")
        ranked = [*named, *(place for place in range(len(order)) if place not in named)]
        selections.append(Selection(reply, [order[place] for place in ranked[:limit]]))
    return selections


def read_selection(text: str, *, of: int, limit: int) -> list[int]:
    """Return the chosen numbers as indices from 0, best first: distinct, at most `limit`, each below `of`.

    The last list of numbers in brackets counts; without one, all numbers in the text do, in order. What is out of
    range or repeated is left out, so fewer than `limit` may remain, or none.

    >>> read_selection("The best are [3, 1, 1, 9].", of=4, limit=2)
    [2, 0]
    >>> read_selection("Solution 2, then 4", of=4, limit=2), read_selection("All are good.", of=4, limit=2)
    ([1, 3], [])
    """
    lists = _LIST.findall(text)
    numbers = _NUMBER.findall(lists[-1] if lists else text)
    chosen = dict.fromkeys(int(number) - 1 for number in numbers if 1 <= int(number) <= of)
    return list(chosen)[:limit]


async def _pair(call: Awaitable[Reply], order: Sequence[Reply]) -> tuple[Reply, Sequence[Reply]]:
    return await call, order
