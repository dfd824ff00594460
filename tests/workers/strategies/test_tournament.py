"""Drafts meet until one is left, or until all that are left give the same answer."""

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, ReadingJudge, play
from workers.core.errors import StreamCut
from workers.core.events import CallStarted, CandidateScored, NoteTaken, RoundOpened
from workers.strategies import catalog

TOURNAMENT = catalog()["tournament"]
FORMS = ["knockout", "league", "teams", "groups"]
every_form = pytest.mark.parametrize("form", FORMS)


async def meet(answers: str, form: str, judge: Any = None, **params: Any) -> Played:
    """Play with a draft for each letter; `judge` says what it says of the answers it is shown."""
    drafts = ["Hm." if a == "-" else f"draft {n} \\boxed{{{a}}}" for n, a in enumerate(answers, 1)]
    settings = {name: params.pop(name) for name in ("seed", "arrival", "faults") if name in params}

    def read(prompt: str) -> str:
        shown = re.findall(r"draft \d+ \\boxed\{(\w)\}", prompt)
        return str((judge or prefer_first)(*shown, labels=form == "teams"))

    return await play(
        TOURNAMENT, {"drafts": len(answers), "form": form, **params}, replies={"draft": drafts},
        wrap=lambda scripted: ReadingJudge(scripted, read), **settings,
    )  # fmt: skip


def prefer_first(*shown: str, labels: bool) -> str:
    return "Verdict: 1, 0" if labels else "Verdict: 1"


def perfect(right: str) -> Any:
    """Return a judge that knows the right answer."""

    def judge(*shown: str, labels: bool) -> str:
        if labels:
            return "Verdict: " + ", ".join(str(int(answer == right)) for answer in shown)
        none = 0 if len(shown) == 2 else 1
        return f"Verdict: {shown.index(right) + 1 if right in shown else none}"

    return judge


def answer_of(played: Played) -> str:
    assert played.answer is not None
    return str(played.answer.answer)


def matches_of(played: Played) -> list[tuple[int, frozenset[str]]]:
    """Return for every judge its round, and the drafts it read."""
    return [
        (event.round, frozenset(key for key in event.after if key.startswith("draft")))
        for event in played.all_of(CallStarted)
        if event.role != "draft"
    ]


@every_form
@given(answers=st.text("abcd", min_size=2, max_size=7), seed=st.integers(0, 9), distinct=st.booleans(), data=st.data())
@settings(max_examples=20)
async def test_a_perfect_judge_finds_a_right_draft_whatever_the_majority(
    form: str, answers: str, seed: int, distinct: bool, data: st.DataObject
):
    right = data.draw(st.sampled_from(answers))
    # in a league, chance may never let the right one meet the others often enough: let everybody meet everybody
    comparisons = 16 if form == "league" else 2

    played = await meet(answers, form, perfect(right), seed=seed, distinct=distinct, comparisons=comparisons)

    if form != "league":
        assert answer_of(played) == right
    else:
        scores = {event.call: event.value for event in played.all_of(CandidateScored)}
        best = {answers[int(key[6:]) - 1] for key, value in scores.items() if value == max(scores.values())}
        assert not scores or right in best


@every_form
async def test_one_answer_needs_no_judge(form: str):
    played = await meet("aaa", form)

    assert (answer_of(played), len(played.graph)) == ("a", 3)


@every_form
async def test_a_draft_without_an_answer_does_not_play(form: str):
    played = await meet("a-b", form)

    assert not any("draft-2" in drafts for _, drafts in matches_of(played))
    assert (await meet("--", form)).lane.ledger().calls == 2


@every_form
@pytest.mark.parametrize("arrival", range(3))
async def test_the_winner_is_a_draft_whoever_is_faster(form: str, arrival: int):
    one, other = await meet("abcab", form, arrival=arrival), await meet("abcab", form)

    assert one.answer == other.answer
    assert answer_of(one) in "abc"


@every_form
async def test_judges_that_say_nothing_leave_a_winner(form: str):
    played = await meet("abbc", form, lambda *shown, labels: "Hm.")

    assert answer_of(played) in ("a", "b", "c")
    assert any("could not be read" in note.text for note in played.all_of(NoteTaken)) == (
        form in ("knockout", "league")
    )


@every_form
async def test_one_draft_plays_for_each_answer(form: str):
    played = await meet("aabbcc", form, perfect("c"))

    playing = {key for _, drafts in matches_of(played) for key in drafts}
    assert playing == ({f"draft-{n}" for n in range(1, 7)} if form == "teams" else {"draft-1", "draft-3", "draft-5"})


