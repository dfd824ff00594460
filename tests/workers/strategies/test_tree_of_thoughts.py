"""States are kept by what judges foresee, level by level, or depth first; none is gone on from once it is pruned."""

from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, ReadingJudge, play
from workers.core.errors import StreamCut
from workers.core.estimate import estimate_cost
from workers.core.events import CallStarted, NodePlaced, NoteTaken
from workers.core.values import Answer, Sampling
from workers.strategies import catalog

TOT = catalog()["tree_of_thoughts"]
DRAFT = ["So \\boxed{7}."]


def thoughts(says: Any = lambda number: f"thought {number}") -> dict[str, Any]:
    return {"step": Endless(says), "draft": DRAFT, "judge": Endless(lambda number: f"Verdict: {number * 7 % 3}")}


async def judged(says: Any, script: dict[str, Any] | None = None, **params: Any) -> Played:
    """Play with a judge that reads what stands between the marks."""

    def read(prompt: str) -> str:
        return str(says(prompt.split("---\n", 1)[1].split("\n---")[0]))

    return await play(TOT, params, replies=script or thoughts(), wrap=lambda model: ReadingJudge(model, read))


def states_of(played: Played, level: int) -> dict[str, list[NodePlaced]]:
    """Return the nodes of a level by their state after it, as they stood when the level ended."""
    states: dict[str, list[NodePlaced]] = {"kept": [], "pruned": [], "open": [], "final": []}
    for event in played.all_of(NodePlaced):
        if event.level == level:
            states[event.state].append(event)
    return states


# --- breadth ----------------------------------------------------------------------------------------------------------


@given(width=st.integers(1, 4), kept=st.integers(1, 4), depth=st.integers(1, 4), seed=st.integers(0, 9))
@settings(max_examples=25)
async def test_each_level_keeps_the_best_and_goes_on_from_them_alone(width: int, kept: int, depth: int, seed: int):
    script = thoughts() | {"judge": Endless(lambda number: f"Verdict: {(number + seed) * 7 % 11 % 3}")}
    played = await play(TOT, {"thoughts": width, "kept": kept, "depth": depth}, replies=script)

    before = {""}
    for level in range(1, depth + 1):
        states = states_of(played, level)
        assert len(states["kept"]) == min(kept, len(before) * width)
        assert {under for node in (*states["kept"], *states["pruned"]) for under in node.under or ("",)} == before
        worst = min(node.value or 0 for node in states["kept"])
        assert all(worst >= (node.value or 0) >= 0 for node in states["pruned"])
        values = [node.value or 0 for node in states["kept"]]
        assert values == sorted(values, reverse=True)
        before = {node.node for node in states["kept"]}


@given(
    width=st.integers(2, 4), kept=st.integers(1, 4), depth=st.integers(1, 4), evaluations=st.integers(1, 3),
    evaluate=st.sampled_from(["value", "vote"]),
)  # fmt: skip
@settings(max_examples=25)
async def test_calls_and_depth_are_those_of_the_formula(
    width: int, kept: int, depth: int, evaluations: int, evaluate: str
):
    params = {
        "thoughts": width, "kept": kept, "depth": depth, "evaluations": evaluations, "evaluate": evaluate
    }  # fmt: skip
    played = await play(TOT, params, replies=thoughts())

    calls, states = 1, 1
    for _ in range(depth):
        found = states * width
        calls += found + (found * evaluations if evaluate == "value" else evaluations)
        states = min(kept, found)
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (calls, 2 * depth + 1)


async def test_one_thought_and_one_kept_is_one_step_after_the_other():
    played = await play(TOT, {"thoughts": 1, "kept": 1, "depth": 3}, replies=thoughts())

    assert played.graph == {
        "step-1": frozenset(),
        "judge-1": {"step-1"},
        "step-2": {"step-1", "judge-1"},
        "judge-2": {"step-2"},
        "step-3": {"step-2", "judge-2"},
        "judge-3": {"step-3"},
        "draft-1": {"step-3", "judge-3"},
    }
    assert "No step has been written yet." in played.prompts["step-1"]
    assert "Steps so far:\n\nthought 1\n\nthought 2\n\n" in played.prompts["step-3"]
    assert "Steps so far:\n\nthought 1\n\nthought 2\n\nthought 3\n\n" in played.prompts["draft-1"]


