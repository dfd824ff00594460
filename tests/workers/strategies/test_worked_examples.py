"""Every strategy plays its own worked example, whatever the order in which its calls are answered."""

from collections import Counter
from typing import Any

import pytest

from tests.workers.strategies.playing import Played, play_example
from workers.core import events
from workers.core.strategy import Strategy
from workers.strategies import catalog

every_strategy = pytest.mark.parametrize("strategy", catalog().values(), ids=catalog())
any_arrival = pytest.mark.parametrize("arrival", range(5))


def test_there_are_strategies():
    assert {"direct", "self_consistency", "sequential_refinement", "parallel_distill_refine"} <= set(catalog())


@every_strategy
@any_arrival
async def test_the_example_comes_out(strategy: Strategy, arrival: int):
    played = await play_example(strategy, arrival=arrival)

    ledger = played.lane.ledger()
    assert played.answer is not None
    assert played.answer.answer == strategy.example.answer
    assert (ledger.calls, ledger.depth) == (strategy.example.calls, strategy.example.depth)


@every_strategy
async def test_the_example_uses_its_whole_script(strategy: Strategy):
    played = await play_example(strategy)

    replies = strategy.example.replies
    counters = [(request.key.rpartition("-")[0], request.role) for request in played.model.asked]
    asked = Counter(counter if counter in replies else role for counter, role in counters)
    assert asked == {counter: len(written) for counter, written in replies.items()}


@every_strategy
@any_arrival
async def test_every_round_closes_after_all_its_calls(strategy: Strategy, arrival: int):
    played = await play_example(strategy, arrival=arrival)

    open_round, closed = 0, list[int]()
    open_calls = set[str]()
    for event in played.events:
        match event:
            case events.RoundOpened():
                assert not open_round
                open_round = event.index
            case events.RoundClosed():
                assert (event.index, open_calls) == (open_round, set())
                closed.append(open_round)
                open_round = 0
            case events.CallStarted():
                assert event.round == open_round > 0
                open_calls.add(event.call)
            case events.CallFinished():
                open_calls.remove(event.call)
    assert closed == list(range(1, len(closed) + 1)) != []
    assert not open_round


@every_strategy
@any_arrival
async def test_deltas_add_up_to_the_text(strategy: Strategy, arrival: int):
    played = await play_example(strategy, arrival=arrival)

    for finished in played.all_of(events.CallFinished):
        deltas = [event for event in played.all_of(events.TextDelta) if event.call == finished.call]
        assert "".join(event.text for event in deltas) == finished.text
        assert [event.start for event in deltas] == _starts([event.text for event in deltas])
        assert max((size for _, size in finished.marks), default=0) == len(finished.text) + len(finished.thinking)


def _starts(texts: list[str]) -> list[int]:
    return [len("".join(texts[:position])) for position in range(len(texts))]


@every_strategy
@any_arrival
async def test_calls_come_after_calls_that_have_finished(strategy: Strategy, arrival: int):
    played = await play_example(strategy, arrival=arrival)

    finished: set[str] = set()
    for event in played.events:
        if isinstance(event, events.CallStarted):
            assert set(event.after) <= finished
            assert len(set(event.after)) == len(event.after)
        if isinstance(event, events.CallFinished):
            finished.add(event.call)
    assert finished == set(played.graph)


@every_strategy
async def test_the_facts_do_not_depend_on_who_is_faster(strategy: Strategy):
    first, *others = [await play_example(strategy, arrival=arrival) for arrival in range(5)]

    for other in others:
        assert other.answer == first.answer
        assert _without_haste(other) == _without_haste(first)


def _without_haste(played: Played) -> dict[str, dict[str, Any]]:
    """Leave out the counts on the way, and how much a pruned call wrote before its end: they show who was faster."""
    counts = [identity for identity in played.facts if identity.startswith("VotesCounted")]
    facts = {identity: fact for identity, fact in played.facts.items() if identity not in counts[:-1]}
    for fact in facts.values():
        if fact.get("finish_reason") == "pruned":
            fact |= dict.fromkeys(("text", "usage", "odds", "answer"))
    return facts
