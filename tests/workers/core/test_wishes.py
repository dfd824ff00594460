"""What a call may wish for besides its prompt: stops, begun answers, branches, parts, odds, an early end."""

import pytest

from tests.workers.core.test_lane import make_lane
from workers.backends.replay import ReplayModel, digest_prompt
from workers.backends.scripted import ScriptedModel
from workers.core import events
from workers.core.assignments import Recorded
from workers.core.errors import Refused, StrategyError
from workers.core.lane import LiveLane
from workers.core.model import Message, Request
from workers.core.values import Measure, Usage, Writing

SIX_WORDS = "one two three four five six"
EMBED = Request(
    key="embed-1", role="embed", messages=(Message("user", "a"),), model="m", temperature=1, top_p=1, max_tokens=9,
    seed=1, compared=("c", "d"),
)  # fmt: skip


async def test_a_text_ends_before_its_stop_string() -> None:
    lane, told, model = make_lane({"step": ("one </step> two",)})

    reply = await lane.ask("x", role="step", stop=("</step>", "</end>"))

    assert (reply.text.strip(), reply.stopped_by, reply.finish_reason) == ("one", "</step>", "stop")
    assert model.asked[0].stop == ("</step>", "</end>")
    assert told.of(events.CallFinished)[0].stopped_by == "</step>"


async def test_an_answer_that_is_begun_is_the_last_message() -> None:
    lane, _, model = make_lane({"step": ("two", "three")})

    await lane.ask("Count.", role="step", begun="one ")
    await lane.ask("Count.", role="step")

    assert model.asked[0].messages == (Message("user", "Count."), Message("assistant", "one "))
    assert [request.continues for request in model.asked] == [True, False]


async def test_the_answer_is_read_out_of_the_whole_text() -> None:
    lane, _, _ = make_lane({"draft": ("{42} it is.",)})

    reply = await lane.ask("x", role="draft", begun="<think>\\boxed{7}</think>So \\boxed")

    assert (reply.text, reply.answer) == ("{42} it is.", "42")


async def test_branches_count_for_themselves() -> None:
    lane, told, _ = make_lane({"step": ("a", "b"), "child-2.step": ("c",)})

    replies = [await lane.ask("x", role="step", branch=branch) for branch in ("child-1", "child-2", "child-1", "")]

    assert [reply.key for reply in replies] == ["child-1.step-1", "child-2.step-1", "child-1.step-2", "step-1"]
    assert [reply.text for reply in replies] == ["a", "c", "b", "a"]
    assert [event.thread for event in told.of(events.CallStarted)] == ["child-1", "child-2", "child-1", ""]


async def test_a_part_may_have_a_model_of_its_own() -> None:
    lane, told, model = make_lane({"judge": ("a", "b", "c")})
    lane.settings = lane.settings._replace(models={"judge": "large"})

    for part in ("judge", "critic", ""):
        await lane.ask("x", role="judge", model=part)

    assert [request.model for request in model.asked] == ["large", "scripted", "scripted"]
    assert [event.model for event in told.of(events.CallStarted)] == ["large", "", ""]


async def test_what_is_wished_reaches_every_call() -> None:
    lane, _, model = make_lane({"draft": ("a",) * 2})

    await lane.ask_many("x", times=2, role="draft", temperature=0.1, stop=("b",), effort="low", thinking_tokens=9)

    wishes = [(request.temperature, request.stop, request.effort, request.thinking_tokens) for request in model.asked]
    assert wishes == [(0.1, ("b",), "low", 9)] * 2


# --- log-probabilities ------------------------------------------------------------------------------------------------


async def test_odds_are_reduced_and_told() -> None:
    lane, told, model = make_lane({"draft": (SIX_WORDS,)}, logprobs={"draft": (-0.5,)})

    reply = await lane.ask("x", role="draft", measure=Measure(top=5, keep=1))

    assert model.asked[0].top_logprobs == 5
    assert reply.measured.tokens == 6
    assert reply.measured.mean_logprob == -0.5
    assert [token.token for token in reply.measured.kept] == ["one"]
    assert told.of(events.CallFinished)[0].odds == reply.odds


async def test_odds_that_were_not_asked_for_are_not_there() -> None:
    lane, _, model = make_lane({"draft": ("a",)})

    reply = await lane.ask("x", role="draft")

    assert model.asked[0].top_logprobs is None
    with pytest.raises(StrategyError, match=r"draft-1.*did not ask"):
        _ = reply.measured


async def test_a_server_that_gives_no_odds_fails_the_call() -> None:
    class Silent(ScriptedModel):
        def _weigh(self, request: Request, words: object) -> tuple[()]:
            return ()

    lane, told, _ = make_lane({"draft": ("a",)}, model=Silent)

    with pytest.raises(Refused, match="no log-probabilities"):
        await lane.ask("x", role="draft", measure=Measure())
    assert told.of(events.CallFailed)[0].text == "a"


async def test_a_scored_text_is_weighed_and_not_written() -> None:
    lane, told, model = make_lane({"score": ("",)}, logprobs={"score": (-2.0,)})

    reply = await lane.ask("Where?", role="score", begun="It is", scored=" Paris in France")

    assert (reply.text, reply.measured.tokens, reply.measured.sum_logprob) == ("", 3, -6.0)
    assert model.asked[0].messages[-1] == Message("assistant", "It is")
    assert told.of(events.CallFinished)[0].usage.completion_tokens == 0
    other = model.asked[0].model_copy(update={"scored": " Bread"})
    assert other.prompt_text != model.asked[0].prompt_text  # a journal knows one from the other


