"""Strategies that are the same at some settings make the same calls, and estimates equal the formulas."""

import random
from math import ceil, comb, log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import QUESTION, AnyReplies, Endless, Played, play
from workers.core.estimate import Estimate, estimate_cost
from workers.core.events import CallStarted
from workers.core.values import Sampling
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
FORMS = ["gaussian", "beta", "mixed"]
MIX = catalog()["prompting_mix"]
EVOLUTION = catalog()["mind_evolution"]
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


# --- costs ------------------------------------------------------------------------------------------------------------


async def estimate(strategy: Any, **params: Any) -> Estimate:
    return await estimate_cost(
        strategy,
        strategy.params(**params),
        question=QUESTION,
        sampling=Sampling(max_tokens=64),
        random=random.Random(0),
    )


async def test_direct_costs_one_call():
    cost = await estimate(DIRECT)

    assert (cost.calls, cost.depth) == (1, 1)
    assert cost.total_tokens == cost.critical_path_tokens == cost.peak_context


@given(drafts=st.integers(1, 256))
@settings(max_examples=10)
async def test_self_consistency_costs_its_drafts(drafts: int):
    cost = await estimate(SC, drafts=drafts)

    assert (cost.calls, cost.depth) == (drafts, 1)
    assert cost.total_tokens == drafts * cost.critical_path_tokens


@given(rounds=st.integers(1, 32), error_analysis=st.booleans(), patience=st.integers(0, 31))
@settings(max_examples=20)
async def test_sequential_refinement_costs_its_rounds(rounds: int, error_analysis: bool, patience: int):
    cost = await estimate(SR, rounds=rounds, error_analysis=error_analysis, patience=patience)

    calls = 2 * rounds - 1 if error_analysis else rounds
    assert (cost.calls, cost.depth) == (calls, calls)
    assert cost.critical_path_tokens == cost.total_tokens


@given(
    widths=st.lists(st.integers(1, 6), max_size=4).map(lambda widths: (*widths, 1)),
    distiller=st.sampled_from(["global_summary", "shared_topk", "per_sample_topk", "random_k", "identity"]),
    top_k=st.integers(1, 6),
)
@settings(max_examples=40)
async def test_pdr_costs_its_drafts_and_what_distills_them(widths: tuple[int, ...], distiller: str, top_k: int):
    cost = await estimate(PDR, widths=widths, distiller=distiller, top_k=top_k)

    extra = {"global_summary": len(widths) - 1, "shared_topk": len(widths) - 1, "per_sample_topk": sum(widths[1:])}
    is_free = distiller in ("random_k", "identity")
    assert cost.calls == sum(widths) + extra.get(distiller, 0)
    assert cost.depth == (len(widths) if is_free else 2 * len(widths) - 1)


@given(population=st.integers(1, 12), sample=st.integers(1, 4), rounds=st.integers(1, 8))
@settings(max_examples=20)
async def test_recursive_self_aggregation_costs_its_populations(population: int, sample: int, rounds: int):
    cost = await estimate(RSA, population=population, sample=min(sample, population), rounds=rounds)

    assert (cost.calls, cost.depth) == (population * rounds, rounds)


@given(drafts=st.integers(2, 32), aggregations=st.integers(1, 8))
@settings(max_examples=20)
async def test_prompted_aggregation_costs_its_drafts_and_its_aggregations(drafts: int, aggregations: int):
    cost = await estimate(MERGE, drafts=drafts, aggregations=aggregations, enough=0.75)

    assert (cost.calls, cost.depth) == (drafts + aggregations, 2)


@pytest.mark.parametrize("strategy", [BON, WEIGHTED], ids=["best of n", "weighted voting"])
@given(drafts=st.integers(1, 24), judges=st.integers(1, 4))
@settings(max_examples=10)
async def test_judging_each_draft_costs_its_judges(strategy: Any, drafts: int, judges: int):
    cost = await estimate(strategy, drafts=drafts, judges=judges)

    assert (cost.calls, cost.depth) == ((1, 1) if drafts == 1 else (drafts + drafts * judges, 2))


@given(most=st.integers(1, 24), batch=st.integers(1, 8))
@settings(max_examples=15)
async def test_best_of_infinity_costs_at_most_its_drafts(most: int, batch: int):
    cost = await estimate(BOINF, most_drafts=most, batch=batch)

    assert (cost.calls, cost.depth) == (most, ceil(most / batch))


@given(drafts=st.integers(2, 12), verdicts=st.integers(1, 4))
@settings(max_examples=10)
async def test_pessimistic_verification_costs_its_verdicts(drafts: int, verdicts: int):
    cost = await estimate(PV, drafts=drafts, verdicts=verdicts)

    assert (cost.calls, cost.depth) == (drafts + drafts * verdicts, 2)


