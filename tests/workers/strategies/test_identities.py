"""Strategies that are the same at some settings make the same calls, and give the same answer."""

from typing import Any

import pytest

from tests.workers.strategies.playing import AnyReplies, Endless, Played, play
from workers.core.events import CallFinished, CallStarted
from workers.strategies import catalog

DIRECT = catalog()["direct"]
SC = catalog()["self_consistency"]
SR = catalog()["sequential_refinement"]
PDR = catalog()["parallel_distill_refine"]
RSA = catalog()["recursive_self_aggregation"]
MERGE = catalog()["prompted_aggregation"]
BON = catalog()["best_of_n"]
WEIGHTED = catalog()["weighted_voting"]
BOINF = catalog()["best_of_infinity"]
PV = catalog()["pessimistic_verification"]
SSS = catalog()["sample_scrutinize"]
TOURNAMENT = catalog()["tournament"]
GRM = catalog()["generative_reward"]
PROCESS = catalog()["process_evaluation"]
AB_MCTS = catalog()["ab_mcts"]
MIX = catalog()["prompting_mix"]
CASCADE = catalog()["cascade"]
APR = catalog()["adaptive_parallel_reasoning"]


def calls_of(played: Played) -> list[tuple[str, str, tuple[str, ...], int, int]]:
    """Return the call graph with roles and seeds, in order of start."""
    return [(event.call, event.role, event.after, event.seed, event.round) for event in played.all_of(CallStarted)]


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        pytest.param(SC, {"drafts": 1}, id="one vote"),
        pytest.param(SR, {"rounds": 1}, id="one round of refinement"),
        pytest.param(PDR, {"widths": (1,)}, id="one width of 1"),
        pytest.param(RSA, {"population": 1, "sample": 1, "rounds": 1}, id="a population of one"),
        pytest.param(BON, {"drafts": 1}, id="the best of one"),
        pytest.param(WEIGHTED, {"drafts": 1}, id="one weighted vote"),
        pytest.param(BOINF, {"most_drafts": 1}, id="a vote that ends at once"),
        pytest.param(PV, {"drafts": 1}, id="one verified draft"),
        pytest.param(SSS, {"drafts": 1}, id="one scrutinized draft"),
        pytest.param(TOURNAMENT, {"drafts": 1}, id="a tournament of one"),
        pytest.param(GRM, {"drafts": 1}, id="one evaluated draft"),
        pytest.param(PROCESS, {"drafts": 1}, id="one draft, no process"),
        pytest.param(AB_MCTS, {"nodes": 1}, id="a tree of one answer"),
        pytest.param(MIX, {"styles": 1, "votes": 1}, id="one vote in one style"),
        pytest.param(CASCADE, {"samples": 1}, id="a draft that agrees with itself"),
        pytest.param(APR, {"spawns": 0}, id="a parent that may not fork"),
    ],
)
async def test_the_smallest_case_is_direct(strategy: Any, params: dict[str, Any]):
    direct, other = await play(DIRECT), await play(strategy, params)

    assert calls_of(other) == calls_of(direct)
    assert other.model.asked == direct.model.asked
    assert other.answer is not None
    assert direct.answer is not None
    assert (other.answer.text, other.answer.answer) == (direct.answer.text, direct.answer.answer)


@pytest.mark.parametrize("rounds", range(1, 6))
async def test_sequential_refinement_is_pdr_of_width_one(rounds: int):
    one = await play(SR, {"rounds": rounds})
    other = await play(PDR, {"widths": (1,) * rounds, "distiller": "identity"})

    assert calls_of(other) == calls_of(one)
    assert one.answer is not None
    assert one.answer == other.answer


@pytest.mark.parametrize("rounds", range(1, 6))
async def test_recursive_self_aggregation_of_one_is_sequential_refinement(rounds: int):
    one = await play(SR, {"rounds": rounds})
    other = await play(RSA, {"population": 1, "sample": 1, "rounds": rounds})

    assert calls_of(other) == calls_of(one)
    assert other.model.asked == one.model.asked
    assert one.answer is not None
    assert other.answer is not None
    assert (other.answer.text, other.answer.answer) == (one.answer.text, one.answer.answer)


@pytest.mark.parametrize("drafts", [1, 5, 8])
async def test_one_population_is_self_consistency(drafts: int):
    one = await play(SC, {"drafts": drafts})
    other = await play(RSA, {"population": drafts, "sample": 1, "rounds": 1})

    assert calls_of(other) == calls_of(one)
    assert other.answer == one.answer


@pytest.mark.parametrize("drafts", [2, 4, 7])
async def test_two_populations_that_read_everything_are_prompted_aggregation(drafts: int):
    one = await play(MERGE, {"drafts": drafts, "aggregations": drafts})
    other = await play(RSA, {"population": drafts, "sample": drafts, "rounds": 2})

    assert calls_of(other) == calls_of(one)
    assert other.model.asked == one.model.asked
    assert other.answer == one.answer


@pytest.mark.parametrize("drafts", [2, 4, 7])
async def test_pdr_that_keeps_all_drafts_is_prompted_aggregation(drafts: int):
    """But for the words of the second prompt, and the order in which drafts stand in it."""
    one = await play(MERGE, {"drafts": drafts})
    other = await play(PDR, {"widths": (drafts, 1), "distiller": "identity"})

    assert [(key, role, set(after)) for key, role, after, _, _ in calls_of(other)] == [
        (key, role, set(after)) for key, role, after, _, _ in calls_of(one)
    ]
    assert one.answer is not None
    assert other.answer is not None
    assert (other.answer.text, other.answer.answer) == (one.answer.text, one.answer.answer)


