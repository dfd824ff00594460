"""Drafts are checked many times; the closest of them meet."""

import re
from math import comb
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, ReadingJudge, play
from workers.core.errors import StreamCut
from workers.core.events import CandidateScored
from workers.strategies import catalog

SSS = catalog()["sample_scrutinize"]


def quoted(prompt: str) -> list[str]:
    """Return the answers that a judge's prompt shows, in order."""
    return re.findall(r"draft \d+ \\boxed\{(\w)\}", prompt)


async def scrutinize(answers: str, judge: Any, **params: Any) -> Played:
    """Play with a draft for each letter; `judge` says what it says of the answers it is shown."""
    drafts = [f"draft {n} \\boxed{{{answer}}}" for n, answer in enumerate(answers, 1)]
    settings = {name: params.pop(name) for name in ("seed", "arrival") if name in params}
    return await play(
        SSS,
        {"drafts": len(answers), **params},
        replies={"draft": drafts},
        wrap=lambda scripted: ReadingJudge(scripted, lambda prompt: judge(*quoted(prompt))),
        **settings,
    )


def result_of(played: Played) -> tuple[str, str]:
    assert played.answer is not None
    return played.answer.text, played.answer.note


def perfect(right: str) -> Any:
    """Return a judge that knows the right answer."""

    def judge(*shown: str) -> str:
        if len(shown) == 1:
            return f"Verdict: {int(shown[0] == right)}"
        return f"Verdict: {shown.index(right) + 1 if right in shown else 0}"

    return judge


@given(answers=st.text("abcd", min_size=2, max_size=6), seed=st.integers(0, 9), data=st.data())
@settings(max_examples=30)
async def test_a_perfect_judge_finds_a_right_draft_whatever_the_majority(answers: str, seed: int, data: st.DataObject):
    right = data.draw(st.sampled_from(answers))

    played = await scrutinize(answers, perfect(right), seed=seed)

    assert played.answer is not None
    assert played.answer.answer == right


async def test_clear_scores_need_no_comparison():
    played = await scrutinize("aab", perfect("b"), verdicts=4)

    assert result_of(played) == ("draft 3 \\boxed{b}", "score 1.00")
    assert not any(key.startswith("compare") for key in played.graph)
    assert len(played.graph) == 3 + 3 * 4


async def test_one_answer_is_not_compared_with_itself():
    played = await scrutinize("aaa", lambda *shown: "Verdict: 1")

    assert result_of(played) == ("draft 1 \\boxed{a}", "score 1.00")
    assert len(played.graph) == 3 + 3 * 2


async def test_a_constant_judge_leaves_it_to_the_comparisons():
    def judge(*shown: str) -> str:
        return "Verdict: 1" if len(shown) == 1 else f"Verdict: {shown.index(min(shown)) + 1}"

    played = await scrutinize("cba", judge, comparisons=3)

    assert result_of(played) == ("draft 3 \\boxed{a}", "2 of 2 wins, score 1.00")
    assert len(played.graph) == 3 + 3 * 2 + comb(3, 2) * 3
    assert played.lane.ledger().depth == 3


async def test_without_any_verdict_the_drafts_meet():
    def judge(*shown: str) -> str:
        return "Hm." if len(shown) == 1 else f"Verdict: {shown.index(max(shown)) + 1}"

    assert result_of(await scrutinize("ab", judge)) == ("draft 2 \\boxed{b}", "1 of 1 wins, no verdict could be read")


async def test_always_the_first_is_no_preference():
    played = await scrutinize("abb", lambda *shown: "Verdict: 1", comparisons=2)

    assert result_of(played) == ("draft 2 \\boxed{b}", "0.5 of 1 wins, score 1.00")  # the answer of more drafts


async def test_only_so_many_rivals_meet():
    played = await scrutinize("abbcd", lambda *shown: "Verdict: 1", rivals=2)

    met = {shown for key, after in played.graph.items() if key.startswith("compare") for shown in after}
    assert {key for key in met if key.startswith("draft")} == {"draft-2", "draft-1"}


async def test_scores_are_parts_of_the_verdicts():
    replies = {"draft": ("\\boxed{a}", "\\boxed{b}"), "judge": [f"Verdict: {bit}" for bit in "110000"]}

    played = await play(SSS, {"drafts": 2, "verdicts": 3}, replies=replies)

    assert result_of(played) == ("\\boxed{a}", "score 0.67")
    assert [event.value for event in played.all_of(CandidateScored)].count(1) == 2


async def test_a_low_score_changes_no_rival():
    def judge(*shown: str) -> str:
        return f"Verdict: {int('z' not in shown)}" if len(shown) == 1 else "Verdict: 1"

    one, other = await scrutinize("ab", judge), await scrutinize("abz", judge, seed=3)

    assert result_of(one)[0] == result_of(other)[0] == "draft 1 \\boxed{a}"


async def test_failed_comparisons_leave_the_best_score():
    replies = {
        "draft": ("\\boxed{a}", "\\boxed{b}"),
        "judge": ["Verdict: 1"] * 3 + ["Verdict: 0"],
        "compare": ["x"] * 2,
    }
    broken = {f"compare-{n}": StreamCut("The stream broke.") for n in (1, 2)}

    played = await play(SSS, {"drafts": 2}, replies=replies, faults=broken)

    assert result_of(played) == ("\\boxed{a}", "0.5 of 1 wins, score 1.00")


def test_the_description_names_the_sizes():
    assert SSS.describe(SSS.params()) == "4 drafts · 2 verdicts each · 2 comparisons"
