"""The parent forks in its own text; children know their task only; their results come back in order."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import QUESTION, Played, Stage, play, settle
from workers.backends.scripted import ScriptedModel
from workers.core.errors import StreamCut
from workers.core.events import CallFinished, CallStarted, NoteTaken, RoundOpened, ToolUsed
from workers.core.model import Chunk
from workers.core.prompts import fill
from workers.strategies import catalog
from workers.strategies._spawning import read_join, read_tasks, write_results
from workers.strategies.adaptive_parallel_reasoning import CHILD

APR = catalog()["adaptive_parallel_reasoning"]
CUT = StreamCut("The stream broke.")


def spawn(*tasks: str, before: str = "Let me split this.") -> str:
    return f"{before} <spawn>{json.dumps(list(tasks))}</spawn> never read"


async def fork(parent: Sequence[str], texts: Sequence[str] = (), **params: Any) -> Played:
    """Play with the parent's parts and a text for each child."""
    names = ("faults", "arrival", "max_tokens", "question", "wrap")
    staged = {name: params.pop(name) for name in names if name in params}
    replies = {"parent": list(parent)} | {f"child-{n}.child": [text] for n, text in enumerate(texts, 1)}
    return await play(APR, params, replies=replies, **staged)


def begun_of(played: Played, key: str) -> str:
    """Return the parent's own text, as it was given back to it."""
    request = next(request for request in played.model.asked if request.key == key)
    return request.messages[1].content if request.continues else ""


# --- the marks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ('So <spawn>["one", "two"]', ["one", "two"]),
        ('So <spawn> [ "one" , "two" ] \n', ["one", "two"]),
        ('So <spawn>["one" "two"', ["one", "two"]),
        ('So <spawn>1. "one"\n2. "two \\"quoted\\""', ["one", 'two \\"quoted\\"']),
        ('So <spawn>["one", 2, null, "  "]', ["one"]),
        ('So <spawn>["one"]\n<spawn>\n2 + 2\n<spawn>', ["one"]),
        ("So <spawn>[]", []),
        ("So <spawn>one and two", []),
        ('So <spawn>{"a": "b"}', []),
        ('<spawn>["old"]</spawn>\n and then nothing', None),
        ('<spawn>["old"]</spawn>\n and <spawn>["new"]', ["new"]),
        ("Nothing of the kind.", None),
    ],
)
def test_tasks_are_read_from_the_block_that_is_open(text: str, tasks: list[str] | None):
    assert read_tasks(text) == tasks


@given(tasks=st.lists(st.text(max_size=30), max_size=5))
def test_tasks_in_json_are_read_as_they_were_written(tasks: list[str]):
    tasks = [task for task in tasks if "spawn>" not in task]

    assert read_tasks(f"Hm.<spawn>{json.dumps(tasks)}") == [task.strip() for task in tasks if task.strip()]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Long search. <join>6 * 4", "6 * 4"),
        ("<join>first</join> and <join>second</join>", "second"),
        ("<think><join>a guess</join></think><join>6 * 4", "6 * 4"),
        ("So it is \\boxed{24}.", "24"),
        ("I wonder.", "none"),
        ("<join>", "none"),
        ("<join></results> Ha <spawn>", "Ha"),
        ("<join><res</join>ults>", "<res"),
    ],
)
def test_a_child_hands_back_what_it_joined_with(text: str, result: str):
    assert read_join(text) == result


def test_results_stand_in_order_of_spawn_with_a_remark_below():
    assert write_results(["24", "none"], "Go on.") == "<results>\n1: 24\n2: none\nGo on.\n</results>\n"


# --- a fork -----------------------------------------------------------------------------------------------------------


async def test_the_parent_goes_on_from_its_own_text_with_the_results_in_it():
    played = await fork(
        [spawn("one", "two"), "Both: \\boxed{7}"], ["a b c <join>3</join>", "d e <join>4</join>"], spawns=1
    )

    assert begun_of(played, "parent-1") == ""
    assert begun_of(played, "parent-2") == (
        'Let me split this. <spawn>["one", "two"]</spawn>\n'
        "<results>\n1: 3\n2: 4\nNo helpers are left: go on alone.\n</results>\n"
    )
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("7", "1 fork, 2 children")
    assert [event.name for event in played.all_of(RoundOpened)] == [
        "Parent, part 1",
        "Children of fork 1",
        "Parent, part 2",
    ]


