"""What a lane cost: every call counts once in the total, the longest chain is the critical path."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.events import Ledger
from workers.core.ledger import CallState, GivenUp, Spent, find_critical_path, sum_up
from workers.core.values import Usage


def spent(key: str, tokens: int, *after: str, state: CallState = "done", wasted: bool = False) -> Spent:
    return Spent(key, after, Usage(prompt_tokens=1, completion_tokens=tokens - 1), state, wasted)


def test_nothing_costs_nothing():
    assert sum_up([]) == Ledger()


def test_parallel_calls_cost_as_long_as_the_longest():
    ledger = sum_up([spent("draft-1", 10), spent("draft-2", 30), spent("draft-3", 20)])

    assert ledger.total_tokens == 60
    assert (ledger.critical_path, ledger.critical_path_tokens, ledger.depth) == (("draft-2",), 30, 1)


def test_the_critical_path_of_a_diamond_takes_its_longer_side():
    ledger = sum_up(
        [spent("top", 5), spent("left", 10, "top"), spent("right", 20, "top"), spent("end", 7, "left", "right")]
    )

    assert ledger.critical_path == ("top", "right", "end")
    assert (ledger.critical_path_tokens, ledger.total_tokens, ledger.depth) == (32, 42, 3)


def test_the_critical_path_is_the_chain_with_most_tokens_not_most_calls():
    ledger = sum_up([spent("long", 100), spent("a", 10), spent("b", 10, "a"), spent("c", 10, "b")])

    assert ledger.critical_path == ("long",)
    assert ledger.depth == 3


def test_ties_go_to_the_earlier_call():
    assert find_critical_path([spent("a", 5), spent("b", 5), spent("c", 5, "a", "b")]) == ("a", "c")
    assert find_critical_path([spent("a", 5), spent("b", 5)]) == ("a",)


def test_a_call_after_one_that_is_not_counted_begins_a_chain():
    assert find_critical_path([spent("b", 5, "gone")]) == ("b",)
    assert sum_up([spent("b", 5, "gone")]).depth == 1


def test_every_kind_of_token_and_loss_is_added_up():
    calls = [
        Spent("draft-1", (), Usage(prompt_tokens=10, completion_tokens=20, reasoning_tokens=5, cached_tokens=8), "done",
              is_wasted=False, given_up=GivenUp(2, 3)),
        Spent("draft-2", (), Usage(prompt_tokens=10, completion_tokens=4), "failed", is_wasted=True),
        Spent("draft-3", (), Usage(prompt_tokens=1, completion_tokens=1), "cancelled", is_wasted=True),
    ]  # fmt: skip

    assert sum_up(calls) == Ledger(
        prompt_tokens=21, completion_tokens=28, reasoning_tokens=5, cached_tokens=8, total_tokens=49,
        critical_path_tokens=30, critical_path=("draft-1",), calls=3, depth=1, peak_context=30, wasted_tokens=19,
        failed_calls=1, retries=2,
    )  # fmt: skip


@st.composite
def lanes(draw: st.DrawFn) -> list[Spent]:
    """Any graph of calls in which each comes after earlier ones only."""
    calls: list[Spent] = []
    for number in range(draw(st.integers(0, 10))):
        earlier = draw(st.lists(st.sampled_from(calls), unique=True)) if calls else []
        calls.append(spent(f"call-{number}", draw(st.integers(1, 50)), *(call.key for call in earlier)))
    return calls


@given(lanes())
def test_the_critical_path_is_a_chain_no_longer_than_all(calls: list[Spent]):
    ledger = sum_up(calls)
    by_key = {call.key: call for call in calls}
    path = ledger.critical_path

    assert ledger.critical_path_tokens == sum(by_key[key].usage.total_tokens for key in path) <= ledger.total_tokens
    assert all(one in by_key[other].after for one, other in pairwise(path))
    assert len(path) <= ledger.depth <= ledger.calls == len(calls)


@given(lanes())
def test_no_chain_is_longer_than_the_critical_path(calls: list[Spent]):
    by_key = {call.key: call for call in calls}

    def longest(key: str) -> int:
        call = by_key[key]
        return call.usage.total_tokens + max(map(longest, call.after), default=0)

    assert sum_up(calls).critical_path_tokens == max(map(longest, by_key), default=0)


@given(lanes())
def test_a_row_of_calls_is_all_critical(calls: list[Spent]):
    row = [call._replace(after=(calls[place - 1].key,) if place else ()) for place, call in enumerate(calls)]

    ledger = sum_up(row)

    assert ledger.critical_path_tokens == ledger.total_tokens
    assert ledger.depth == len(row)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_calls_that_did_not_end_count_too(state: CallState):
    ledger = sum_up([spent("draft-1", 10), spent("draft-2", 15, state=state, wasted=True)])

    assert (ledger.total_tokens, ledger.wasted_tokens, ledger.failed_calls) == (25, 15, int(state == "failed"))
