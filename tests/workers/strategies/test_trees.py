"""Nodes hold their path; choosing among them is a matter of values and order alone."""

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.values import Reply, Usage
from workers.strategies._trees import ROOT, Node, draw_by_value, drop_twins, fill_up, grow, keep_best, weigh

VALUES = st.lists(st.floats(0, 10), max_size=8)


def reply(key: str, text: str) -> Reply:
    return Reply(key, text, "", "stop", Usage(), None)


def nodes_of(values: list[float]) -> list[Node]:
    return [Node(f"1-{place}", (f"step {place}",), (value,), value) for place, value in enumerate(values)]


@given(steps=st.lists(st.text("ab", min_size=1), min_size=1, max_size=5))
def test_the_text_of_a_node_is_its_steps_and_each_has_a_score(steps: list[str]):
    node = ROOT
    for place, step in enumerate(steps, 1):
        node = weigh(grow(node, step, reply(f"step-{place}", step), name=f"{place}-1"), 0.5, fmean)

    assert node.text == "\n\n".join(steps)
    assert len(node.scores) == node.level == len(steps)
    assert (node.draft.key, node.draft.text) == (f"step-{len(steps)}", node.text)


def test_growing_leaves_the_parent_as_it_was():
    parent = weigh(grow(ROOT, "a", reply("step-1", "a"), name="1-1"), 0.25, max)

    child = weigh(grow(parent, "b", reply("step-2", "b"), name="2-1"), 0.75, max)

    assert (parent.steps, parent.scores, parent.value, parent.name) == (("a",), (0.25,), 0.25, "1-1")
    assert (child.steps, child.scores, child.value, child.under) == (("a", "b"), (0.25, 0.75), 0.75, "1-1")


def test_an_empty_step_completes_the_text_and_its_score_replaces_the_last():
    parent = weigh(grow(ROOT, "a \\boxed{7}", reply("step-1", "a"), name="1-1"), 0.25, min)

    child = weigh(grow(parent, "", reply("step-2", ""), name="2-1"), 0.75, min)

    assert (child.steps, child.scores, child.value, child.is_complete) == (parent.steps, (0.75,), 0.75, True)
    assert (child.draft.key, child.draft.answer) == ("step-2", "7")


def test_the_root_is_no_draft():
    with pytest.raises(ValueError, match="root"):
        _ = ROOT.draft


@given(values=VALUES, count=st.integers(1, 9))
def test_the_best_are_kept_in_order_and_ties_go_to_the_earlier(values: list[float], count: int):
    nodes = nodes_of(values)

    kept = keep_best(nodes, count)

    assert len(kept) == min(count, len(nodes))
    assert [node.value for node in kept] == sorted(values, reverse=True)[:count]
    places = [(-node.value, nodes.index(node)) for node in kept]
    assert places == sorted(places)


def test_equal_values_keep_the_first():
    assert [node.name for node in keep_best(nodes_of([1.0] * 5), 2)] == ["1-0", "1-1"]


@given(values=VALUES, chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5))
def test_draws_are_distinct_descending_and_never_worthless(values: list[float], chances: list[float]):
    drawn = draw_by_value(nodes_of(values), chances)

    assert len({node.name for node in drawn}) == len(drawn) <= len(chances)
    if any(values):
        assert drawn
        assert all(node.value > 0 for node in drawn)
        assert [node.value for node in drawn] == sorted((node.value for node in drawn), reverse=True)


def test_a_node_is_drawn_as_often_as_its_part_of_all_values():
    nodes = nodes_of([20.0, 1.0, 0.0, 19.0])

    names = [draw_by_value(nodes, [place / 400])[0].name for place in range(400)]

    assert {name: names.count(name) for name in names} == {"1-0": 200, "1-1": 10, "1-3": 190}


def test_worthless_nodes_are_taken_in_order():
    assert [node.name for node in draw_by_value(nodes_of([0.0, 0.0, 0.0]), [0.9, 0.1])] == ["1-0", "1-1"]
    assert draw_by_value([], [0.5]) == []


def test_twins_leave_the_first_and_the_order():
    nodes = [Node("a", ("x",)), Node("b", ("y",)), Node("c", ("x",)), Node("d", ("z",))]

    assert [node.name for node in drop_twins(nodes)] == ["a", "b", "d"]


@given(size=st.integers(1, 6), count=st.integers(1, 12))
def test_filling_up_goes_round_in_turn(size: int, count: int):
    nodes = nodes_of([0.0] * size)

    filled = fill_up(nodes, count)

    assert len(filled) == count
    assert all(node == nodes[place % size] for place, node in enumerate(filled))
