"""What a lane promises to strategies."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.backends.scripted import ScriptedModel
from workers.core import events
from workers.core.asking import LaneSettings, derive_seed
from workers.core.errors import BudgetSpent, StrategyError, StreamCut, Unreachable
from workers.core.lane import LiveLane
from workers.core.model import Chunk, Message, Request
from workers.core.values import Answer, Reply, Sampling, Usage

CUT = StreamCut("The stream broke.")


class Recorder(list[events.Event]):
    """Everything that a lane tells."""

    def take(self, event: events.Event, prompt: str | None) -> None:
        self.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


class CountsLate(ScriptedModel):
    """Sends its count of tokens, a high one, in a chunk after the finish reason."""

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().stream(request):
            yield chunk._replace(usage=None)
        yield Chunk(usage=Usage(prompt_tokens=1_000, completion_tokens=4))


class CountsItsCounting(ScriptedModel):
    """Remembers what it was asked to count."""

    counted: tuple[str, ...] = ()

    async def count_tokens(self, text: str) -> int:
        self.counted = (*self.counted, text)
        return await super().count_tokens(text)


def make_lane(
    replies: Mapping[str, Sequence[str]] | None = None,
    *,
    budget_tokens: int | None = None,
    equal: Any = None,
    max_tokens: int = 100,
    seed: int = 0,
    arrival: int = 0,
    model: type[ScriptedModel] = ScriptedModel,
    **script: Any,
) -> tuple[LiveLane, Recorder, ScriptedModel]:
    recorder = Recorder()
    scripted = model(replies or {}, seed=arrival, **script)
    lane = LiveLane(
        LaneSettings(7, "scripted", Sampling(max_tokens=max_tokens, temperature=0.7), seed, budget_tokens),
        model=scripted,
        emit=recorder.take,
        clock=lambda: len(recorder),
        random=random.Random(0),
        **({"equal": equal} if equal else {}),
    )
    return lane, recorder, scripted


# --- asking -----------------------------------------------------------------------------------------------------------


async def test_keys_count_within_their_role_in_order_of_asking():
    lane, _, model = make_lane({"draft": ("a", "b"), "judge": ("c",)})

    last, judge, first = lane.ask("x", role="draft"), lane.ask("y", role="judge"), lane.ask("z", role="draft")
    replies = [await first, await judge, await last]

    assert [reply.key for reply in replies] == ["draft-2", "judge-1", "draft-1"]
    assert [request.messages[0].content for request in model.asked] == ["z", "y", "x"]


async def test_a_request_carries_sampling_and_a_seed_of_its_own():
    lane, _, model = make_lane({"draft": ("a",) * 4}, seed=3)

    await lane.ask_many("x", times=2, role="draft")
    await lane.ask("x", role="draft", temperature=0, max_tokens=10)
    await lane.ask([Message("system", "s"), Message("user", "u")], role="draft", max_tokens=5_000)

    assert [request.seed for request in model.asked] == [derive_seed(3, f"draft-{n}") for n in (1, 2, 3, 4)]
    assert len({request.seed for request in model.asked}) == 4
    assert [request.temperature for request in model.asked] == [0.7, 0.7, 0, 0.7]
    assert [request.max_tokens for request in model.asked] == [100, 100, 10, 100]  # never more than sampling allows
    assert [message.role for message in model.asked[3].messages] == ["system", "user"]


@given(st.integers(0, 2**31), st.text())
def test_seeds_fit_every_server(seed: int, key: str):
    assert 0 <= derive_seed(seed, key) < 2**31


async def test_calls_say_what_they_come_after():
    lane, told, _ = make_lane({"draft": ("a", "b"), "refine": ("c", "d")})

    drafts = await lane.ask_many("x", times=2, role="draft")
    await lane.ask("y", role="refine", after=drafts)
    await lane.ask("z", role="refine", after=drafts[0])

    assert [started.after for started in told.of(events.CallStarted)] == [
        (), (), ("draft-1", "draft-2"), ("draft-1",)
    ]  # fmt: skip


@pytest.mark.parametrize("arrival", range(5))
async def test_replies_stand_in_the_order_of_the_prompts_and_are_heard_of_as_they_come(arrival: int):
    lane, told, _ = make_lane({"draft": ("a", "b", "c")}, arrival=arrival)
    heard: list[tuple[int, str]] = []

    async def hear(index: int, reply: Reply) -> None:
        heard.append((index, reply.key))

    replies = await lane.ask_each(["x", "y", "z"], role="draft", each=hear)

    assert [reply.text for reply in replies] == ["a", "b", "c"]
    assert [key for _, key in heard] == [finished.call for finished in told.of(events.CallFinished)]
    assert sorted(heard) == [(0, "draft-1"), (1, "draft-2"), (2, "draft-3")]


async def test_a_failed_call_is_told_and_left_out():
    lane, told, _ = make_lane({"draft": ("a a", "b b", "c c")}, faults={"draft-2": CUT})

    replies = await lane.ask_many("x", times=3, role="draft")

    assert [reply.key for reply in replies] == ["draft-1", "draft-3"]
    assert [(failed.call, failed.error) for failed in told.of(events.CallFailed)] == [("draft-2", str(CUT))]
    assert lane.ledger().failed_calls == 1


async def test_when_all_calls_fail_the_first_in_order_is_raised():
    faults = {"draft-1": CUT, "draft-2": Unreachable("Down.")}
    lane, _, _ = make_lane({"draft": ("a", "b")}, faults=faults)

    with pytest.raises(StreamCut):
        await lane.ask_many("x", times=2, role="draft")


async def test_an_error_that_is_ours_stops_the_neighbors_and_is_raised_alone():
    lane, told, _ = make_lane({"draft": ("a",)}, pauses=["draft-1"])

    with pytest.raises(StrategyError, match="no reply for 'draft-2'"):
        await lane.ask_many("x", times=2, role="draft")

    assert [cancelled.call for cancelled in told.of(events.CallCancelled)] == ["draft-1"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_asking_nothing_is_our_mistake():
    lane, _, _ = make_lane()

    with pytest.raises(StrategyError) as mistake:
        await lane.ask_many("x", times=0, role="draft")

    assert str(mistake.value) == "Role 'draft' asks nothing: the list of prompts is empty."


async def test_gathering_nothing_gives_nothing():
    lane, _, _ = make_lane()

    assert await lane.gather([]) == []


async def test_chains_run_side_by_side_and_a_broken_one_is_left_out():
    lane, _, _ = make_lane({"draft": ("a", "b"), "refine": ("A", "B")}, faults={"draft-1": CUT})

    async def chain(draft: Any) -> str:
        return (await lane.ask("better", role="refine", after=await draft)).text

    assert await lane.gather([chain(lane.ask("x", role="draft")) for _ in range(2)]) == ["A"]


# --- rounds, workspaces, notes, votes ---------------------------------------------------------------------------------


async def test_rounds_are_numbered_and_calls_belong_to_them():
    lane, told, _ = make_lane({"draft": ("a", "b", "c")})

    for name in ("Draft", "Refine"):
        async with lane.round(name):
            await lane.ask("x", role="draft")
    await lane.ask("x", role="draft")

    assert [(opened.index, opened.name) for opened in told.of(events.RoundOpened)] == [(1, "Draft"), (2, "Refine")]
    assert [closed.index for closed in told.of(events.RoundClosed)] == [1, 2]
    assert [started.round for started in told.of(events.CallStarted)] == [1, 2, 0]


async def test_a_workspace_is_shown_as_it_is_when_it_fits():
    lane, told, _ = make_lane({"draft": ("a",)})
    draft = await lane.ask("x", role="draft")

    assert await lane.write_workspace("four words of text", limit=4, after=draft) == "four words of text"

    [written] = told.of(events.WorkspaceWritten)
    assert (written.index, written.tokens, written.limit, written.after) == (1, 4, 4, ("draft-1",))
    assert not told.of(events.NoteTaken)


async def test_a_workspace_that_is_too_long_keeps_its_end_and_says_so():
    lane, told, _ = make_lane()

    text = await lane.write_workspace(" ".join(f"word{n}" for n in range(100)), limit=10)

    assert text.endswith("word98 word99")
    [written] = told.of(events.WorkspaceWritten)
    assert (written.text, written.tokens) == (text, len(text.split()))
    assert [note.text for note in told.of(events.NoteTaken)] == [
        f"Workspace 1 was cut to its last {written.tokens} tokens; the limit is 10."
    ]


@given(text=st.text("abc 🙂é\n", max_size=300), limit=st.integers(1, 40))
async def test_a_shortened_text_fits_and_is_an_end(text: str, limit: int):
    lane, _, _ = make_lane()

    shortened = await lane.shorten(text, limit)

    assert text.endswith(shortened)
    assert len(shortened.split()) <= limit
    assert shortened == text or len(text.split()) > limit


async def test_a_text_read_by_many_calls_is_counted_once():
    lane, _, model = make_lane(model=CountsItsCounting)
    text = "word " * 100

    assert len({await lane.shorten(text, 10) for _ in range(5)}) == 1

    assert isinstance(model, CountsItsCounting)
    assert model.counted.count(text) == 1


async def test_votes_and_notes_are_told():
    lane, told, _ = make_lane()

    lane.tally([events.Tally(answer="4", calls=("draft-1", "draft-3"))], ["draft-2"], 5)
    lane.note("One.")
    lane.note("Two.")

    assert told[0].identity == "VotesCounted:0:3"
    assert [event.identity for event in told[1:]] == ["NoteTaken:1", "NoteTaken:2"]


async def test_the_best_answer_is_the_last_offered():
    lane, _, _ = make_lane()
    assert lane.best is None

    lane.offer(Answer(text="4"))
    lane.offer(Answer(text="5"))

    assert lane.best == Answer(text="5")


# --- equality ---------------------------------------------------------------------------------------------------------


async def test_mathematics_is_asked_only_where_spelling_and_numbers_cannot_tell():
    asked: list[tuple[str, str]] = []

    async def equal(one: str, other: str) -> bool:
        asked.append((one, other))
        return True

    lane, _, _ = make_lane(equal=equal)

    assert [await lane.equal(*pair) for pair in (("1/2", "0.5"), ("3", "4"), ("x+1", "1+x"), ("x+1", "1+x"))] == [
        True, False, True, True
    ]  # fmt: skip
    assert asked == [("x+1", "1+x")]


async def test_without_mathematics_only_plain_equality_counts():
    lane, _, _ = make_lane()

    assert await lane.equal("x + 1", "x+1")
    assert not await lane.equal("x+1", "1+x")


# --- the budget -------------------------------------------------------------------------------------------------------


async def test_a_budget_spent_in_the_middle_of_a_call_cancels_it():
    lane, told, model = make_lane({"draft": ("word " * 50,)}, budget_tokens=20)

    with pytest.raises(BudgetSpent) as spent:
        await lane.ask("x", role="draft")

    assert str(spent.value) == "The lane has used its 20 tokens."
    [cancelled] = told.of(events.CallCancelled)
    assert 20 < lane.ledger().total_tokens <= 24
    assert cancelled.text.split() == ["word"] * cancelled.usage.completion_tokens
    assert model.closed_early == ["draft-1"]


async def test_a_text_that_is_complete_is_kept_even_past_the_budget():
    lane, _, _ = make_lane({"draft": ("all four words stay", "never")}, budget_tokens=20, model=CountsLate)

    reply = await lane.ask("x", role="draft")

    assert reply.text == "all four words stay"
    assert lane.ledger().total_tokens == 1_004
    with pytest.raises(BudgetSpent):
        await lane.ask("x", role="draft")


async def test_parallel_calls_share_one_budget():
    lane, told, _ = make_lane({"draft": ("word " * 50,) * 4}, budget_tokens=60)

    with pytest.raises(BudgetSpent):
        await lane.ask_many("x", times=4, role="draft")

    assert len(told.of(events.CallCancelled)) == 4
    assert lane.ledger().total_tokens <= 60 + 4 * 4


# --- what travels on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "thinking", "solution", "has_thought"),
    [
        ("It is 42. ", "", "It is 42.", False),
        ("It is 42.", "Hm.", "It is 42.", True),
        ("<think>Hm.</think>\nIt is 42.", "", "It is 42.", True),
        ("Hm.</think>It is 42.", "", "It is 42.", True),
        ("<think>Hm, and then", "", "", True),
        ("", "", "", False),
    ],
)
def test_a_solution_is_what_follows_the_thinking(text: str, thinking: str, solution: str, has_thought: bool):
    reply = Reply("draft-1", text, thinking, "stop", Usage(), None)

    assert (reply.solution, reply.has_thought) == (solution, has_thought)
