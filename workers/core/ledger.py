"""What a lane cost, from its calls alone."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from workers.core.events import Ledger
from workers.core.values import Usage

CallState = Literal["running", "done", "failed", "cancelled"]


class GivenUp(NamedTuple):
    """Attempts at a call that were given up: the stream broke, or the worker ended."""

    retries: int = 0
    """How many they were."""
    tokens: int = 0
    """Completion tokens of all of them."""
    prompt_tokens: int = 0
    """Prompt tokens of all of them, as far as the server read the prompt."""

    @property
    def total_tokens(self) -> int:
        """Return prompt and completion together."""
        return self.tokens + self.prompt_tokens


NEVER = GivenUp()


class Spent(NamedTuple):
    """One call, as far as its cost goes."""

    key: str
    after: tuple[str, ...]
    usage: Usage
    state: CallState
    is_wasted: bool
    """Failed, cancelled, or a solution that was cut off or has no answer; others may be cut off on purpose."""
    given_up: GivenUp = NEVER
    """What was tried before the attempt that counts."""


def sum_up(calls: Iterable[Spent]) -> Ledger:
    """Compute a lane's ledger.

    The critical path is the chain of calls, linked by `after`, with the most tokens (prompt and completion):
    the time a lane would need on unlimited hardware. Total counts every call. So critical <= total.
    Source: B_seq and B_total of Madaan et al. 2025, arXiv:2510.01123.
    """
    spent = list(calls)
    path = find_critical_path(spent)
    by_key = {call.key: call for call in spent}
    return Ledger(
        prompt_tokens=sum(call.usage.prompt_tokens + call.given_up.prompt_tokens for call in spent),
        completion_tokens=sum(call.usage.completion_tokens + call.given_up.tokens for call in spent),
        reasoning_tokens=sum(call.usage.reasoning_tokens for call in spent),
        cached_tokens=sum(call.usage.cached_tokens for call in spent),
        total_tokens=sum(call.usage.total_tokens + call.given_up.total_tokens for call in spent),
        critical_path_tokens=sum(by_key[key].usage.total_tokens for key in path),
        critical_path=path,
        calls=len(spent),
        depth=max(_depths(by_key).values(), default=0),
        peak_context=max((call.usage.total_tokens for call in spent), default=0),
        wasted_tokens=sum(
            call.given_up.total_tokens + (call.usage.total_tokens if call.is_wasted else 0) for call in spent
        ),
        failed_calls=sum(call.state == "failed" for call in spent),
        retries=sum(call.given_up.retries for call in spent),
    )


def find_critical_path(calls: Iterable[Spent]) -> tuple[str, ...]:
    """Return the keys of the chain with the most tokens, first to last; ties go to the earlier call.

    `calls` stand in order of start, so a call's predecessors come before it.

    >>> draft_1 = Spent("draft-1", (), Usage(completion_tokens=10), "done", is_wasted=False)
    >>> draft_2 = Spent("draft-2", (), Usage(completion_tokens=30), "done", is_wasted=False)
    >>> refine_1 = Spent("refine-1", ("draft-1", "draft-2"), Usage(completion_tokens=5), "done", is_wasted=False)
    >>> find_critical_path([draft_1, draft_2, refine_1])
    ('draft-2', 'refine-1')
    """
    tokens: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for call in calls:
        known = [key for key in call.after if key in tokens]
        longest = max(known, key=tokens.__getitem__, default=None)
        before[call.key] = longest
        tokens[call.key] = call.usage.total_tokens + (tokens[longest] if longest else 0)
    path: list[str] = []
    key = max(tokens, key=tokens.__getitem__, default=None)
    while key is not None:
        path.append(key)
        key = before[key]
    return tuple(reversed(path))


def _depths(calls: Mapping[str, Spent]) -> dict[str, int]:
    """Return for every call how many calls end with it in the longest chain."""
    depths: dict[str, int] = {}
    for key, call in calls.items():
        depths[key] = 1 + max((depths[parent] for parent in call.after if parent in depths), default=0)
    return depths
