"""Paths grow by the steps that the question makes likely, and the finished ones vote."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.strategies.playing import AnyReplies, Endless, Played, Stage, play
from workers.core.errors import StreamCut
from workers.core.events import CallStarted, NodePlaced, NoteTaken
from workers.core.model import Message
from workers.core.values import Odds, Reply, Usage
from workers.strategies import catalog
from workers.strategies._trees import ROOT, Node
from workers.strategies.mutual_information_search import Params, adjust, count_steps, weigh_votes

MITS = catalog()["mutual_information_search"]
VALUES = st.lists(st.floats(0.01, 10), min_size=1, max_size=8)

# --- golden values, computed from the definitions ---------------------------------------------------------------------


@pytest.mark.parametrize(("entropy", "more"), [(0.1, -1.5), (0.3, -0.5), (0.5, 0), (0.9, 0.5), (1.4, 2), (0, -2)])
def test_golden_numbers_of_more_steps(entropy: float, more: float):
    assert adjust(entropy, 0.4, 0.8, gain=1) == pytest.approx(more, abs=1e-12)


def test_equal_percentiles_change_nothing():
    assert adjust(5, 0.4, 0.4, gain=1) == 0


def test_golden_vote():
    weights = weigh_votes([3.0, 2.8, 2.5, 1.0], [1, 2, 2, 1])

    assert weights == pytest.approx([0.75, 1.4, 1.25, 0.25], abs=1e-12)
    assert weights.index(max(weights)) == 1  # though the first has the most of its own


@given(VALUES, st.floats(0.1, 10), st.data())
def test_the_scale_of_the_values_says_nothing(values: list[float], scale: float, data: st.DataObject):
    counts = data.draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values)))

    scaled = weigh_votes([value * scale for value in values], counts)

    assert scaled == pytest.approx([weight * scale for weight in weigh_votes(values, counts)])


def test_agreement_never_counts_against_a_path():
    assert weigh_votes([-1.0, -1.0, -3.0], [2, 2, 1]) == pytest.approx([4 / 3, 4 / 3, 0], abs=1e-5)
    lonely, agreed = weigh_votes([-2.0, -2.0], [1, 2])
    assert 0 < lonely < agreed


# --- how many steps ---------------------------------------------------------------------------------------------------


def node_of(entropy: float) -> Node:
    odds = Odds(tokens=1, entropy_floor=entropy)
    return Node("1-1", ("a",), call=Reply("step-1", "a", "", "stop", Usage(), None, odds=odds))


@given(st.lists(st.floats(0, 5), max_size=30), st.floats(0, 5), st.integers(1, 5), st.floats(0, 4))
def test_steps_stay_in_their_limits(entropies: list[float], entropy: float, steps: int, gain: float):
    params = Params(steps=steps, gain=gain)

    count = count_steps(node_of(entropy), entropies, params)

    assert 1 <= count <= steps + 2
    if len(entropies) < 10 or gain == 0:
        assert count == steps
    assert count_steps(ROOT, entropies, params) == steps


def test_an_unsure_step_is_followed_by_more():
    entropies = [0.1 * number for number in range(1, 13)]

    assert [count_steps(node_of(entropy), entropies, Params()) for entropy in (0.0, 0.6, 1.1, 3)] == [1, 3, 4, 5]


# --- the search -------------------------------------------------------------------------------------------------------


async def search(
    written: Sequence[str], /, *, score: Sequence[float] = (), prior: Sequence[float] = (), **params: Any
) -> Played:
    settings = {key: params.pop(key) for key in ("faults",) if key in params}
    params = {"steps": 2, "beam": 1, "depth": 2, **params}
    nothing = Endless(lambda number: "")
    replies = {
        "step": written, "score": nothing, "prior": nothing, "draft": Endless(lambda number: f" \\boxed{{d{number}}}.")
    }  # fmt: skip
    odds = {"score": [*score, *[-0.5] * 99], "prior": [*prior, *[-0.5] * 99]}
    return await play(MITS, params, replies=replies, logprobs=odds, question="Why?", **settings)


def nodes_of(played: Played) -> dict[str, NodePlaced]:
    """Return the last placing of every node."""
    return {placed.node: placed for placed in played.all_of(NodePlaced)}


def answer_of(played: Played) -> tuple[str | None, str]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note


async def test_the_path_is_kept_that_the_question_makes_likelier():
    played = await search(
        ["alpha beta", "gamma delta", "so \\boxed{x}", "so \\boxed{y}"],
        score=[-0.5, -0.9, -0.2, -0.4], prior=[-0.6, -1.5, -0.5, -0.5],
    )  # fmt: skip

    nodes = nodes_of(played)
    # four tokens, `Step`, `1:` and two more; then eight, and half of the difference for each of two steps
    assert {name: (node.state, node.under, round(node.value or 0, 6)) for name, node in nodes.items()} == {
        "1-1": ("pruned", (), 0.4), "1-2": ("kept", (), 2.4),
        "2-1": ("final", ("1-2",), 1.2), "2-2": ("final", ("1-2",), 0.4),
    }  # fmt: skip
    assert answer_of(played) == ("x", "1 of 2 paths, PMI 1.20 a step")
    assert played.answer is not None
    assert played.answer.text == "Step 1: gamma delta\n\nStep 2: so \\boxed{x}"
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (12, 4)


async def test_steps_go_on_from_their_path_and_are_weighed_with_and_without_the_question():
    played = await search(["alpha", "beta", "so \\boxed{x}", "so \\boxed{y}"], score=[-0.1])

    by_key = {request.key: request for request in played.model.asked}
    assert [by_key[f"step-{number}"].messages[-1] for number in (1, 3)] == [
        Message("assistant", "Step 1:"), Message("assistant", "Step 1: alpha\n\nStep 2:"),
    ]  # fmt: skip
    assert {request.stop for key, request in by_key.items() if key.startswith("step")} == {("\nStep",)}
    score, prior = by_key["score-3"], by_key["prior-3"]
    assert score.scored == prior.scored == "Step 1: alpha\n\nStep 2: so \\boxed{x}"
    assert "Why?" in score.messages[0].content
    assert prior.messages == ()


async def test_a_question_that_changes_nothing_gives_nothing():
    played = await search(["alpha", "beta", "so \\boxed{x}", "so \\boxed{y}"])

    assert {node.value for node in nodes_of(played).values()} == {0}


async def test_increments_add_up_to_the_whole_path():
    played = await search(
        ["a", "b", "c", "d", "\\boxed{x}", "\\boxed{y}"], depth=3,
        score=[-0.1, -0.4, -0.3, -0.2, -0.6, -0.3], prior=[-0.8, -0.7, -0.9, -0.6, -0.7, -0.5],
    )  # fmt: skip

    nodes = nodes_of(played)
    assert nodes["3-1"].value == pytest.approx((-0.6 + 0.7) * 9 / 3)  # nine tokens in three steps
    assert nodes["3-2"].value == pytest.approx((-0.3 + 0.5) * 9 / 3)


async def test_twins_and_empty_steps_are_dropped():
    played = await search(["alpha", " alpha ", "", "beta"], steps=4, beam=4, depth=1)

    assert list(nodes_of(played)) == ["1-1", "1-4", "answer-1", "answer-2"]
    assert Counter(request.role for request in played.model.asked) == {"step": 4, "score": 2, "prior": 2, "draft": 2}


async def test_paths_without_an_answer_are_finished_by_a_call_each():
    played = await search(["alpha", "beta"], beam=2, depth=1, score=[-0.1])

    begun = [request.messages[-1].content for request in played.model.asked if request.role == "draft"]
    assert begun == [f"Step 1: {word}\n\nTherefore, the final answer is" for word in ("alpha", "beta")]
    assert answer_of(played) == ("d1", "1 of 2 paths, PMI 1.20 a step")
    assert played.lane.ledger().depth == 3


async def test_when_no_step_comes_the_last_paths_are_finished():
    played = await search(["alpha", "beta", "", ""], beam=2, steps=1)

    assert answer_of(played)[0] == "d1"
    assert [request.role for request in played.model.asked].count("draft") == 1
    [final] = [event for event in played.all_of(CallStarted) if event.role == "draft"]
    assert set(final.after) >= {"score-2", "prior-2"}


async def test_values_below_nothing_are_told():
    played = await search(["so \\boxed{x}", "so \\boxed{x} then"], depth=1, score=[-0.9, -0.8])

    assert "shifted above 0" in played.all_of(NoteTaken)[0].text
    assert answer_of(played)[0] == "x"


async def test_only_the_best_paths_vote():
    steps = ["\\boxed{x}", "\\boxed{y}", "\\boxed{y} so", "\\boxed{y} then"]
    score = [-0.1, -0.3, -0.3, -0.3]

    answer, note = answer_of(await search(steps, score=score, steps=4, depth=1))
    assert (answer, note[:12]) == ("y", "3 of 4 paths")
    assert answer_of(await search(steps, score=score, steps=4, depth=1, voters=1))[0] == "x"


async def test_a_path_that_cannot_be_weighed_is_left_out():
    faults = {"prior-1": StreamCut("The stream broke.")}

    played = await search(["\\boxed{x}", "\\boxed{y}"], depth=1, score=[-0.1, -0.1], faults=faults)

    assert answer_of(played)[0] == "y"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(["step-3", "step-4"], id="no step is written"),
        pytest.param(["score-3", "prior-3", "score-4", "prior-4"], id="no path is weighed"),
        pytest.param(["draft-1"], id="no path is finished"),
    ],
)
async def test_what_is_finished_counts_when_all_that_goes_on_fails(broken: Sequence[str]):
    steps = ["\\boxed{x}", "goes on", "further", "or elsewhere"]

    played = await search(steps, depth=2, faults=dict.fromkeys(broken, StreamCut("The stream broke.")))

    assert answer_of(played)[0] == "x"


async def test_without_any_finished_path_a_failed_level_ends_the_lane():
    faults = {f"step-{number}": StreamCut("The stream broke.") for number in (3, 4)}

    with pytest.raises(StreamCut):
        await search(["one way", "another", "no", "no"], depth=2, faults=faults)


@pytest.mark.parametrize("box", ["\\boxed{4 times 5", "I shall write it inside \\boxed{}."])
async def test_a_box_without_an_answer_leaves_it_to_be_written(box: str):
    played = await search([box], steps=1, depth=1)

    assert answer_of(played)[0] == "d1"


async def test_the_evaluator_may_be_another_model():
    stage = Stage(MITS, {"steps": 1, "beam": 1, "depth": 1}, replies=AnyReplies())
    stage.lane.settings = stage.lane.settings._replace(models={"evaluator": "large"})

    await stage.play()

    assert {(request.role, request.model) for request in stage.model.asked} == {
        ("step", "scripted"), ("score", "large"), ("prior", "large"), ("draft", "scripted"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("params", "steps", "drafts", "depth"),
    [
        pytest.param({"beam": 8, "depth": 6}, 108, 8, 13, id="of the specification"),
        pytest.param({"steps": 2, "beam": 3, "depth": 3}, 12, 3, 7, id="small"),
        pytest.param({"steps": 3, "beam": 32, "depth": 5}, 3 + 9 + 27 + 81 + 96, 32, 11, id="a wide one"),
    ],
)
async def test_without_answers_the_search_costs_what_its_levels_hold(
    params: dict[str, int], steps: int, drafts: int, depth: int
):
    played = await play(MITS, {**params, "gain": 0})

    asked = Counter(request.role for request in played.model.asked)
    assert asked == {"step": steps, "score": steps, "prior": steps, "draft": drafts}
    assert played.lane.ledger().depth == depth
    kept = Counter(node.level for node in nodes_of(played).values() if node.state == "kept")
    assert max(kept.values()) == drafts
    assert max(kept) == depth // 2


def test_the_description_names_its_size():
    assert MITS.describe(MITS.params()) == "3 steps · beam 4 · depth 5 · 8 voters"
