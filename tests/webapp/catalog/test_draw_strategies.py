"""The picture of a call graph: one column for each depth, one band for each round."""

import asyncio
import random
from itertools import pairwise

import pytest

from webapp.catalog.drawing import draw
from workers import strategies
from workers.core.playing import play_example, play_silently


def silent(slug, **params):
    strategy = strategies.catalog()[slug]
    played = asyncio.run(play_silently(strategy, strategy.params.model_validate(params), random=random.Random(0)))
    return draw(played)


@pytest.mark.parametrize("slug", strategies.catalog())
def test_every_call_of_the_example_is_drawn_inside_the_picture(slug):
    played = asyncio.run(play_example(strategies.catalog()[slug], random=random.Random(0)))

    picture = draw(played)

    assert len(picture.nodes) == played.ledger.calls
    assert len(picture.depths) == played.ledger.depth
    assert all(0 < node.x < picture.width and 38 < node.y < 226 for node in picture.nodes)
    assert sum(node.is_critical for node in picture.nodes) == len(played.ledger.critical_path)


def test_a_worked_example_comes_to_its_answer():
    for strategy in strategies.catalog().values():
        played = asyncio.run(play_example(strategy, random=random.Random(0)))

        assert played.answer is not None, strategy.slug
        assert played.answer.answer == strategy.example.answer
        assert (played.ledger.calls, played.ledger.depth) == (strategy.example.calls, strategy.example.depth)


def test_rounds_are_bands_with_their_calls_counted():
    picture = silent("parallel_distill_refine", widths=(8, 4, 1))

    assert [(band.name, band.counts) for band in picture.bands] == [
        ("Round 1", "8 drafts, 1 distill"),
        ("Round 2", "4 refines, 1 distill"),
        ("Round 3", "1 refine"),
    ]
    assert picture.description == (
        "Round 1: 8 drafts, 1 distill; Round 2: 4 refines, 1 distill; Round 3: 1 refine. Calls: 15, 5 in sequence."
    )


def test_bands_do_not_overlap():
    bands = silent("parallel_distill_refine", widths=(4, 3, 2, 1)).bands

    assert all(left.x + left.width <= right.x for left, right in pairwise(bands))


def test_text_that_goes_through_a_workspace_is_drawn_through_its_box():
    picture = silent("parallel_distill_refine", widths=(2, 1))

    box = picture.boxes[0]
    into, out_of = f"{box.x - 20:g} {box.y:g}", f"M{box.x + 20:g} {box.y:g}"
    assert sum(edge.path.endswith(into) for edge in picture.edges) == 1
    assert sum(edge.path.startswith(out_of) for edge in picture.edges) == 1
    assert box.label == "≤ 1,024"


def test_independent_drafts_all_lead_to_the_answer():
    picture = silent("self_consistency", drafts=5)

    assert len(picture.edges) == 10
    assert sum(edge.is_critical for edge in picture.edges) == 2
