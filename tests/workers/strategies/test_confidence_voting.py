"""Confidence weighs the votes, leaves the unsure out, and ends them while they are written."""

from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, play
from tests.workers.strategies.test_costs import estimate
from tests.workers.strategies.test_identities import SC, calls_of
from workers.core.errors import StreamCut
from workers.core.events import CallFinished, NoteTaken, StatisticTaken
from workers.core.odds import Meter, invent_odds
from workers.core.values import Measure
from workers.strategies import catalog

DEEPCONF = catalog()["confidence_voting"]
SURE, FAIR, UNSURE = -0.05, -0.2, -0.6
LONG = "one two three four five six seven eight nine ten eleven twelve"


# --- the strategy -----------------------------------------------------------------------------------------------------


async def vote(*drafts: tuple[str, float], **params: Any) -> Played:
    """Play with drafts of a text and a log-probability; a text of one letter is an answer, `-` is none."""
    texts = ["Hm." if text == "-" else f"\\boxed{{{text}}}" if len(text) == 1 else text for text, _ in drafts]
    settings = {key: params.pop(key) for key in ("faults", "arrival") if key in params}
    params = {"drafts": len(drafts), "mode": "offline", "kept": 100, "window": 8, **params}
    odds = {"draft": [logprob for _, logprob in drafts]}
    return await play(DEEPCONF, params, replies={"draft": texts}, logprobs=odds, **settings)


def answer_of(played: Played) -> str | None:
    assert played.answer is not None
    return played.answer.answer


def ends_of(played: Played) -> list[str]:
    return [reply.finish_reason for reply in sorted(played.all_of(CallFinished), key=lambda end: end.call)]


async def test_a_confident_draft_outvotes_unsure_ones():
    drafts = [("a", UNSURE), ("b", -0.001), ("a", UNSURE)]

    assert answer_of(await vote(*drafts)) == "b"
    assert answer_of(await vote(*drafts[:1], ("b", FAIR), *drafts[2:])) == "a"


async def test_only_the_most_confident_vote():
    drafts = [("a", UNSURE)] * 4 + [("b", SURE)]

    assert answer_of(await vote(*drafts, kept=100)) == "a"
    assert answer_of(await vote(*drafts, kept=10)) == "b"


@pytest.mark.parametrize("score", ["mean", "tail", "bottom_windows", "lowest_window"])
@pytest.mark.parametrize("kept", [1, 50, 100])
async def test_equal_confidence_leaves_nobody_out(score: str, kept: int):
    played = await vote(("a", FAIR), ("b", FAIR), ("b", FAIR), score=score, kept=kept)

    assert answer_of(played) == "b"
    assert played.answer is not None
    assert played.answer.note == "67% of the confidence, 2 of 3 votes"


async def test_an_unsure_draft_is_ended_as_soon_as_a_window_is_low():
    played = await vote(
        ("a", FAIR), ("b", SURE), (LONG * 9 + " \\boxed{c}", UNSURE), (LONG + " \\boxed{a}", FAIR), mode="online",
        warm_up=2, consensus=1,
    )  # fmt: skip

    ended = next(end for end in played.all_of(CallFinished) if end.call == "draft-3")
    assert ends_of(played) == ["stop", "stop", "pruned", "stop"]
    assert played.model.closed_early == ["draft-3"]
    assert 8 <= ended.usage.completion_tokens <= 12  # a window, and at most one more piece
    assert played.lane.ledger().depth == 2
    assert played.all_of(NoteTaken)[0].text.startswith("1 of 4 drafts were less confident")


async def test_a_draft_that_was_ended_has_no_vote_whatever_it_wrote():
    low = ("\\boxed{a} " + LONG, UNSURE)

    played = await vote(("b", SURE), low, low, low, mode="online", warm_up=1)

    assert answer_of(played) == "b"


async def test_a_draft_shorter_than_a_window_is_not_ended_and_does_not_vote_below_the_threshold():
    played = await vote(("b", SURE), ("a", FAIR), ("c", SURE), ("a", UNSURE), mode="online", warm_up=3, kept=10)

    assert set(ends_of(played)) == {"stop"}
    assert answer_of(played) == "b"


async def test_the_threshold_is_that_of_the_warm_up_alone():
    played = await vote(("a", FAIR), ("b", FAIR), ("c", SURE), ("d", UNSURE), mode="online", warm_up=2, kept=10)

    thresholds = {taken.threshold for taken in played.all_of(StatisticTaken)}
    assert len(thresholds) == 1
    meter = Meter(Measure())
    meter.take(invent_odds("x", FAIR))
    assert thresholds.pop() == pytest.approx(meter.sum_up().confidence)