async def test_labels_are_worth_what_the_paper_says():
    """Golden values: sure 20, maybe 1, impossible 0.001, summed."""
    script = thoughts() | {"judge": [f"Verdict: {label}" for label in (2, 1, 0, 2, 2, 2, 0, 0, 0)]}

    played = await play(TOT, {"thoughts": 3, "kept": 3, "depth": 1, "evaluations": 3}, replies=script)

    values = {node.node: node.value for node in states_of(played, 1)["kept"]}
    assert values == pytest.approx({"1-2": 60, "1-1": 21.001, "1-3": 0.003})


async def test_with_an_oracle_the_solution_is_found_if_and_only_if_it_is_among_the_thoughts():
    for letters in product("ab", repeat=6):
        script = thoughts(lambda number, letters=letters: f"{letters[number - 1]} {number}")

        played = await judged(lambda text: f"Verdict: {0 if 'b' in text else 2}", script, thoughts=2, kept=1, depth=3)

        begun = played.prompts["draft-1"].split("Steps so far:\n\n")[1].split("\n\nWrite")[0]
        assert ("b" not in begun) == all("a" in letters[place : place + 2] for place in (0, 2, 4))


async def test_thoughts_with_the_same_text_are_one_and_judged_once():
    played = await play(
        TOT, {"thoughts": 4, "kept": 4, "depth": 1}, replies=thoughts(lambda number: f"thought {number % 2}")
    )

    assert [call for call in played.graph if call.startswith("judge")] == ["judge-1", "judge-2"]


async def test_what_is_written_beyond_the_step_is_dropped():
    played = await play(
        TOT, {"thoughts": 1, "kept": 1, "depth": 1}, replies=thoughts(lambda number: "\n\nAdd.\n\nThen halve.")
    )

    assert "Steps so far:\n\nAdd.\n\nWrite" in played.prompts["draft-1"]


async def test_a_state_with_an_answer_is_kept_as_it_is_and_needs_no_finish():
    replies = ["Add 3 to 4.", "Guess.", "It is \\boxed{7}.", "It may be 8.", "Check.", "Look."]
    verdicts = [2, 1, 2, 0, 1, 0]
    script = {"step": replies, "judge": [f"Verdict: {verdict}" for verdict in verdicts], "draft": ()}

    played = await play(TOT, {"thoughts": 2, "kept": 1, "depth": 4}, replies=script)

    assert played.answer == Answer(text="Add 3 to 4.\n\nIt is \\boxed{7}.", answer="7", note="thought 2-1")
    assert list(played.graph) == ["step-1", "step-2", "judge-1", "judge-2", "step-3", "step-4", "judge-3", "judge-4"]


@pytest.mark.parametrize("box", ["\\boxed{4 times 5", "I shall write it inside \\boxed{}."])
async def test_a_box_without_an_answer_leaves_it_to_be_written(box: str):
    script = {"step": [box], "judge": ["Verdict: 2"], "draft": DRAFT}

    played = await play(TOT, {"thoughts": 1, "kept": 1, "depth": 1}, replies=script)

    assert played.answer is not None
    assert played.answer.answer == "7"


async def test_a_kept_answer_counts_when_all_that_goes_on_fails():
    script = {"step": ["\\boxed{7}", "Add.", "", ""], "judge": ["Verdict: 1", "Verdict: 2"], "draft": ()}
    broken = {f"step-{number}": StreamCut("The stream broke.") for number in (3, 4)}

    played = await play(TOT, {"thoughts": 2, "kept": 2, "depth": 3}, replies=script, faults=broken)

    assert played.answer is not None
    assert played.answer.answer == "7"


async def test_an_answered_state_competes_with_what_others_become():
    verdicts = [1, 1, 0, 2, 2, 0]
    script = {
        "step": ["\\boxed{7}", "Add.", "No.", "Halve."],
        "judge": [f"Verdict: {verdict}" for verdict in verdicts],
        "draft": ["\\boxed{8}"],
    }

    played = await play(TOT, {"thoughts": 2, "kept": 2, "depth": 2}, replies=script)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("8", "from thought 2-2")
    assert [node.node for node in states_of(played, 1)["kept"]] == ["1-1", "1-2", "1-1"]


async def test_an_unreadable_verdict_counts_as_the_mean_of_the_others():
    script = thoughts() | {"judge": ["Verdict: 2", "Hm.", "Verdict: 1", "Hm.", "Hm.", "Hm."]}

    played = await play(TOT, {"thoughts": 3, "kept": 3, "depth": 1, "evaluations": 2}, replies=script)

    values = {node.node: node.value for node in states_of(played, 1)["kept"]}
    assert values == {"1-1": 40, "1-3": 21, "1-2": 2}
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "4 of 6 verdicts could not be read; they count for nothing."
    ]


