"""Solutions are begun, compared, and only some of the largest group are finished."""

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, ThinkingModel, play
from workers.core.errors import StreamCut
from workers.core.events import CallFinished, NodePlaced, NoteTaken, StatisticTaken
from workers.core.values import TokenOdds
from workers.strategies import catalog
from workers.strategies._beginnings import find_cut
from workers.strategies._grading import read_digit

PRUNE = catalog()["deep_prune"]
CUT = 8
"""Words that each trace is begun with."""


async def prune(verdicts: str = "", *, begun: Sequence[str] = (), answers: str = "abcdefgh", **params: Any) -> Played:
    """Play with traces that are all cut, judges that say one digit each, and a draft for each letter."""
    others = {key: params.pop(key) for key in ("faults", "wrap", "arrival", "seed") if key in params}
    params = {"traces": 4, "prefix": "tokens", "prefix_tokens": CUT, **params}
    replies = {
        "prefix": begun or Endless(lambda number: " ".join([f"trace{number}"] + ["on"] * 20)),
        "judge": Endless(lambda number: verdicts[number - 1] if number <= len(verdicts) else verdicts[-1]),
        "draft": [f" to the end, \\boxed{{{answer}}}." for answer in answers],
    }  # fmt: skip
    return await play(PRUNE, params, replies=replies, **others)


def asked(played: Played) -> Counter[str]:
    return Counter(request.role for request in played.model.asked)


def groups_of(played: Played) -> dict[str, tuple[str, str]]:
    return {placed.node: (placed.group, placed.state) for placed in played.all_of(NodePlaced)}


def result_of(played: Played) -> tuple[str | None, str]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note


# --- clusters ---------------------------------------------------------------------------------------------------------


async def test_traces_that_are_all_alike_are_one_cluster():
    played = await prune("1", finished=2, compared=3)

    assert asked(played) == {"prefix": 4, "judge": 1 + 2 + 3, "draft": 2}
    assert {group for group, _ in groups_of(played).values()} == {"cluster 1"}
    assert Counter(state for _, state in groups_of(played).values()) == {"kept": 2, "pruned": 2}
    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 1, 1, 1]
    assert played.lane.ledger().depth == 5


async def test_traces_that_are_all_different_are_finished_by_chance():
    played = await prune("0", fallback=3)

    assert asked(played) == {"prefix": 4, "judge": 1 + 2 + 3, "draft": 3}
    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 2, 3, 4]
    assert played.all_of(NoteTaken)[0].text == "No two traces are alike: some of all go on."


async def test_the_highest_threshold_lets_nothing_be_alike():
    played = await prune("1", threshold=1)

    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 2, 3, 4]


async def test_the_lowest_threshold_takes_all_for_the_same():
    played = await prune("0", threshold=0)

    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 1, 1, 1]


async def test_the_largest_cluster_is_finished_and_votes():
    # 2 is not like 1; 3 is like 2, not like 1; 4 is like 2 and 3, not like 1
    played = await prune("0" + "01" + "011", answers="xyx")

    assert groups_of(played) == {
        "prefix-1": ("cluster 1", "pruned"), "prefix-2": ("cluster 2", "kept"), "prefix-3": ("cluster 2", "kept"),
        "prefix-4": ("cluster 2", "kept"),
    }  # fmt: skip
    assert result_of(played) == ("x", "2 of 3 votes")


async def test_of_equal_clusters_the_first_is_finished():
    played = await prune("0" + "10" + "001")  # 3 joins 1, then 4 joins 2

    assert [group for group, state in groups_of(played).values() if state == "kept"] == ["cluster 1"] * 2


async def test_representatives_are_one_of_each_cluster():
    played = await prune("0" + "01" + "011", final="representatives")

    assert [node for node, (_, state) in groups_of(played).items() if state == "kept"] == ["prefix-1", "prefix-2"]


async def test_beyond_the_most_clusters_a_trace_joins_the_nearest():
    played = await prune("0" * 20, clusters=2, compared=1)

    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 2, 2, 2]
    assert [group for group, _ in groups_of(played).values()] == ["cluster 1", "cluster 1", "cluster 1", "cluster 2"]


async def test_a_judge_that_says_nothing_of_use_takes_nothing_for_the_same():
    played = await prune("?")

    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 2, 3, 4]


async def test_a_judge_that_fails_counts_for_nothing():
    played = await prune("1", faults={"judge-2": StreamCut("The stream broke.")}, compared=2)

    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 1, 1, 1]


# --- beginnings and ends ----------------------------------------------------------------------------------------------


async def test_a_trace_goes_on_from_where_it_was_begun():
    played = await prune("1", traces=2)

    begun = {request.key: request.messages[-1].content for request in played.model.asked if request.continues}
    assert begun == {f"draft-{number}": " ".join([f"trace{number}"] + ["on"] * 7) for number in (1, 2)}
    assert played.answer is not None
    assert played.answer.text == begun["draft-1"] + " to the end, \\boxed{a}."
    judge = next(request for request in played.model.asked if request.role == "judge")
    assert (judge.max_tokens, judge.temperature, judge.top_logprobs) == (1, 0, 20)
    assert all(text in judge.messages[0].content for text in begun.values())


@pytest.mark.parametrize("arrival", range(4))
async def test_by_words_a_trace_is_closed_at_the_end_of_a_sentence(arrival: int):
    text = "Two so far. But wait, no. Then it is three. " + "And on it goes. " * 20

    played = await prune("1", begun=[text] * 2, traces=2, prefix="words", words=3, prefix_tokens=100, arrival=arrival)

    ends = [end for end in played.all_of(CallFinished) if end.call.startswith("prefix")]
    assert {end.finish_reason for end in ends} == {"pruned"}
    assert played.model.closed_early == [end.call for end in ends]
    begun = {request.messages[-1].content for request in played.model.asked if request.continues}
    assert begun == {"Two so far. But wait, no."}  # whatever else had come when the stream was closed


