"""Trees grow at the same time and never compete; of each, all children of its last step count."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, play
from workers.core.errors import StreamCut
from workers.core.estimate import estimate_cost
from workers.core.events import CallStarted, NodePlaced, VotesCounted
from workers.core.values import Sampling
from workers.strategies import catalog

DVTS = catalog()["diverse_verifier_tree_search"]
BEAM = catalog()["beam_search"]
CUT = StreamCut("The stream broke.")


def script(seed: int = 0) -> dict[str, Any]:
    """Return steps that never end, and judges that differ."""
    return {
        "step": Endless(lambda number: f"idea {number}."),
        "look": Endless(lambda number: f"look {number}."),
        "judge": Endless(lambda number: f"Verdict: {(number + seed) * 7 % 11}"),
    }


def placed(played: Played, level: int, state: str) -> list[NodePlaced]:
    return [node for node in played.all_of(NodePlaced) if (node.level, node.state) == (level, state)]


@given(trees=st.integers(1, 4), width=st.integers(1, 4), count=st.integers(1, 4), seed=st.integers(0, 9))
@settings(max_examples=25)
async def test_each_tree_goes_on_from_its_own_best(trees: int, width: int, count: int, seed: int):
    played = await play(DVTS, {"trees": trees, "width": width, "steps": count}, replies=script(seed))

    groups = [f"tree-{number}" for number in range(1, trees + 1)]
    for level in range(1, count):
        kept, pruned = placed(played, level, "kept"), placed(played, level, "pruned")
        assert [node.group for node in kept] == groups
        for node in kept:
            rivals = [rival for rival in pruned if rival.group == node.group]
            assert len(rivals) == width - 1
            assert all((rival.value or 0) <= (node.value or 0) for rival in rivals)
            children = [child for child in placed(played, level + 1, "open") if child.group == node.group]
            assert [child.under for child in children] == [(node.node,)] * width
    assert [node.group for node in placed(played, count, "final")] == [group for group in groups for _ in range(width)]


@given(
    trees=st.integers(1, 3), width=st.integers(1, 3), count=st.integers(1, 4), judges=st.integers(1, 3),
    ahead=st.integers(0, 2),
)  # fmt: skip
@settings(max_examples=25)
async def test_calls_and_depth_are_those_of_the_formula(trees: int, width: int, count: int, judges: int, ahead: int):
    params = {"trees": trees, "width": width, "steps": count, "judges": judges, "ahead": ahead}
    played = await play(DVTS, params, replies=script())

    size = trees * width
    looks = [min(ahead, count - level) for level in range(1, count + 1)]  # nothing lies beyond the last step
    assert played.lane.ledger().calls == count * size * (1 + judges) + size * sum(looks)
    assert played.lane.ledger().depth == 2 * count + sum(looks)


async def test_a_step_waits_for_the_judges_of_its_own_tree_alone():
    played = await play(DVTS, {"trees": 2, "width": 2, "steps": 2}, replies=script())

    assert played.graph["step-5"] >= {"judge-1", "judge-2"}
    assert played.graph["step-5"].isdisjoint({"judge-3", "judge-4"})
    assert played.graph["step-8"] >= {"judge-3", "judge-4"}


@pytest.mark.parametrize("width", [1, 2, 4])
async def test_one_tree_is_a_beam_search_that_keeps_one(width: int):
    """As long as all solutions have as many steps: what is complete leaves the beams, but not a tree."""
    one = await play(BEAM, {"kept": 1, "width": width, "steps": 4}, replies=script())
    other = await play(DVTS, {"trees": 1, "width": width, "steps": 4}, replies=script())

    assert other.answer == one.answer
    assert other.model.asked == one.model.asked
    assert other.graph == one.graph


async def test_a_tree_ends_with_its_best_step_whatever_the_others_are():
    replies = {
        "step": ["a.", "\\boxed{1}", "b.", "\\boxed{2}", "c.", "\\boxed{3}"],
        "judge": [f"Verdict: {n}" for n in (9, 1, 2, 8, 3, 7)],
    }

    played = await play(DVTS, {"trees": 2, "width": 2, "steps": 5, "selector": "naive"}, replies=replies)

    assert [event.call for event in played.all_of(CallStarted) if event.round == 2 and event.role == "step"] == [
        "step-5", "step-6"
    ]  # fmt: skip
    assert [node.node for node in placed(played, 1, "pruned")] == ["1-2"]
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("2", "score 0.80, best of 2")


@given(trees=st.integers(1, 4), width=st.integers(1, 4), seed=st.integers(0, 9))
@settings(max_examples=25)
async def test_there_are_as_many_solutions_as_trees_times_width(trees: int, width: int, seed: int):
    chance = Random(seed)
    texts = [f"\\boxed{{{chance.randrange(3)}}}" if chance.random() < 0.4 else "more." for _ in range(200)]

    played = await play(DVTS, {"trees": trees, "width": width, "steps": 4}, replies=script(seed) | {"step": texts})

    last = played.all_of(VotesCounted)[-1]
    voted = [call for tally in last.tallies for call in tally.calls]
    assert len(voted) + len(last.silent) == last.expected == trees * width


async def test_all_children_of_the_last_step_are_weighed():
    replies = {
        "step": ["\\boxed{4}", "\\boxed{5}", "\\boxed{4}", "\\boxed{5}"],
        "judge": ["Verdict: 9", "Verdict: 6", "Verdict: 2", "Verdict: 7"],
    }

    played = await play(DVTS, {"trees": 2, "width": 2}, replies=replies)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("5", "54% of the scores")


async def test_a_tree_whose_calls_all_fail_leaves_the_others():
    played = await play(
        DVTS, {"trees": 2, "width": 2, "steps": 2}, replies=script(), faults={"step-1": CUT, "step-2": CUT}
    )

    assert {node.group for node in placed(played, 2, "final")} == {"tree-2"}
    assert played.answer is not None


@pytest.mark.parametrize(
    ("params", "calls", "depth"),
    [
        ({}, 6 * (6 + 6), 12),
        ({"trees": 4, "width": 4, "steps": 3, "judges": 2}, 3 * (16 + 32), 6),
        ({"steps": 2, "ahead": 1}, 2 * (6 + 6) + 6, 5),
    ],
)
async def test_the_estimate_is_the_formula(params: dict[str, Any], calls: int, depth: int):
    cost = await estimate_cost(
        DVTS, DVTS.params(**params), question="x", sampling=Sampling(max_tokens=64), random=Random(0)
    )

    assert (cost.calls, cost.depth) == (calls, depth)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "2 trees · width 3 · 6 steps"),
        (
            {"ahead": 1, "judges": 2, "reduce": "product", "selector": "majority"},
            "2 trees · width 3 · 6 steps · 1 ahead · 2 judges · product · majority",
        ),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert DVTS.describe(DVTS.params(**params)) == words


async def test_a_complete_tree_counts_when_all_others_fail():
    says = Endless(lambda number: "Then \\boxed{4}." if number <= 2 else f"idea {number}.")
    broken = {f"step-{number}": CUT for number in range(5, 7)}

    played = await play(
        DVTS, {"trees": 2, "width": 2, "steps": 3}, replies={"step": says, "judge": Endless(lambda _: "Verdict: 5")},
        faults=broken,
    )  # fmt: skip

    assert played.answer is not None
    assert played.answer.answer == "4"


@pytest.mark.parametrize("box", ["It is \\boxed{4 times 5", "I shall write it inside \\boxed{}."])
async def test_a_box_without_an_answer_does_not_end_a_tree(box: str):
    script = {
        "step": Endless(lambda number: box if number == 1 else "So \\boxed{7}."),
        "judge": Endless(lambda number: "Verdict: 5"),
    }

    played = await play(DVTS, {"trees": 1, "width": 1, "steps": 3}, replies=script)

    assert played.answer is not None
    assert played.answer.answer == "7"
