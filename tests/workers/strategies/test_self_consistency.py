"""Votes: equal answers are merged, ties go to the earlier call, and nothing depends on who is faster."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, Stage, play, settle
from workers.core.answers import is_same_answer
from workers.core.errors import StreamCut
from workers.core.events import Event, Tally, VotesCounted
from workers.core.values import Reply, Usage
from workers.strategies import catalog
from workers.strategies._votes import Ballot, find_leader, form_blocs

SC = catalog()["self_consistency"]


async def vote(*answers: str | None, arrival: int = 0) -> Played:
    drafts = tuple("I cannot tell." if answer is None else f"So \\boxed{{{answer}}}." for answer in answers)
    return await play(SC, {"drafts": len(drafts)}, replies={"draft": drafts}, arrival=arrival)


async def winner_of(*answers: str | None, arrival: int = 0) -> tuple[str | None, str]:
    answer = (await vote(*answers, arrival=arrival)).answer
    assert answer is not None
    return answer.answer, answer.note


async def test_the_most_common_answer_wins():
    assert await winner_of("4", "5", "5") == ("5", "2 of 3 votes")


async def test_equal_answers_are_merged_under_their_earliest_spelling():
    assert await winner_of("0.5", "3", "\\frac{1}{2}", "3", "1/2") == ("0.5", "3 of 5 votes")


@pytest.mark.parametrize("arrival", range(8))
async def test_a_tie_goes_to_the_earlier_draft(arrival: int):
    assert await winner_of("7", "8", "8", "7", arrival=arrival) == ("7", "2 of 4 votes")


async def test_drafts_without_an_answer_do_not_vote():
    played = await vote(None, "6", None, None)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("6", "1 of 1 votes")
    assert played.all_of(VotesCounted)[-1] == VotesCounted(
        lane=1, at=played.all_of(VotesCounted)[-1].at, round=1, expected=4,
        tallies=(Tally(answer="6", calls=("draft-2",)),), silent=("draft-1", "draft-3", "draft-4"),
    )  # fmt: skip


async def test_a_vote_without_answers_says_so():
    played = await vote(None, None)

    assert played.answer is not None
    assert played.answer.answer is None
    assert played.answer.text == "I cannot tell."
    assert played.answer.note == "no draft gives an answer"
    assert played.lane.best is None


async def test_the_text_is_that_of_the_earliest_draft_in_the_lead():
    played = await vote("1", "2", "2.0")

    assert played.answer is not None
    assert played.answer.text == "So \\boxed{2}."


@pytest.mark.parametrize("arrival", range(4))
async def test_every_draft_is_shown_in_the_count(arrival: int):
    played = await vote("1", "2", None, "2", "3", arrival=arrival)

    counts = played.all_of(VotesCounted)
    assert sizes(counts) == sorted(set(sizes(counts))), "a count with nothing new in it"
    assert sizes(counts)[-1] == 5
    assert counts[-1].tallies == (
        Tally(answer="1", calls=("draft-1",)),
        Tally(answer="2", calls=("draft-2", "draft-4")),
        Tally(answer="3", calls=("draft-5",)),
    )


async def test_drafts_that_end_together_are_counted_once():
    stage = Stage(SC)
    ballot = Ballot(stage.lane, expected=5)
    drafts = drafts_with(["1", "0", "1", "0", "1"])

    await ballot.cast(0, drafts[0])
    await ballot.cast(1, drafts[1])
    await asyncio.gather(*(ballot.cast(place, drafts[place]) for place in (3, 2, 4)))

    assert sizes(stage.events) == [1, 2, 5]
    assert ballot.winner().note == "3 of 5 votes"


def sizes(counts: Iterable[Event]) -> list[int]:
    """Return how many drafts each count knows."""
    return [
        len(count.silent) + sum(len(tally.calls) for tally in count.tallies)
        for count in counts
        if isinstance(count, VotesCounted)
    ]


async def test_a_failed_draft_takes_nobody_with_it():
    replies = {"draft": ("\\boxed{1}", "\\boxed{2}", "\\boxed{2}")}

    played = await play(SC, {"drafts": 3}, replies=replies, faults={"draft-1": StreamCut("The stream broke.")})

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("2", "2 of 2 votes")


async def test_a_stopped_vote_gives_the_leader():
    replies = {"draft": ("\\boxed{3}", "\\boxed{4}", "\\boxed{4}", "\\boxed{3}")}
    stage = Stage(SC, {"drafts": 4}, replies=replies, pauses=["draft-4"])
    task = asyncio.create_task(stage.solve())
    await settle()

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert stage.lane.best is not None
    assert (stage.lane.best.answer, stage.lane.best.note) == ("4", "2 of 3 votes")


async def test_mathematics_is_asked_once_for_each_pair_of_answers():
    asked: list[tuple[str, str]] = []

    async def equal(one: str, other: str) -> bool:
        asked.append((one, other))
        await asyncio.sleep(0)
        return sorted(one) == sorted(other)

    replies = {"draft": ("\\boxed{x+1}", "\\boxed{1+x}", "\\boxed{y}", "\\boxed{5}", "\\boxed{1+x}", "\\boxed{5.0}")}
    played = await play(SC, {"drafts": 6}, replies=replies, equal=equal)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("x+1", "3 of 6 votes")
    assert max(Counter(frozenset(pair) for pair in asked).values()) <= 2  # each way round at most
    assert ("5", "5.0") not in asked  # numbers need no mathematics


# --- the count itself -------------------------------------------------------------------------------------------------

ANSWERS = st.lists(st.sampled_from(["1", "1.0", "2", "4/2", "1/2", "0.50", "x", None]), min_size=1, max_size=9)


def drafts_with(answers: list[str | None]) -> list[Reply]:
    return [Reply(f"draft-{n}", "", "", "stop", Usage(), answer) for n, answer in enumerate(answers, 1)]


async def plainly_equal(one: str, other: str) -> bool:
    return is_same_answer(one, other)


@given(answers=ANSWERS, data=st.data())
async def test_the_order_of_drafts_matters_only_in_a_tie(answers: list[str | None], data: st.DataObject):
    shuffled = data.draw(st.permutations(answers))

    one, other = [await form_blocs(drafts_with(each), plainly_equal) for each in (answers, shuffled)]

    assert sorted(len(bloc.drafts) for bloc in one) == sorted(len(bloc.drafts) for bloc in other)
    leaders = find_leader(one), find_leader(other)
    sizes = sorted((len(bloc.drafts) for bloc in one), reverse=True)
    if leaders[0] is None or leaders[1] is None:
        assert not one
        assert not other
    elif len(sizes) == 1 or sizes[0] > sizes[1]:
        assert is_same_answer(leaders[0].answer, leaders[1].answer)


@given(answers=ANSWERS)
async def test_every_draft_with_an_answer_is_in_one_bloc(answers: list[str | None]):
    drafts = drafts_with(answers)

    blocs = await form_blocs(drafts, plainly_equal)

    members = [draft for bloc in blocs for draft in bloc.drafts]
    assert sorted(draft.key for draft in members) == [draft.key for draft in drafts if draft.answer is not None]
    assert [bloc.answer for bloc in blocs] == [bloc.drafts[0].answer for bloc in blocs]


@given(answers=ANSWERS, arrival=st.integers(0, 1_000))
@settings(max_examples=30)
async def test_arrival_never_changes_the_winner(answers: list[str | None], arrival: int):
    assert await winner_of(*answers) == await winner_of(*answers, arrival=arrival)


async def test_a_winner_is_never_an_answer_that_nobody_gave():
    for answers in permutations(["1", "2", "2", None]):
        assert (await winner_of(*answers))[0] == "2"