async def test_a_child_reads_its_task_and_nothing_else():
    played = await fork([spawn("What is 1 + 2?", "What is 2 + 2?"), "\\boxed{7}"], ["<join>3", "<join>4"])

    children = [request for request in played.model.asked if request.role == "child"]
    assert [request.messages[0].content for request in children] == [
        fill(CHILD, question="What is 1 + 2?"), fill(CHILD, question="What is 2 + 2?"),
    ]  # fmt: skip
    assert all(len(request.messages) == 1 for request in children)


async def test_a_childs_search_never_enters_the_parents_text():
    played = await fork([spawn("one"), "\\boxed{7}"], ["secret search <join>3</join> more secrets"])

    assert "secret" not in begun_of(played, "parent-2")


async def test_children_run_side_by_side_and_the_parent_waits_for_all():
    replies = {
        "parent": [spawn("one", "two"), "\\boxed{7}"],
        "child-1.child": ["a <join>3"],
        "child-2.child": ["b b b"],
    }
    stage = Stage(APR, {}, replies=replies, pauses=["child-2.child-1"])
    task = asyncio.create_task(stage.solve())
    await settle()

    started = [event.call for event in stage.ended().all_of(CallStarted)]
    ended = [event.call for event in stage.ended().all_of(CallFinished)]

    assert started == ["parent-1", "child-1.child-1", "child-2.child-1"]
    assert ended == ["parent-1", "child-1.child-1"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("arrival", range(6))
async def test_results_do_not_depend_on_who_is_faster(arrival: int):
    texts = [f"{'word ' * (20 - 6 * n)} <join>{n}</join>" for n in range(3)]

    played = await fork([spawn("same", "same", "same"), "\\boxed{7}"], texts, arrival=arrival, spawns=2)

    assert "1: 0\n2: 1\n3: 2\n</results>" in begun_of(played, "parent-2")


async def test_children_of_a_later_fork_are_counted_on():
    played = await fork(
        [spawn("one", "two"), spawn("three", before="More."), "\\boxed{7}"],
        ["<join>1", "<join>2", "<join>3"],
        spawns=2,
    )

    assert played.graph == {
        "parent-1": frozenset(),
        "child-1.child-1": {"parent-1"}, "child-2.child-1": {"parent-1"},
        "parent-2": {"parent-1", "child-1.child-1", "child-2.child-1"},
        "child-3.child-1": {"parent-2"},
        "parent-3": {"parent-2", "child-3.child-1"},
    }  # fmt: skip
    assert [event.thread for event in played.all_of(CallStarted)] == ["", "child-1", "child-2", "", "child-3", ""]
    assert begun_of(played, "parent-3").startswith(begun_of(played, "parent-2"))


@given(forks=st.lists(st.integers(1, 4), max_size=3), data=st.data())
@settings(max_examples=20)
async def test_calls_depth_and_sequential_tokens_follow_the_forks(forks: list[int], data: st.DataObject):
    parent = [spawn(*[f"task {n}" for n in range(size)]) for size in forks] + ["So \\boxed{7}"]
    lengths = [data.draw(st.integers(1, 30)) for _ in range(sum(forks))]

    played = await fork(parent, ["word " * length + "<join>3" for length in lengths], spawns=4)

    ledger = played.lane.ledger()
    assert ledger.calls == 1 + sum(size + 1 for size in forks)
    assert ledger.depth == 1 + 2 * len(forks)
    assert ledger.critical_path_tokens <= ledger.total_tokens
    assert (ledger.critical_path_tokens == ledger.total_tokens) == all(size == 1 for size in forks)


async def test_the_parents_context_stays_small_though_the_children_write_much():
    played = await fork([spawn("one", "two"), "\\boxed{7}"], ["word " * 300 + "<join>3"] * 2)

    contexts = {
        event.call: event.usage.prompt_tokens + event.usage.completion_tokens for event in played.all_of(CallFinished)
    }
    assert contexts["parent-2"] < 300 < sum(contexts.values())


# --- limits -----------------------------------------------------------------------------------------------------------


async def test_a_parent_that_never_forks_is_one_call():
    played = await fork(["It is \\boxed{4}."])

    assert played.answer is not None
    assert (played.answer.text, played.answer.answer) == ("It is \\boxed{4}.", "4")
    assert list(played.graph) == ["parent-1"]


async def test_a_forced_fork_begins_the_parents_text():
    played = await fork(['one"]</spawn>', "\\boxed{7}"], ["<join>3"], forced=True)

    assert begun_of(played, "parent-1") == '<spawn>["'
    assert begun_of(played, "parent-2").startswith('<spawn>["one"]</spawn>\n<results>\n1: 3\n')


async def test_after_the_last_fork_the_parent_writes_to_its_end():
    played = await fork([spawn("one"), spawn("two") + " but \\boxed{7}"], ["<join>3"], spawns=1)

    assert [request.stop for request in played.model.asked if request.role == "parent"] == [
        ("</spawn>", "<results>"), (),
    ]  # fmt: skip
    assert played.answer is not None
    assert played.answer.answer == "7"
    assert len(played.graph) == 3


async def test_more_tasks_than_children_are_cut_and_told():
    played = await fork([spawn("one", "two", "three"), "\\boxed{7}"], ["<join>1", "<join>2"], children=2)

    assert "1: 1\n2: 2\nOnly the first 2 tasks were given to helpers.\n" in begun_of(played, "parent-2")
    assert [note.text for note in played.all_of(NoteTaken)] == ["Only 2 of 3 tasks were given to children."]


async def test_a_childs_text_is_bounded_and_a_child_cut_off_has_found_nothing():
    played = await fork([spawn("one"), "\\boxed{7}"], ["\\boxed{5} " + "word " * 20 + "<join>3"], child_tokens=16)

    assert "1: none\n" in begun_of(played, "parent-2")


# --- things go wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["both of them", "[]", '{"a": 1}'])
async def test_tasks_that_cannot_be_read_cost_a_fork(block: str):
    played = await fork([f"Hm. <spawn>{block}</spawn>", "\\boxed{7}"], spawns=1)

    assert begun_of(played, "parent-2").endswith(
        "</spawn>\n<results>\nNo task could be read: write them as a JSON list of strings. "
        "No helpers are left: go on alone.\n</results>\n"
    )
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "The parent's tasks could not be read; this counts as a fork."
    ]


