"""What estimates say equals the formulas in the strategies' files."""

import random
from math import ceil, comb, log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import QUESTION
from workers.core.estimate import Estimate, estimate_cost
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
MITS = catalog()["mutual_information_search"]


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


@given(spawns=st.integers(0, 4), children=st.integers(1, 8), forced=st.booleans())
@settings(max_examples=20)
async def test_adaptive_parallel_reasoning_costs_at_most_its_forks_and_their_children(
    spawns: int, children: int, forced: bool
):
    cost = await estimate(APR, spawns=spawns, children=children, forced=forced)

    assert (cost.calls, cost.depth) == (1 + spawns * (1 + children), 1 + 2 * spawns)


async def test_mutual_information_search_costs_a_level_for_each_step():
    cost = await estimate(MITS, steps=3, beam=2, depth=4, gain=0)

    assert cost.calls == 3 * (3 + 3 * 3 * 2) + 2
    assert cost.depth == 2 * 4 + 1