async def test_a_warm_up_that_agrees_is_all_there_is():
    played = await vote(*[("a", FAIR)] * 6, mode="online", warm_up=2)

    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (2, 1)


@pytest.mark.parametrize("arrival", range(6))
async def test_consensus_ends_the_drafts_behind_it_and_the_answer_does_not_depend_on_who_is_faster(arrival: int):
    drafts = [("a", FAIR), ("b", SURE), ("b", SURE), ("b", SURE), *[(LONG * 20 + " \\boxed{a}", SURE)] * 4]

    played = await vote(*drafts, mode="online", warm_up=2, consensus=0.8, arrival=arrival)

    assert ends_of(played) == ["stop"] * 4 + ["pruned"] * 4
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("b", "83% of the confidence, 3 of 4 votes")


@pytest.mark.parametrize("arrival", range(6))
async def test_a_draft_behind_the_consensus_does_not_count_though_it_was_faster(arrival: int):
    drafts = [("a", FAIR), ("b", SURE), (LONG * 20 + " \\boxed{b}", SURE), ("a", SURE)]

    played = await vote(*drafts, mode="online", warm_up=2, consensus=0.75, arrival=arrival)

    assert set(ends_of(played)) == {"stop"}
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("b", "76% of the confidence, 2 of 3 votes")


async def test_consensus_begins_no_more_batches():
    drafts = [("a", FAIR), ("b", SURE), *[("b", SURE)] * 8]

    played = await vote(*drafts, mode="online", warm_up=2, batch=3, consensus=0.9)

    assert played.graph["draft-3"] == {"draft-1", "draft-2"}
    assert played.graph["draft-6"] == {"draft-3", "draft-4", "draft-5"}
    assert (played.lane.ledger().calls, played.lane.ledger().depth) == (8, 3)
    assert played.answer is not None
    assert played.answer.note == "91% of the confidence, 6 of 7 votes"


async def test_without_an_answer_above_the_threshold_all_vote():
    played = await vote(("-", SURE), ("a", FAIR), ("a", FAIR), kept=10)

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("a", "2 of 2 votes")


async def test_failed_drafts_hold_nobody_up():
    faults = dict.fromkeys(("draft-2", "draft-4"), StreamCut("The stream broke."))

    played = await vote(*[("a", FAIR), ("b", FAIR)] * 2, ("b", FAIR), mode="online", warm_up=2, faults=faults)

    assert answer_of(played) == "a"
    assert played.lane.ledger().calls == 2  # the one draft of the warm-up agrees with itself


# --- cost and identity ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["online", "offline"])
@pytest.mark.parametrize("score", ["mean", "tail", "bottom_windows", "lowest_window"])
async def test_a_vote_of_equal_confidence_is_self_consistency(mode: str, score: str):
    one = await play(SC, {"drafts": 8})
    other = await play(DEEPCONF, {"drafts": 8, "mode": mode, "score": score, "kept": 10})

    assert one.answer is not None
    assert other.answer is not None
    assert (other.answer.text, other.answer.answer) == (one.answer.text, one.answer.answer)
    assert [call[0] for call in calls_of(other)] == [call[0] for call in calls_of(one)]


@given(
    drafts=st.integers(1, 24),
    warm_up=st.integers(1, 8),
    batch=st.integers(1, 24),
    mode=st.sampled_from(["online", "offline"]),
)
@settings(max_examples=15)
async def test_it_costs_its_drafts(drafts: int, warm_up: int, batch: int, mode: str):
    cost = await estimate(DEEPCONF, drafts=drafts, warm_up=warm_up, batch=batch, mode=mode, consensus=1)

    agrees = warm_up == 1 and mode == "online"  # one draft agrees with itself
    assert cost.calls == (1 if agrees else drafts)
    is_first = agrees or mode == "offline" or warm_up >= drafts
    assert cost.depth == 1 + (0 if is_first else ceil((drafts - warm_up) / batch))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "online · 16 drafts · warm-up 4 · 90 % kept · window 128"),
        ({"batch": 4}, "online · 16 drafts by 4 · warm-up 4 · 90 % kept · window 128"),
        (
            {"mode": "offline", "score": "bottom_windows"},
            "offline · 16 drafts · bottom windows · 90 % kept · window 128",
        ),
    ],
)
def test_the_description_names_the_mode(params: dict[str, Any], words: str):
    assert DEEPCONF.describe(DEEPCONF.params(**params)) == words
