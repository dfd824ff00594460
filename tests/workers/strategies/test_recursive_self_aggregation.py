"""A population is replaced whole, round after round, by rewrites that each read a few of its members."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.workers.strategies.playing import QUESTION, Endless, Played, Stage, play
from workers.core.errors import StreamCut
from workers.core.events import NodePlaced, RoundOpened, VotesCounted
from workers.core.prompts import fill, number_texts
from workers.strategies import catalog
from workers.strategies._prompts import AGGREGATE, DRAFT

RSA = catalog()["recursive_self_aggregation"]
CUT = StreamCut("The stream broke.")


def populations_of(played: Played, size: int) -> list[list[str]]:
    """Return the calls by population."""
    keys = list(played.graph)
    return [keys[start : start + size] for start in range(0, len(keys), size)]


@given(
    population=st.integers(1, 6), sample=st.integers(1, 6), rounds=st.integers(1, 4), seed=st.integers(0, 99)
)  # fmt: skip
@settings(max_examples=30)
async def test_every_rewrite_reads_distinct_members_of_the_population_before(
    population: int, sample: int, rounds: int, seed: int
):
    sample = min(sample, population)
    played = await play(RSA, {"population": population, "sample": sample, "rounds": rounds}, seed=seed)

    before: list[str] = []
    for members in populations_of(played, population):
        for member in members:
            assert len(played.graph[member]) == (sample if before else 0)
            assert played.graph[member] <= set(before)
        before = members
    assert len(played.graph) == population * rounds
    assert played.lane.ledger().depth == rounds


async def test_a_rewrite_reads_the_text_of_its_solutions_and_nothing_older():
    played = await play(RSA, {"population": 2, "sample": 2, "rounds": 3})

    texts = {
        key: f"{key.replace('-', '')} names [{key[-1]}, 1] and ends in \\boxed{{{key[-1]}}}." for key in played.graph
    }
    for key, after in played.graph.items():
        shown = [[texts[one], texts[other]] for one in after for other in after if one != other]
        prompts = [
            fill(AGGREGATE, question=QUESTION, count=2, solutions=number_texts("Solution", pair)) for pair in shown
        ]
        assert played.prompts[key] in (prompts or [fill(DRAFT, question=QUESTION)])


async def test_the_draws_repeat_with_the_seed_and_differ_without():
    params = {"population": 6, "sample": 2, "rounds": 3}
    one, other = [(await play(RSA, params, seed=4, arrival=arrival)).graph for arrival in (0, 1)]

    assert one == other
    assert one != (await play(RSA, params, seed=5)).graph


async def test_members_read_different_solutions_in_different_orders():
    played = await play(RSA, {"population": 8, "sample": 8, "rounds": 2})

    rewrites = [prompt for key, prompt in played.prompts.items() if key.startswith("refine")]
    assert len(set(rewrites)) > 1
    assert all(played.graph[f"refine-{n}"] == {f"draft-{m}" for m in range(1, 9)} for n in range(1, 9))


async def test_the_last_population_votes_and_each_round_has_its_own_count():
    replies = {"draft": ("\\boxed{1}",) * 3, "refine": ("\\boxed{2}", "\\boxed{3}", "\\boxed{3}")}

    played = await play(RSA, {"population": 3, "rounds": 2}, replies=replies)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("3", "2 of 3 votes")
    assert [event.name for event in played.all_of(RoundOpened)] == ["Population 1", "Population 2"]
    assert [count.round for count in played.all_of(VotesCounted)] == [1, 1, 1, 2, 2, 2]


async def test_a_random_member_is_any_of_the_last_population():
    replies = {"draft": Endless(lambda n: "\\boxed{0}"), "refine": Endless(lambda n: f"\\boxed{{{n}}}")}
    params = {"population": 3, "rounds": 2, "answer": "random_member"}

    answers = {(await play(RSA, params, replies=replies, seed=seed)).answer for seed in range(40)}

    assert {answer.answer for answer in answers if answer} == {"1", "2", "3"}
    assert {answer.note for answer in answers if answer} == {"a random member"}


async def test_members_are_shown_under_what_they_read():
    played = await play(RSA, {"population": 3, "sample": 2, "rounds": 3})

    nodes = played.all_of(NodePlaced)
    assert {node.node: frozenset(node.under) for node in nodes} == played.graph
    assert [node.level for node in nodes] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert {node.calls for node in nodes} == {(node.node,) for node in nodes}
    assert {node.group for node in nodes} == {""}


# --- islands ----------------------------------------------------------------------------------------------------------


def islands_read(played: Played, population: int, size: int) -> list[set[int]]:
    """Return for each population from the second on how far apart, in islands of `size`, reader and read stand."""
    apart = []
    before, *later = populations_of(played, population)
    for members in later:
        places = {key: place // size for place, key in enumerate(before)}
        apart.append({abs(places[key] - place // size) for place, m in enumerate(members) for key in played.graph[m]})
        before = members
    return apart


async def test_islands_do_not_mix_until_they_merge():
    played = await play(RSA, {"population": 8, "sample": 2, "rounds": 6, "islands": 4})

    apart = islands_read(played, 8, 2)  # populations 1 and 2 in four islands, 3 and 4 in two, 5 and 6 in one
    assert apart[0] == {0}
    assert max(apart[1]) == max(apart[2]) == 1
    assert islands_read(played, 8, 4)[1:3] == [{0}, {0}]
    assert max(apart[3]) > 1


async def test_members_are_shown_on_their_islands_until_these_merge():
    played = await play(RSA, {"population": 4, "sample": 2, "rounds": 4, "islands": 2}, faults={"draft-2": CUT})

    groups = [[node.group for node in played.all_of(NodePlaced) if node.level == level] for level in range(4)]
    assert groups[0] == ["Island 1", "Island 2", "Island 2"]
    assert groups[1] == ["Island 1", "Island 1", "Island 2", "Island 2"]
    assert groups[2] == groups[3] == ["Island 1"] * 4


async def test_the_rest_of_an_island_goes_on_and_a_lost_island_reads_the_others():
    params = {"population": 4, "sample": 2, "rounds": 2, "islands": 2}

    one = await play(RSA, {**params, "rounds": 4}, faults={"draft-1": CUT})
    both = await play(RSA, {**params, "rounds": 4}, faults={"draft-1": CUT, "draft-2": CUT})

    assert [one.graph[f"refine-{n}"] for n in (1, 2)] == [{"draft-2"}] * 2
    assert [both.graph[f"refine-{n}"] for n in (1, 2)] == [{"draft-3", "draft-4"}] * 2
    assert [both.graph[f"refine-{n}"] for n in (3, 4)] == [{"draft-3", "draft-4"}] * 2


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"population": 2, "sample": 3}, "A population of 2 has no 3 solutions to read."),
        ({"population": 6, "islands": 3}, "Islands merge in pairs: use 1, 2, 4 or 8."),
        ({"population": 6, "islands": 4}, "The population cannot be split into 4 equal islands."),
        ({"sample": 3, "rounds": 4, "islands": 2}, "An island has fewer solutions than each rewrite reads."),
        ({"rounds": 3, "islands": 2}, "2 islands merge at equal intervals: use a multiple of 2 populations."),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together_are_refused(params: dict[str, Any], fault: str):
    with pytest.raises(ValidationError, match=fault):
        RSA.params(**params)


# --- things go wrong --------------------------------------------------------------------------------------------------


async def test_thinking_goes_nowhere_and_cut_drafts_are_marked():
    replies = {"draft": ("<think>secret</think> \\boxed{1}", "word " * 90), "refine": Endless(lambda n: "\\boxed{1}")}

    played = await play(RSA, {"population": 2, "rounds": 2}, replies=replies, max_tokens=40)

    assert "secret" not in played.prompts["refine-1"]
    assert "word\n(The text was cut off here.)\n" in played.prompts["refine-1"]


async def test_long_solutions_keep_their_end():
    replies = {"draft": Endless(lambda n: "step " * 400 + "\\boxed{7}"), "refine": Endless(lambda n: "\\boxed{7}")}

    played = await play(RSA, {"population": 3, "sample": 3, "rounds": 2, "reading_tokens": 150}, replies=replies)

    prompt = played.prompts["refine-1"]
    assert prompt.count("\\boxed{7}") == 3
    assert len(prompt.split()) <= 150 + len(AGGREGATE.split()) + len(QUESTION.split()) + 9


async def test_a_lane_that_breaks_gives_the_vote_of_the_population_before():
    replies = {"draft": ("\\boxed{5}", "\\boxed{6}", "\\boxed{6}"), "refine": ("x", "y", "z")}

    played = await Stage(
        RSA, {"population": 3, "rounds": 2}, replies=replies, faults={f"refine-{n}": CUT for n in (1, 2, 3)}
    ).play()

    assert played.error is CUT
    assert played.lane.best is not None
    assert (played.lane.best.answer, played.lane.best.note) == ("6", "2 of 3 votes")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "population 4 · reads 2 · 3 rounds"),
        (
            {"population": 8, "rounds": 4, "islands": 2, "answer": "random_member"},
            "population 8 · reads 2 · 4 rounds · 2 islands · random member",
        ),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert RSA.describe(RSA.params(**params)) == words