async def test_traces_that_end_by_themselves_are_compared_by_their_answers():
    ended = ["\\boxed{0.5}", "\\boxed{1/2}", "Hm.", "Well."]

    played = await prune("0", begun=ended)

    assert asked(played) == {"prefix": 4}
    assert [group for group, _ in groups_of(played).values()] == ["cluster 1", "cluster 1", "cluster 2", "cluster 3"]
    assert result_of(played) == ("0.5", "2 of 2 votes")


async def test_as_like_as_the_threshold_is_not_like_enough():
    played = await prune("0", begun=["\\boxed{a}"] * 4, threshold=1)

    assert [taken.value for taken in played.all_of(StatisticTaken)] == [1, 2, 3, 4]


async def test_a_complete_trace_and_a_begun_one_are_judged():
    played = await prune("1", begun=["\\boxed{a}", "on " * 20], traces=2)

    assert asked(played) == {"prefix": 2, "judge": 1, "draft": 1}
    assert result_of(played) == ("a", "2 of 2 votes")


async def test_thinking_on_a_channel_of_its_own_is_gone_on_from():
    played = await prune("1", traces=2, wrap=ThinkingModel, answers="ab")

    begun = [request.messages[-1].content for request in played.model.asked if request.continues]
    assert begun[0] == "<think>\n" + " ".join(["trace1"] + ["on"] * 7)


async def test_a_thought_that_is_gone_on_from_ends_and_its_answer_votes():
    ends = [f" or so.</think>It is \\boxed{{{answer}}}." for answer in "abb"]
    replies = {"prefix": Endless(lambda _: "on " * 20), "judge": Endless(lambda _: "1"), "draft": ends}

    played = await play(
        PRUNE, {"traces": 3, "prefix": "tokens", "prefix_tokens": CUT, "finished": 3}, replies=replies,
        wrap=ThinkingModel,
    )  # fmt: skip

    assert result_of(played) == ("b", "2 of 3 votes")
    assert played.answer is not None
    assert played.answer.text == "It is \\boxed{b}."


async def test_what_was_not_written_is_told():
    played = await prune("1", finished=1, answers="a")

    note = played.all_of(NoteTaken)[-1].text
    judged = sum(end.usage.total_tokens for end in played.all_of(CallFinished) if end.call.startswith("judge"))
    assert note == (
        f"3 of 4 traces were not finished: about 12 tokens were not written. The judge read and wrote {judged:,}."
    )


# --- cost -------------------------------------------------------------------------------------------------------------


@given(
    verdicts=st.text("01?", min_size=60, max_size=60), traces=st.integers(2, 8), compared=st.integers(1, 4),
    clusters=st.integers(1, 5), finished=st.integers(1, 5), final=st.sampled_from(["largest", "representatives"]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
async def test_clustering_keeps_its_promises(
    verdicts: str, traces: int, compared: int, clusters: int, finished: int, final: str
):
    played = await prune(
        verdicts, traces=traces, compared=compared, clusters=clusters, finished=finished, fallback=3, final=final
    )

    groups, calls = groups_of(played), asked(played)
    sizes = Counter(group for group, _ in groups.values())
    counts = [int(taken.value) for taken in played.all_of(StatisticTaken)]
    assert sum(sizes.values()) == traces == len(groups)
    assert max(counts) == len(sizes) <= clusters
    assert calls["judge"] <= sum(min(before, compared * count) for before, count in enumerate([0, *counts[:-1]]))
    expected = len(sizes) if final == "representatives" else min(finished, max(sizes.values()))
    assert calls["draft"] == (min(3, traces) if final == "largest" and max(sizes.values()) == 1 else expected)
    assert played.lane.ledger().depth == traces + 1
    written = sum(end.usage.completion_tokens for end in played.all_of(CallFinished) if not end.call.startswith("j"))
    assert written <= traces * (CUT + 4)  # what all of them would have written


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("top", "value"),
    [
        ([("1", 0.6), ("0", 0.2), ("x", 0.1)], 0.75),
        ([(" 1", 0.5), ("1", 0.3), ("0", 0.5)], 0.5),
        ([("1", 0.6), ("x", 0.2)], 0.75),
        ([("x", 0.4), ("0", 0.3), ("y", 0.1)], 0.25),
        ([("x", 0.4), ("y", 0.1)], None),
        ([], None),
    ],
)
def test_the_first_token_says_how_likely_the_same_answer_is(top: list[tuple[str, float]], value: float | None):
    first = TokenOdds("x", -1.0, tuple((token, log(share)) for token, share in top))

    assert read_digit(first) == (None if value is None else pytest.approx(value))


@given(st.text("so. but\nx", max_size=60), st.integers(1, 5))
def test_a_longer_text_is_cut_at_the_same_place(text: str, words: int):
    cuts = [find_cut(text[:end], words) for end in range(len(text) + 1)]

    found = [cut for cut in cuts if cut is not None]
    assert len(set(found)) <= 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "8 traces · 25 words · threshold 0.5 · 5 finished"),
        (
            {"prefix": "tokens", "final": "representatives"},
            "8 traces · 256 tokens · threshold 0.5 · one of each cluster",
        ),
    ],
)
def test_the_description_names_how_traces_begin_and_end(params: dict[str, Any], words: str):
    assert PRUNE.describe(PRUNE.params(**params)) == words