# --- ending early -----------------------------------------------------------------------------------------------------


async def test_a_call_ends_once_no_more_of_it_is_needed() -> None:
    heard: list[Writing] = []

    def is_enough(writing: Writing) -> bool:
        heard.append(writing)
        return "three" in writing.text

    lane, told, model = make_lane({"draft": (SIX_WORDS,)}, logprobs={"draft": (-0.5,)})
    reply = await lane.ask("x", role="draft", until=is_enough, measure=Measure(window=2))

    assert reply.is_pruned
    assert SIX_WORDS.startswith(reply.text)
    assert "three" in reply.text
    assert model.closed_early == ["draft-1"]
    assert not told.of(events.CallCancelled)
    assert told.of(events.CallFinished)[0].usage.completion_tokens == heard[-1].tokens == len(reply.text.split())
    assert heard[-1].lowest_window == pytest.approx(reply.measured.lowest_window)


async def test_a_text_that_ends_by_itself_is_not_pruned() -> None:
    lane, _, model = make_lane({"draft": (SIX_WORDS,)})

    reply = await lane.ask("x", role="draft", until=lambda writing: False)

    assert (reply.finish_reason, model.closed_early) == ("stop", [])


async def test_a_fault_of_ours_in_the_middle_of_a_call_leaves_no_call_open() -> None:
    lane, told, _ = make_lane({"draft": (SIX_WORDS,)})

    with pytest.raises(ZeroDivisionError):
        await lane.ask("x", role="draft", until=lambda writing: writing.tokens / 0 > 1)

    [failed] = told.of(events.CallFailed)
    assert failed.error == "A fault of ours ended it; the worker's log has the details."
    assert failed.text
    assert lane.ledger().failed_calls == 1


async def test_a_journal_repeats_stops_odds_and_early_ends() -> None:
    lane, told, _ = make_lane({"draft": (SIX_WORDS, "a b")})

    async def solve(lane: LiveLane) -> list[object]:
        pruned = await lane.ask("x", role="draft", until=lambda writing: writing.tokens > 1, measure=Measure())
        stopped = await lane.ask("x", role="draft", stop=("b",))
        return [pruned, stopped]

    first = await solve(lane)
    prompts = {event.call: event.prompt for event in told.of(events.CallStarted)}
    journal = {
        end.call: Recorded(
            prompts[end.call], end.text, end.thinking, end.finish_reason, end.usage, "", end.stopped_by, end.odds
        )
        for end in told.of(events.CallFinished)
    }
    again, _, never_asked = make_lane({})
    again._model = ReplayModel(journal, never_asked)

    assert await solve(again) == first
    assert never_asked.asked == []


# --- telling ----------------------------------------------------------------------------------------------------------


async def test_nodes_statistics_and_tools_are_told_in_order() -> None:
    lane, told, _ = make_lane({"step": ("a",)})
    step = await lane.ask("x", role="step")

    lane.place("root")
    lane.place("1", under=("root",), calls=(step,), title="Add 2", value=0.5, level=1)
    lane.place("1", under=("root",), calls=(step,), title="Add 2", value=0.5, level=1, state="pruned")
    lane.chart("Bayes factor", 12.5, seen=3, threshold=100)
    lane.use("bm25", "moons of Mars", "Phobos", after=step)

    assert [(node.index, node.node, node.state, node.calls) for node in told.of(events.NodePlaced)] == [
        (1, "root", "open", ()), (2, "1", "open", ("step-1",)), (3, "1", "pruned", ("step-1",)),
    ]  # fmt: skip
    assert told.of(events.StatisticTaken)[0].value == 12.5
    assert told.of(events.ToolUsed)[0].after == ("step-1",)
    assert len({event.identity for event in told}) == len(told)


async def test_texts_are_compared_with_the_prompt_and_nothing_is_written() -> None:
    lane, told, model = make_lane({"embed": ("0.5000 -0.2500",)})

    reply = await lane.ask("a b", role="embed", compared=["c d e", "f"])

    assert reply.similarities == [0.5, -0.25]
    assert model.asked[0].compared == ("c d e", "f")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (6, 0)
    assert told.of(events.CallFinished)[0].text == "0.5000 -0.2500"


async def test_the_texts_compared_are_part_of_what_a_journal_knows() -> None:
    recorded = Recorded(digest_prompt(EMBED), "0.1000 0.2000", "", "stop", Usage(prompt_tokens=4))
    live = ScriptedModel({"embed": ("0.9000 0.9000",)})
    replay = ReplayModel({"embed-1": recorded}, live)

    same = [chunk async for chunk in replay.stream(EMBED)]
    other = [chunk async for chunk in replay.stream(EMBED.model_copy(update={"compared": ("c", "e")}))]

    assert [chunk.text for chunk in same] == ["0.1000 0.2000"]
    assert "".join(chunk.text for chunk in other) == "0.9000 0.9000"
    assert replay.outdated == ["embed-1"]


async def test_the_text_of_another_call_has_no_similarities() -> None:
    lane, _, _ = make_lane({"draft": ("It is 42.",)})

    with pytest.raises(StrategyError, match="has no similarities"):
        _ = (await lane.ask("x", role="draft")).similarities