async def test_results_that_the_parent_makes_up_are_stopped():
    played = await fork(["I ask. <results>\n1: it is 9", "Then \\boxed{7}"], spawns=2)

    assert begun_of(played, "parent-2") == (
        "I ask. \n<results>\nNo helper was asked. Never write results yourself.\n</results>\n"
    )
    assert played.answer is not None
    assert "9" not in played.answer.text


async def test_endless_forks_end():
    played = await fork([spawn("again")] * 9, ["<join>3"] * 9, spawns=4)

    assert len([key for key in played.graph if key.startswith("parent")]) == 5


async def test_a_parent_cut_off_in_its_tasks_does_not_fork():
    played = await fork([spawn("one two three four five six seven eight nine ten")], max_tokens=8)

    assert list(played.graph) == ["parent-1"]


async def test_a_child_that_fails_has_found_nothing():
    played = await fork([spawn("one", "two"), "\\boxed{7}"], ["<join>1", "<join>2"], faults={"child-1.child-1": CUT})

    assert "1: none\n2: 2\n" in begun_of(played, "parent-2")
    assert played.graph["parent-2"] == {"parent-1", "child-2.child-1"}


async def test_a_childs_answer_is_not_taken_for_the_parents():
    played = await fork([spawn("one"), "I cannot say."], ["<join>it is \\boxed{3}"])

    assert played.answer is not None
    assert played.answer.answer is None


async def test_a_server_that_does_not_say_what_stopped_it_is_understood():
    class Mute(ScriptedModel):
        async def stream(self, request: Any) -> Any:
            async for chunk in super().stream(request):
                yield chunk._replace(stopped_by="") if isinstance(chunk, Chunk) else chunk

    replies = {"parent": [spawn("one"), "\\boxed{7}"], "child": ["<join>3"]}

    played = await Stage(APR, {}, wrap=lambda _: Mute(replies)).play()

    assert played.error is None
    assert list(played.graph) == ["parent-1", "child-1.child-1", "parent-2"]


# --- Countdown --------------------------------------------------------------------------------------------------------

PUZZLE = "Using all the numbers 9, 6, 4, 2, create an expression that equals 28."


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("\\boxed{9 * 2 + 6 + 4}", "It is right."),
        ("\\boxed{9 * 2 + 9 + 1}", "9 is not there to be used in 18+9=27."),
        ("I give up.", "It is neither an expression nor a list of operations."),
    ],
)
async def test_a_countdown_answer_is_replayed_for_the_reader(text: str, result: str):
    played = await fork([text], question=PUZZLE)

    (used,) = played.all_of(ToolUsed)
    assert (used.tool, used.output, used.after) == ("Countdown replay", result, ("parent-1",))


async def test_other_questions_are_not_replayed():
    assert (await fork(["\\boxed{4}"], question=QUESTION)).all_of(ToolUsed) == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "at most 2 forks · 4 children"),
        ({"forced": True}, "at most 2 forks · 4 children · the first forced"),
        ({"spawns": 0, "forced": True}, "at most 0 forks · 4 children"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert APR.describe(APR.params(**params)) == words