# --- knockout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(2, 8))
async def test_a_knockout_has_a_match_less_than_players(count: int):
    played = await meet("abcdefg"[:count], "knockout", comparisons=3)

    matches = Counter(matches_of(played))
    assert set(matches.values()) == {3}
    assert len(matches) == count - 1
    rounds = max(number for number, _ in matches) - 1
    assert played.lane.ledger().depth == 1 + rounds == 1 + (count - 1).bit_length()
    appearances = Counter(key for _, drafts in matches for key in drafts)
    assert max(appearances.values()) <= rounds


async def test_a_judge_that_always_prefers_the_first_helps_nobody():
    winners = Counter([answer_of(await meet("ab", "knockout", seed=seed)) for seed in range(40)])

    assert min(winners["a"], winners["b"]) >= 8


async def test_a_tie_goes_to_the_answer_of_more_drafts():
    for seed in range(10):
        assert answer_of(await meet("abb", "knockout", seed=seed)) == "b"


async def test_failed_comparisons_are_a_tie():
    replies = {"draft": ("\\boxed{a}", "\\boxed{b}", "\\boxed{b}"), "compare": ["Verdict: 1"] * 2}
    broken = {f"compare-{n}": StreamCut("The stream broke.") for n in (1, 2)}

    played = await play(TOURNAMENT, {"drafts": 3}, replies=replies, faults=broken)

    assert answer_of(played) == "b"


async def test_a_match_day_comes_after_the_one_before():
    played = await meet("abcd", "knockout", perfect("c"), comparisons=1)

    assert {"compare-1", "compare-2"} < played.graph["compare-3"]
    assert [event.name for event in played.all_of(RoundOpened)] == ["Drafts", "Match day 1", "Match day 2"]
    assert played.answer is not None
    assert played.answer.note == "winner after 2 match days"


# --- league -----------------------------------------------------------------------------------------------------------


async def test_in_a_league_nobody_meets_himself_and_everybody_plays():
    played = await meet("abcde", "league", perfect("c"), comparisons=3)

    matches = matches_of(played)
    assert len(matches) == 5 * 3
    assert all(len(drafts) == 2 for _, drafts in matches)
    appearances = Counter(key for _, drafts in matches for key in drafts)
    assert min(appearances.values()) >= 3
    assert answer_of(played) == "c"


async def test_points_of_a_league_add_up_to_its_matches():
    played = await meet("abcd", "league", perfect("b"), comparisons=4)

    scores = {event.call: event.value for event in played.all_of(CandidateScored)}
    appearances = Counter(key for _, drafts in matches_of(played) for key in drafts)
    assert sum(scores[key] * count for key, count in appearances.items()) == pytest.approx(4 * 4)
    assert {event.by for event in played.all_of(CandidateScored)} == {"league"}


# --- teams ------------------------------------------------------------------------------------------------------------


@given(answers=st.text("abc", min_size=2, max_size=8), seed=st.integers(0, 5), data=st.data())
@settings(max_examples=30)
async def test_a_team_never_plays_against_itself(answers: str, seed: int, data: st.DataObject):
    says = data.draw(st.lists(st.sampled_from(["1, 1", "1, 0", "0, 1", "0, 0", "x"]), min_size=1, max_size=8))
    verdicts = iter(says * 8)

    played = await meet(answers, "teams", lambda *shown, labels: f"Verdict: {next(verdicts)}", seed=seed)

    for _, drafts in matches_of(played):
        assert len({answers[int(key[6:]) - 1] for key in drafts}) == 2
    assert len(matches_of(played)) <= len(answers) - 1
    assert answer_of(played) in answers


async def test_two_wrong_ones_are_both_out():
    played = await meet("ab", "teams", lambda *shown, labels: "Verdict: 0, 0")

    assert answer_of(played) == "a"  # the earlier of a tied majority
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "Nothing is left of the teams; the majority of the last match day is the answer."
    ]


# --- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "group", "sizes"), [(6, 3, [2, 3, 3]), (7, 4, [4, 4]), (5, 2, [2] * 4), (3, 4, [3])])
async def test_groups_shrink_what_is_left(count: int, group: int, sizes: list[int]):
    played = await meet("abcdefg"[:count], "groups", perfect("c"), group=group, comparisons=1)

    assert sorted(len(drafts) for _, drafts in matches_of(played)) == sizes
    assert answer_of(played) == "c"


def test_the_description_names_the_form():
    assert TOURNAMENT.describe(TOURNAMENT.params()) == "4 drafts · knockout · 2 comparisons"
    params = TOURNAMENT.params.model_validate({"form": "league", "distinct": False})
    assert TOURNAMENT.describe(params) == "4 drafts · league · 2 comparisons · all play"
