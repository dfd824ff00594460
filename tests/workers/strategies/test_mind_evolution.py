"""Solutions are bred on islands that seldom mix; the one with the highest score is the answer."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, Stage, play
from workers.core.errors import StreamCut
from workers.core.events import CandidateScored, NodePlaced, NoteTaken, RoundOpened
from workers.core.values import Reply, Usage
from workers.strategies import catalog
from workers.strategies._evolving import Candidate, choose, find_worst, rank, rate, weigh

EVOLUTION = catalog()["mind_evolution"]
CUT = StreamCut("The stream broke.")
SMALL = {"generations": 2, "islands": 2, "conversations": 2, "turns": 2, "enough": 0}


def candidate(score: float | None, name: str = "draft-1") -> Candidate:
    draft = Reply(name, f"{name} \\boxed{{1}}", "", "stop", Usage(), "1")
    return Candidate(name, 0, 1, draft, None, score)


def judged_by(scores: dict[int, int]) -> dict[str, Any]:
    """Return endless replies; the n-th judge gives `scores[n]`, or 1."""
    return {
        "draft": Endless(lambda n: f"Draft {n}, \\boxed{{{n}}}"),
        "refine": Endless(lambda n: f"Rewrite {n}, \\boxed{{{100 + n}}}"),
        "judge": Endless(lambda n: f"Problem {n}.\nVerdict: {scores.get(n, 1)}"),
        "select": Endless(lambda n: "[1, 2, 3]"),
    }


def nodes_of(played: Played) -> list[NodePlaced]:
    return played.all_of(NodePlaced)


# --- who is chosen ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spread", "chances"), [(1, [0, 0.0159, 0.1173, 0.8668]), (5, [0.06, 0.1993, 0.2973, 0.4435])]
)  # fmt: skip
def test_golden_values_of_the_choice_of_parents(spread: float, chances: list[float]):
    """Computed."""
    assert [round(chance, 4) for chance in weigh([-10, -4, -2, 0], spread)] == chances


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=8), spread=st.floats(0.01, 10))
def test_chances_add_up_and_keep_the_order_of_the_scores(scores: list[float], spread: float):
    chances = weigh(scores, spread)

    assert sum(chances) == pytest.approx(1)
    assert [chances[place] for place in sorted(range(len(scores)), key=scores.__getitem__)] == sorted(chances)


@given(size=st.integers(1, 8), seed=st.integers(0, 99))
def test_parents_are_distinct(size: int, seed: int):
    island = [candidate(score, f"draft-{place}") for place, score in enumerate((0.1, 0.9, None, 0.5))]

    chosen = choose(random.Random(seed), island, size, 0.2)

    assert len({each.node for each in chosen}) == len(chosen) == min(size, 4)


def test_parents_are_drawn_with_their_chances():
    island = [candidate(score, f"draft-{score}") for score in (0.0, 0.3, 0.6)]
    chance = random.Random(1)

    drawn = Counter(choose(chance, island, 1, 0.3)[0].score for _ in range(6000))

    for score, expected in zip((0.0, 0.3, 0.6), weigh([0.0, 0.3, 0.6], 0.3), strict=True):
        assert drawn[score] / 6000 == pytest.approx(expected, abs=0.025)  # four standard errors


def test_an_unknown_score_counts_as_the_mean_of_the_known_ones():
    assert rate([candidate(0.2), candidate(None), candidate(0.8)]) == [0.2, 0.5, 0.8]
    assert rate([candidate(None)]) == [0.5]


def test_of_tied_candidates_the_earlier_is_better():
    tied = [candidate(0.4, "draft-1"), candidate(0.7, "draft-2"), candidate(0.7, "draft-3")]

    assert [each.node for each in rank(tied)] == ["draft-2", "draft-3", "draft-1"]


def test_the_islands_with_the_lowest_means_are_reset():
    islands = [[candidate(0.5)], [candidate(0.9), candidate(0.0)], [], [candidate(0.8)]]

    assert [find_worst(islands, number) for number in (1, 2, 3, 4)] == [[2], [1, 2], [0, 1, 2], [0, 1, 2, 3]]


# --- generations ------------------------------------------------------------------------------------------------------


async def test_the_first_generation_breeds_everywhere_and_later_ones_island_by_island():
    played = await play(EVOLUTION, {**SMALL, "reset_interval": 0}, replies=judged_by({}))

    assert [event.name for event in played.all_of(RoundOpened)] == [
        "Generation 1", "Generation 2, island 1", "Generation 2, island 2",
    ]  # fmt: skip
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (32, 12)


async def test_a_turn_reads_the_solution_before_and_what_its_judge_said():
    played = await play(EVOLUTION, {**SMALL, "generations": 1}, replies=judged_by({}))

    assert [played.graph[f"refine-{n}"] for n in range(1, 5)] == [{f"draft-{n}", f"judge-{n}"} for n in range(1, 5)]
    assert "### Solution 1\nDraft 3, \\boxed{3}\n\nWhat a judge says of it:\nProblem 3." in played.prompts["refine-3"]
    assert [played.graph[f"judge-{n}"] for n in (1, 5)] == [{"draft-1"}, {"refine-1"}]


async def test_a_judge_reads_a_marked_solution_and_nothing_of_its_conversation():
    played = await play(EVOLUTION, {**SMALL, "generations": 1}, replies=judged_by({}))

    prompt = played.prompts["judge-5"]
    assert "--- solution begins, mark " in prompt
    assert "Rewrite 1, " in prompt
    assert "Draft" not in prompt


async def test_parents_live_on_the_same_island():
    params = {**SMALL, "generations": 3, "fresh": 0, "emigrants": 0, "reset_interval": 0}
    played = await play(EVOLUTION, params, replies=judged_by({}))

    group = {node.node: node.group for node in nodes_of(played)}
    for node in nodes_of(played):
        assert {group[parent] for parent in node.under} <= {node.group}
    assert any(len(node.under) > 1 for node in nodes_of(played))


async def test_fresh_starts_read_nothing():
    played = await play(EVOLUTION, {**SMALL, "turns": 1, "fresh": 1}, replies=judged_by({}))

    assert Counter(key.split("-")[0] for key in played.graph) == {"draft": 8, "judge": 8}
    assert {prompt for key, prompt in played.prompts.items() if key.startswith("draft")} == {played.prompts["draft-1"]}


async def test_the_best_of_an_island_move_on_to_the_next_and_from_the_last_to_the_first():
    scores = {1: 3, 2: 9, 3: 2, 4: 4, 5: 1, 6: 1, 7: 1, 8: 1}
    params = {**SMALL, "generations": 1, "emigrants": 2, "conversations": 4, "turns": 1}

    played = await play(EVOLUTION, params, replies=judged_by(scores))

    copies = [(node.node, node.group, node.under) for node in nodes_of(played) if "/" in node.node]
    assert copies[:2] == [
        ("draft-2/2/1", "Island 2", ("draft-2",)), ("draft-4/2/1", "Island 2", ("draft-4",)),
    ]  # fmt: skip
    assert len(copies) == 2  # what the second island would send back is there already


async def test_what_arrives_may_move_on_at_once_and_the_last_island_sends_to_the_first():
    params = {**SMALL, "generations": 1, "islands": 3, "conversations": 1, "turns": 1, "emigrants": 1}

    played = await play(EVOLUTION, params, replies=judged_by({1: 3, 2: 9, 3: 2}))

    assert [(node.node, node.group, node.under) for node in nodes_of(played) if "/" in node.node] == [
        ("draft-1/2/1", "Island 2", ("draft-1",)),
        ("draft-2/3/1", "Island 3", ("draft-2",)),
        ("draft-2/1/1", "Island 1", ("draft-2/3/1",)),
    ]


async def test_a_reset_gives_the_lowest_island_what_one_call_picks():
    scores = {1: 2, 2: 3, 3: 8, 4: 7}
    params = {**SMALL, "turns": 1, "emigrants": 0, "reset_interval": 1, "elites": 1, "fresh": 0}

    replies = {**judged_by(scores), "select": ("[2]",)}
    played = await play(EVOLUTION, params, replies=replies)

    assert [event.name for event in played.all_of(RoundOpened)][1] == "Reset after generation 1"
    assert [node.node for node in nodes_of(played) if node.state == "pruned"] == ["draft-1", "draft-2"]
    assert [(node.node, node.group) for node in nodes_of(played) if "/" in node.node] == [("draft-4/1/1", "Island 1")]
    assert played.graph["select-1"] == {f"{role}-{n}" for role in ("draft", "judge") for n in range(1, 5)} - {"draft-1"}
    assert [node.under for node in nodes_of(played) if (node.group, node.level) == ("Island 1", 1)] == [
        ("draft-4/1/1",), ("draft-4/1/1",),
    ]  # fmt: skip


async def test_a_reset_that_cannot_be_read_takes_the_highest_scores():
    params = {**SMALL, "turns": 1, "emigrants": 0, "reset_interval": 1, "elites": 2}

    for failing in ({"replies": {**judged_by({3: 8, 4: 9}), "select": ("None.",)}}, {"faults": {"select-1": CUT}}):
        played = await play(EVOLUTION, params, **{"replies": judged_by({3: 8, 4: 9}), **failing})

        assert [node.node for node in nodes_of(played) if "/" in node.node] == ["draft-4/1/1", "draft-3/1/1"]


@given(generations=st.integers(1, 5), interval=st.integers(0, 4))
@settings(max_examples=20)
async def test_resets_come_at_their_interval_and_never_after_the_last_generation(generations: int, interval: int):
    params = {**SMALL, "generations": generations, "conversations": 1, "turns": 1, "reset_interval": interval}

    played = await play(EVOLUTION, params, replies=judged_by({}))

    names = [event.name for event in played.all_of(RoundOpened) if event.name.startswith("Reset")]
    due = range(interval, generations, interval) if interval else ()
    assert names == [f"Reset after generation {generation}" for generation in due]


# --- the answer -------------------------------------------------------------------------------------------------------


async def test_the_highest_score_is_the_answer_and_shown_as_final():
    played = await play(EVOLUTION, {**SMALL, "reset_interval": 0}, replies=judged_by({6: 9}))

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("102", "score 0.90, best of 16")
    assert [(node.node, node.value) for node in nodes_of(played) if node.state == "final"] == [("refine-2", 0.9)]
    assert {event.call: event.value for event in played.all_of(CandidateScored)}["refine-2"] == 0.9


async def test_a_score_that_is_enough_stops_at_once():
    played = await play(EVOLUTION, {**SMALL, "enough": 0.8}, replies=judged_by({2: 8}))

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("2", "score 0.80, best of 4")
    assert played.lane.ledger().calls == 8


@given(seed=st.integers(0, 30))
@settings(max_examples=15)
async def test_what_lives_is_bounded_distinct_and_the_best_never_gets_worse(seed: int):
    params = {**SMALL, "generations": 4, "islands": 3, "reset_interval": 0}
    replies = {**judged_by({}), "judge": Endless(lambda n: f"Verdict: {n * 7 % 11 % 10}")}
    replies |= dict.fromkeys(("draft", "refine"), Endless(lambda n: f"Text {n % 9}, \\boxed{{{n % 9}}}"))
    best = list[float]()

    stage = Stage(EVOLUTION, params, replies=replies, seed=seed, watch=lambda event: best.append(offered()))

    def offered() -> float:
        return float(stage.lane.best.note.split()[1].rstrip(",")) if stage.lane.best else 0.0

    played = await stage.play()

    assert played.error is None
    assert best == sorted(best)
    living = [(node.group, node.title) for node in nodes_of(played) if node.state == "open"]
    born = [node for node in nodes_of(played) if node.state == "open" and "/" not in node.node]
    assert len(born) <= 4 * 3 * 2 * 2
    assert {node.level for node in born} <= {0, 1, 2, 3}
    assert len(set(living)) == len(living)


# --- things go wrong --------------------------------------------------------------------------------------------------


async def test_the_same_text_lives_once_on_an_island():
    replies = {**judged_by({}), "draft": ("Same \\boxed{1}",) * 3 + ("Other \\boxed{2}",)}

    played = await play(EVOLUTION, {**SMALL, "generations": 1, "turns": 1, "emigrants": 0}, replies=replies)

    assert [(node.node, node.group) for node in nodes_of(played) if node.state == "open"] == [
        ("draft-1", "Island 1"), ("draft-3", "Island 2"), ("draft-4", "Island 2"),
    ]  # fmt: skip


async def test_a_solution_without_an_answer_is_written_again_and_then_left_out():
    replies = {**judged_by({}), "draft": ("Hm.", "So \\boxed{2}", "Hm.", "At last \\boxed{4}")}
    params = {**SMALL, "generations": 1, "islands": 1, "turns": 1}

    played = await play(EVOLUTION, {**params, "retries": 2}, replies=replies)

    assert played.graph["draft-3"] == {"draft-1"}
    assert played.graph["draft-4"] == {"draft-3"}
    assert played.prompts["draft-3"] == played.prompts["draft-1"]
    assert [node.node for node in nodes_of(played)][:2] == ["draft-4", "draft-2"]


async def test_an_island_whose_solutions_cannot_be_read_begins_anew():
    replies = {**judged_by({}), "draft": ("Hm.", "So \\boxed{2}", "So \\boxed{3}")}
    params = {**SMALL, "conversations": 1, "turns": 1, "retries": 0, "fresh": 0, "emigrants": 0, "reset_interval": 0}

    played = await play(EVOLUTION, params, replies=replies)

    assert played.graph["draft-3"] == {"draft-1", "judge-1"}
    assert [(node.node, node.group) for node in nodes_of(played)][:3] == [
        ("draft-2", "Island 2"), ("draft-3", "Island 1"), ("refine-1", "Island 2"),
    ]  # fmt: skip


async def test_a_lane_without_any_answer_says_so():
    played = await play(EVOLUTION, SMALL, replies={"draft": Endless(lambda n: f"Hm {n}.")})

    assert played.answer is not None
    assert (played.answer.text, played.answer.note) == ("Hm 5.", "no draft gives an answer")
    assert nodes_of(played) == []


async def test_a_judge_that_cannot_be_heard_or_read_leaves_the_score_unknown():
    replies = {**judged_by({}), "judge": ("Verdict: 4", "Well.", "Verdict: 6", "Verdict: 8")}
    params = {**SMALL, "generations": 1, "turns": 1, "emigrants": 0}

    played = await play(EVOLUTION, params, replies=replies, faults={"judge-3": CUT})

    assert [node.value for node in nodes_of(played) if node.state == "open"] == [0.4, None, None, 0.8]
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "2 of 4 verdicts could not be read; they count for nothing."
    ]


async def test_an_answer_that_no_judge_scored_says_so():
    played = await play(EVOLUTION, SMALL, replies={**judged_by({}), "judge": Endless(lambda n: "Well.")})

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("1", "the first of 16, unscored")


async def test_thinking_goes_nowhere():
    replies = {**judged_by({}), "draft": Endless(lambda n: f"<think>secret</think> \\boxed{{{n}}}")}

    played = await play(EVOLUTION, SMALL, replies=replies)

    assert not any("secret" in prompt for prompt in played.prompts.values())


def test_the_description_tells_the_size():
    words = "3 generations · 2 islands · conversations 2 · turns 2"

    assert EVOLUTION.describe(EVOLUTION.params()) == words