@given(drafts=st.integers(2, 9), verdicts=st.integers(1, 4), comparisons=st.integers(1, 4), rivals=st.integers(1, 5))
@settings(max_examples=15)
async def test_scrutinizing_costs_its_verdicts_and_its_comparisons(
    drafts: int, verdicts: int, comparisons: int, rivals: int
):
    cost = await estimate(SSS, drafts=drafts, verdicts=verdicts, comparisons=comparisons, rivals=rivals)

    met = min(drafts, rivals)  # drafts give seven answers in turn, and all verdicts are the same
    assert cost.calls == drafts + drafts * verdicts + comb(met, 2) * comparisons
    assert cost.depth == (3 if met > 1 else 2)


@given(drafts=st.integers(2, 7), comparisons=st.integers(1, 3), group=st.integers(2, 8))
@settings(max_examples=15)
async def test_tournaments_cost_their_matches(drafts: int, comparisons: int, group: int):
    """With drafts that give seven answers in turn, and judges who always choose the first."""
    costs = {
        form: await estimate(TOURNAMENT, drafts=drafts, form=form, comparisons=comparisons, group=group)
        for form in ("knockout", "league", "teams", "groups")
    }

    assert {form: cost.calls - drafts for form, cost in costs.items()} == {
        "knockout": comparisons * (drafts - 1),
        "league": comparisons * drafts,
        "teams": drafts - 1,
        "groups": comparisons * ceil((drafts - 1) / (group - 1)),
    }
    assert (costs["knockout"].depth, costs["league"].depth) == (1 + ceil(log2(drafts)), 2)
    assert max(costs["teams"].depth, costs["groups"].depth) <= drafts


@given(drafts=st.integers(2, 7), evaluations=st.integers(1, 4), is_reviewed=st.booleans())
@settings(max_examples=15)
async def test_generative_reward_costs_its_evaluations(drafts: int, evaluations: int, is_reviewed: bool):
    cost = await estimate(GRM, drafts=drafts, evaluations=evaluations, kept=int(is_reviewed))

    times = 2 if drafts == 7 else 1  # seven answers are a group of six and one, and then the last two
    assert cost.calls == drafts + times * evaluations * (1 + is_reviewed)
    assert cost.depth == 1 + times * (1 + is_reviewed)


@given(drafts=st.integers(2, 6), steps=st.integers(1, 6), verdicts=st.integers(1, 3))
@settings(max_examples=15)
async def test_process_evaluation_costs_its_wholes_and_its_steps(drafts: int, steps: int, verdicts: int):
    cost = await estimate(PROCESS, drafts=drafts, steps=steps, verdicts=verdicts)

    assert (cost.calls, cost.depth) == (drafts + drafts * verdicts * (1 + steps), 2)


@given(styles=st.integers(2, 4), pilot=st.integers(1, 5), votes=st.integers(1, 9))
@settings(max_examples=15)
async def test_prompting_mix_costs_its_pilot_and_its_votes(styles: int, pilot: int, votes: int):
    cost = await estimate(MIX, styles=styles, pilot=pilot, votes=votes)

    assert cost.calls == styles * pilot + max(0, votes - pilot)
    assert cost.depth == (2 if votes > pilot else 1)


@given(generations=st.integers(1, 4), islands=st.integers(1, 3), size=st.integers(1, 3), turns=st.integers(1, 3))
@settings(max_examples=15)
async def test_mind_evolution_costs_what_it_breeds(generations: int, islands: int, size: int, turns: int):
    cost = await estimate(
        EVOLUTION, generations=generations, islands=islands, conversations=size, turns=turns, reset_interval=2
    )

    resets = (generations - 1) // 2
    assert cost.calls == 2 * generations * islands * size * turns + resets
    assert cost.depth == 2 * turns * (1 + (generations - 1) * islands) + resets


@given(samples=st.integers(2, 7))
@settings(max_examples=5)
async def test_a_cascade_costs_the_small_models_calls_and_one_more(samples: int):
    """With drafts that give seven answers in turn, and judges who always say yes."""
    agreement = await estimate(CASCADE, samples=samples)
    verdict = await estimate(CASCADE, confidence="yes_no", samples=samples)
    passed_on = await estimate(CASCADE, confidence="mean", logprob=0)

    assert (agreement.calls, agreement.depth) == (samples + 1, 2)
    assert (verdict.calls, verdict.depth) == (1 + samples, 2)
    assert (passed_on.calls, passed_on.depth) == (2, 2)


@given(nodes=st.integers(2, 12), batch=st.integers(1, 6), judges=st.integers(1, 3), form=st.sampled_from(FORMS))
@settings(max_examples=15)
async def test_ab_mcts_costs_its_answers_and_their_judges(nodes: int, batch: int, judges: int, form: str):
    cost = await estimate(AB_MCTS, nodes=nodes, batch=batch, judges=judges, form=form)

    assert (cost.calls, cost.depth) == (nodes + nodes * judges, 2 * ceil(nodes / batch))