async def test_judges_that_all_fail_keep_the_first_thoughts():
    faults = {f"judge-{number}": StreamCut("The stream broke.") for number in range(1, 20)}

    played = await play(TOT, {"thoughts": 3, "kept": 2, "depth": 2}, replies=thoughts(), faults=faults)

    assert [node.node for node in states_of(played, 2)["kept"]] == ["2-1", "2-2"]
    assert played.answer is not None


async def test_draws_keep_states_of_some_value():
    async def kept(seed: int) -> set[str]:
        played = await play(
            TOT, {"thoughts": 4, "kept": 2, "depth": 1, "select": "draw"}, seed=seed,
            replies=thoughts() | {"judge": ["Verdict: 1", "Verdict: 0", "Verdict: 1", "Verdict: 1"]},
        )  # fmt: skip
        return {node.node for node in states_of(played, 1)["kept"]}

    sets = [await kept(seed) for seed in range(20)]

    assert all(1 <= len(names) <= 2 for names in sets)
    assert set.union(*sets) == {"1-1", "1-3", "1-4"}  # the impossible one has 1 chance in 3001


# --- proposals and votes ----------------------------------------------------------------------------------------------


async def test_one_call_can_list_the_thoughts():
    lists = ["Sure:\n1. Add.\n2. Halve.\n3. Add.\n4. Guess.\nDone.", "1. Check.", "1. Double."]
    script = thoughts() | {"propose": lists}

    played = await play(
        TOT, {"thoughts": 3, "kept": 2, "depth": 2, "generate": "propose", "evaluate": "vote"}, replies=script
    )

    assert "Write 3 different ways" in played.prompts["propose-1"]
    titles = [node.title for node in played.all_of(NodePlaced) if node.level == 1]
    assert sorted(set(titles)) == ["Add.", "Guess.", "Halve."]
    assert played.graph["judge-1"] == {"propose-1"}
    assert played.graph["judge-2"] == {"propose-2", "propose-3"}


async def test_a_list_that_cannot_be_read_leaves_the_solution_to_one_call():
    script = thoughts() | {"propose": ["Add, or halve it."]}

    played = await play(TOT, {"generate": "propose"}, replies=script)

    assert played.answer == Answer(text=DRAFT[0], answer="7", note="no thought could be read")
    assert [note.text for note in played.all_of(NoteTaken)] == ["No next step could be read."]


async def test_votes_count_for_the_state_that_was_meant_whatever_its_place():
    def vote(prompt: str) -> str:
        """Choose the beginning that says `thought 3`."""
        number = prompt.split("\nthought 3\n")[0].rsplit("beginning ", 1)[1][0]
        return f"Verdict: {number}"

    played = await play(
        TOT, {"thoughts": 3, "kept": 1, "depth": 1, "evaluate": "vote", "evaluations": 5}, replies=thoughts(),
        wrap=lambda model: ReadingJudge(model, vote),
    )  # fmt: skip

    prompts = [prompt for call, prompt in played.prompts.items() if call.startswith("judge")]
    assert len({prompt.index("thought 3") for prompt in prompts}) > 1
    assert [(node.node, node.value) for node in states_of(played, 1)["kept"]] == [("1-3", 5)]
    assert {node.value for node in states_of(played, 1)["pruned"]} == {0}


# --- depth ------------------------------------------------------------------------------------------------------------


async def test_the_depth_search_returns_from_where_nothing_can_lead_on():
    names = ["a", "b dead", "c dead", "d dead", "e", "f dead"]
    script = thoughts(lambda number: names[number - 1])

    played = await judged(
        lambda text: f"Verdict: {0 if 'dead' in text else 2 if text == 'a' else 1}", script,
        search="depth", thoughts=2, depth=2, visits=9,
    )  # fmt: skip

    assert [node.node for node in played.all_of(NodePlaced) if node.state == "pruned"] == ["1-2", "2-1", "2-2"]
    assert played.answer is not None
    assert played.answer.note == "from thought 1-1"
    assert list(played.graph)[-1] == "draft-1"
    assert [event.call for event in played.all_of(CallStarted) if event.role == "step"] == [
        "step-1", "step-2", "step-3", "step-4"
    ]  # fmt: skip