@pytest.mark.parametrize("drafts", [2, 4])
async def test_one_merged_solution_is_any_member_of_two_populations(drafts: int):
    one = await play(MERGE, {"drafts": drafts, "aggregations": drafts})
    other = await play(RSA, {"population": drafts, "sample": drafts, "rounds": 2, "answer": "random_member"})

    merged = [event.text for event in one.all_of(CallFinished) if event.call.startswith("refine")]
    assert other.model.asked == one.model.asked
    assert other.answer is not None
    assert other.answer.text in merged


def drafts_and(verdict: str) -> dict[str, Any]:
    """Return replies with drafts that answer 1, 2, 0, 1 … and judges that all say the same."""
    return {"draft": AnyReplies().get("draft"), "judge": Endless(lambda number: verdict)}


async def test_best_of_n_with_a_constant_judge_is_the_first_draft():
    one = await play(DIRECT)
    other = await play(BON, {"drafts": 6}, replies=drafts_and("Verdict: 4"))

    assert one.answer is not None
    assert other.answer is not None
    assert (other.answer.text, other.answer.answer) == (one.answer.text, one.answer.answer)


@pytest.mark.parametrize("drafts", [2, 5, 8])
@pytest.mark.parametrize("verdict", ["Verdict: 4", "Verdict: 0", "Hm."])
async def test_equal_weights_are_self_consistency(drafts: int, verdict: str):
    one = await play(SC, {"drafts": drafts}, replies=drafts_and(verdict))
    weighted = await play(WEIGHTED, {"drafts": drafts}, replies=drafts_and(verdict))
    majority = await play(BON, {"drafts": drafts, "selector": "majority"}, replies=drafts_and("Verdict: 4"))

    assert one.answer is not None
    for other in (weighted, majority):
        assert other.answer is not None
        assert (other.answer.text, other.answer.answer) == (one.answer.text, one.answer.answer)
        assert calls_of(other)[:drafts] == calls_of(one)


async def test_weighted_best_of_n_is_weighted_voting():
    one = await play(WEIGHTED, {"drafts": 5, "judges": 2})
    other = await play(BON, {"drafts": 5, "judges": 2, "selector": "weighted"})

    assert calls_of(other) == calls_of(one)
    assert other.model.asked == one.model.asked
    assert one.answer is not None
    assert other.answer is not None
    assert other.answer.text == one.answer.text


@pytest.mark.parametrize("drafts", [2, 5, 9])
async def test_a_tree_of_one_batch_is_best_of_n(drafts: int):
    one = await play(BON, {"drafts": drafts, "judges": 2})
    other = await play(AB_MCTS, {"nodes": drafts, "batch": drafts, "judges": 2})

    assert [call[:4] for call in calls_of(other)] == [call[:4] for call in calls_of(one)]  # in one round, not two
    assert other.model.asked == one.model.asked
    assert other.answer == one.answer


@pytest.mark.parametrize("drafts", [2, 5, 9])
async def test_a_vote_that_is_never_certain_is_self_consistency(drafts: int):
    one = await play(SC, {"drafts": drafts})
    other = await play(BOINF, {"most_drafts": drafts, "batch": drafts, "certainty": 1_000_000})

    assert calls_of(other) == calls_of(one)
    assert other.answer == one.answer


@pytest.mark.parametrize("drafts", [1, 5, 8])
async def test_a_small_model_that_is_always_sure_enough_is_self_consistency(drafts: int):
    one = await play(SC, {"drafts": drafts})
    other = await play(CASCADE, {"samples": drafts, "share": 0})

    assert calls_of(other) == calls_of(one)
    assert other.model.asked == one.model.asked
    assert one.answer is not None
    assert other.answer is not None
    assert (other.answer.text, other.answer.answer) == (one.answer.text, one.answer.answer)


@pytest.mark.parametrize("drafts", [1, 5, 8])
async def test_one_prompt_style_is_self_consistency(drafts: int):
    one = await play(SC, {"drafts": drafts})
    other = await play(MIX, {"styles": 1, "votes": drafts})

    assert calls_of(other) == calls_of(one)
    assert other.model.asked == one.model.asked
    assert other.answer == one.answer


@pytest.mark.parametrize("seed", range(4))
async def test_the_greatest_caution_is_self_consistency(seed: int):
    judges = Endless(lambda number: f"Verdict: {(number + seed) * 7 % 3 % 2}")
    replies = {"draft": AnyReplies().get("draft"), "judge": judges}

    one = await play(SC, {"drafts": 7}, replies=replies)
    other = await play(PV, {"drafts": 7, "caution": 10}, replies=replies)

    assert one.answer is not None
    assert other.answer is not None
    assert other.answer.answer == one.answer.answer


async def test_all_strategies_begin_with_the_same_requests():
    played = [await play(SC, {"drafts": 3}), await play(PDR, {"widths": (3, 1)}), await play(SR), await play(DIRECT)]

    first = [[request for request in each.model.asked if request.role == "draft"] for each in played]
    assert first[0] == first[1]
    assert first[2] == first[3] == first[0][:1]