async def test_the_depth_search_takes_the_best_child_first_and_then_its_siblings():
    values = {"a": 1, "b": 2, "c": 0, "d": 0, "e": 1, "f": 2}
    script = thoughts(lambda number: "abcdef"[number - 1])

    played = await judged(
        lambda text: f"Verdict: {values[text[-1]]}", script, search="depth", thoughts=2, depth=2, visits=9
    )

    assert "Steps so far:\n\nb\n\n" in played.prompts["step-3"]
    assert "Steps so far:\n\na\n\n" in played.prompts["step-5"]
    assert "Steps so far:\n\na\n\nf\n\n" in played.prompts["draft-1"]
    assert played.lane.ledger().depth == 2 * 3 + 1


@given(visits=st.integers(1, 6), width=st.integers(1, 3), depth=st.integers(1, 4), seed=st.integers(0, 20))
@settings(max_examples=30)
async def test_the_depth_search_visits_at_most_its_limit_and_nothing_pruned(
    visits: int, width: int, depth: int, seed: int
):
    script = thoughts() | {"judge": Endless(lambda number: f"Verdict: {(number * 5 + seed) % 7 % 3}")}
    params = {"search": "depth", "visits": visits, "thoughts": width, "depth": depth}
    played = await play(TOT, params, replies=script)

    placed = played.all_of(NodePlaced)
    pruned = {node.node for node in placed if node.state == "pruned"}
    visited = [node.node for node in placed if node.state == "kept"]
    count = len([event for event in played.all_of(CallStarted) if event.role == "step"]) // width
    assert count <= visits
    assert len(visited) == len(set(visited)) == count - 1  # the root is not shown
    assert pruned.isdisjoint({under for node in placed for under in node.under})
    assert played.lane.ledger().depth <= 2 * visits + 1


@pytest.mark.parametrize(("verdict", "is_read"), [("Verdict: 1", True), ("Hm.", False)])
async def test_the_depth_search_prunes_what_gets_no_vote_unless_nothing_does(verdict: str, is_read: bool):
    script = thoughts() | {"judge": Endless(lambda number: verdict)}

    played = await play(TOT, {"search": "depth", "evaluate": "vote", "thoughts": 2, "depth": 1}, replies=script)

    shown = played.prompts["judge-1"]
    is_first = shown.index("thought 1") < shown.index("thought 2")
    unvoted = ["1-2" if is_first else "1-1"] if is_read else []
    assert [node.node for node in played.all_of(NodePlaced) if node.state == "pruned"] == unvoted


async def test_the_deepest_state_counts_when_the_visits_are_spent():
    played = await judged(lambda text: "Verdict: 1", search="depth", thoughts=2, depth=5, visits=2)

    assert "Steps so far:\n\nthought 1\n\nthought 3\n\n" in played.prompts["draft-1"]


async def test_a_depth_search_ends_at_an_answer():
    script = thoughts(lambda number: f"It is \\boxed{{{number}}}.")

    played = await judged(lambda text: "Verdict: 2", script, search="depth", thoughts=2)

    assert played.answer == Answer(text="It is \\boxed{1}.", answer="1", note="thought 1-1")


@pytest.mark.parametrize(
    ("params", "calls", "depth"),
    [
        ({}, 3 + 3 + 2 * (6 + 6) + 1, 7),
        ({"evaluate": "vote", "evaluations": 4}, 3 + 4 + 2 * (6 + 4) + 1, 7),
        ({"generate": "propose"}, 1 + 3 + 2 * (2 + 6) + 1, 7),
        ({"search": "depth", "depth": 4}, 4 * (3 + 3) + 1, 9),
        ({"search": "depth", "depth": 9, "visits": 5}, 5 * (3 + 3) + 1, 11),
    ],
)
async def test_the_estimate_is_the_formula(params: dict[str, Any], calls: int, depth: int):
    cost = await estimate_cost(
        TOT, TOT.params(**params), question="x", sampling=Sampling(max_tokens=64), random=Random(0)
    )

    assert (cost.calls, cost.depth) == (calls, depth)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "3 thoughts · value · best 2 · depth 3"),
        (
            {"generate": "propose", "evaluate": "vote", "evaluations": 5, "select": "draw", "kept": 1},
            "3 thoughts · listed · 5 votes · draw 1 · depth 3",
        ),
        ({"search": "depth", "visits": 20}, "3 thoughts · value · depth first to 3 · 20 visits"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert TOT.describe(TOT.params(**params)) == words
