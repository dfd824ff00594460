"""The rows of the table: every strategy as it is by default, and what theory expects of it."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.theory import drawn, expected, judged, searched, stopping
from tests.theory.expected import Shares
from tests.theory.measuring import World
from tests.theory.options import OPTIONS
from tests.theory.row import (
    ACCEPT,
    CONTEST,
    FOOLED,
    JUDGE,
    KEEP,
    LEANING,
    LIKELY,
    MEND,
    PREFER,
    REWRITE,
    SCORES,
    SILENT,
    STEP,
    STEPWISE,
    Row,
    vote_of,
)  # fmt: skip
from tests.theory.skill import (
    ACCEPTED,
    BEGUN,
    HELPFUL,
    REJECTED,
    STEPS,
    STRETCH,
    STRETCHES,
    SURE,
    TRACE,
    UNSURE,
    USELESS,
    hurry,
    strengthen,
)  # fmt: skip
from tests.theory.stopping import Stopped
from workers.strategies import catalog


def _pdr(distiller: str, widths: tuple[int, ...] = (4, 2, 1)) -> Row:
    def expect(shares: Shares) -> float:
        return expected.distilled(shares[0], widths, distiller, **REWRITE, top_k=2, **JUDGE)

    return Row("parallel_distill_refine", {"widths": widths, "distiller": distiller, "top_k": 2}, expect)


def _rsa(population: int, read: int, rounds: int, *, is_vote: bool) -> Row:
    params: dict[str, Any] = {"population": population, "sample": read, "rounds": rounds}
    params |= {} if is_vote else {"answer": "random_member"}
    return Row(
        "recursive_self_aggregation", params,
        lambda shares: expected.aggregated_vote(shares, population, read, rounds, **REWRITE, is_vote=is_vote),
    )  # fmt: skip


def _merge(drafts: int, aggregations: int) -> Row:
    def expect(shares: Shares) -> float:
        return sum(
            weight * expected.vote(expected.member(shares, counts, drafts, **REWRITE), aggregations)
            for counts, weight in expected.multinomial(shares, drafts)
        )

    return Row("prompted_aggregation", {"drafts": drafts, "aggregations": aggregations}, expect)


def _best(drafts: int, judges: int) -> Row:
    right, wrong = (dict(enumerate(expected.binomial(judges, rate))) for rate in (ACCEPT, FOOLED))
    params = {"drafts": drafts, "judges": judges}
    return Row("best_of_n", params, lambda shares: expected.best_scored(shares[0], right, wrong, drafts))  # type: ignore[arg-type]


def _weighted(strategy: str, params: Mapping[str, Any], values: tuple[int, int]) -> Row:
    drafts, judges = params["drafts"], params["judges"]
    return Row(strategy, params, lambda shares: expected.weighted_vote(shares, drafts, judges, **JUDGE, values=values))


def _cautious(drafts: int, verdicts: int, caution: float, penalty: str, *, all_agree: bool = False) -> Row:
    params = {"drafts": drafts, "verdicts": verdicts, "caution": caution, "penalty": penalty, "all_agree": all_agree}
    return Row(
        "pessimistic_verification", params,
        lambda shares: judged.cautious(
            shares, drafts, verdicts, **JUDGE, caution=caution, penalty=penalty, all_agree=all_agree
        ),
    )  # fmt: skip


def _scrutinized(drafts: int, verdicts: int, comparisons: int) -> Row:
    return Row(
        "sample_scrutinize", {"drafts": drafts, "verdicts": verdicts, "comparisons": comparisons},
        lambda shares: judged.scrutinized(
            shares, drafts, verdicts, comparisons, **JUDGE, prefer=PREFER, margin=0.05
        ),
    )  # fmt: skip


def _tournament(form: str, comparisons: int, *, distinct: bool = True) -> Row:
    winner = {
        "knockout": judged.knockout(comparisons, PREFER), "league": judged.league(comparisons, PREFER),
        "teams": judged.teams(ACCEPT, FOOLED), "groups": judged.groups(comparisons, PREFER),
    }[form]  # fmt: skip
    is_single = distinct and form != "teams"
    return Row(
        "tournament", {"drafts": 4, "form": form, "comparisons": comparisons, "distinct": distinct},
        lambda shares: judged.over_drafts(shares, 4, winner, distinct=is_single),
    )  # fmt: skip


def _infinity(
    certainty: float, like: int, claim: float, *, most: int = 40, batch: int = 1, world: World = LIKELY
) -> Row:
    def stopped(shares: Shares) -> Stopped:
        return stopping.best_of_infinity(shares, most, batch, certainty, 0.3)

    return Row(
        "best_of_infinity", {"most_drafts": most, "batch": batch, "certainty": certainty},
        lambda shares: stopped(shares).accuracy, world, vote_of(like, claim, lambda shares: stopped(shares).drafts),
    )  # fmt: skip


def _tree(thoughts: int, kept: int, depth: int) -> Row:
    params = {"thoughts": thoughts, "kept": kept, "depth": depth}
    value = searched.tree(STEP, thoughts, kept, depth, **JUDGE, keep=KEEP, mend=MEND)
    return Row("tree_of_thoughts", params, lambda shares: value, STEPWISE)


def _bred(spread: float) -> Row:
    params = {
        "generations": 2, "islands": 1, "conversations": 1, "turns": 2, "parents": 1, "fresh": 0, "spread": spread,
    }  # fmt: skip
    return Row(
        "mind_evolution", params,
        lambda shares: searched.bred(shares[0], keep=KEEP, mend=MEND, **JUDGE, spread=spread, scores=SCORES),
    )  # fmt: skip


def _confident(drafts: int, kept: int, claim: float) -> Row:
    """Few drafts, whose words are all as sure."""
    params = {"drafts": drafts, "warm_up": 4, "kept": kept, "window": STRETCH}

    def stopped(shares: Shares) -> Stopped:
        return stopping.confident(shares, drafts, 4, kept, 0.95, **JUDGE, values=(SURE, UNSURE), stretches=STRETCHES)

    return Row(
        "confidence_voting", params, lambda shares: stopped(shares).accuracy, LIKELY,
        vote_of(drafts, claim, lambda shares: stopped(shares).drafts),
    )  # fmt: skip


def _confident_as_published(kept: int, claim: float, part: float) -> Row:
    """As many drafts as in the paper; their confidence has noise, and each lane is dear."""
    params = {"drafts": 512, "warm_up": 16, "batch": 16, "kept": kept, "window": STRETCH}

    def drawn_of(shares: Shares) -> Stopped:
        return drawn.confident(
            shares, 512, 16, 16, kept, 0.95, **JUDGE, values=(SURE, UNSURE), noise=CONTEST.skill.noise,
            stretches=STRETCHES,
        )  # fmt: skip

    return Row(
        "confidence_voting", params, lambda shares: drawn_of(shares).accuracy, CONTEST,
        vote_of(512, claim, lambda shares: drawn_of(shares).drafts), part,
    )  # fmt: skip


def _pruned(traces: int, claim: float, world: World, part: float = 1, **params: Any) -> Row:
    params = {"traces": traces, "prefix": "tokens", "prefix_tokens": BEGUN, "compared": 3, "finished": 5, **params}

    def drawn_of(shares: Shares) -> Stopped:
        return drawn.pruned(
            shares, traces, params["compared"], params["finished"], alike=world.skill.alike, begun=BEGUN, whole=TRACE
        )

    return Row(
        "deep_prune", params, lambda shares: drawn_of(shares).accuracy, world,
        vote_of(traces, claim, lambda shares: drawn_of(shares).drafts)._replace(less=0.03), part,
    )  # fmt: skip


def _trees(strategy: str, params: Mapping[str, Any], trees: int, width: int) -> Row:
    def expect(shares: Shares) -> float:
        return searched.grown_trees(shares, STEP, trees, width, STEPS, **JUDGE, values=(ACCEPTED, REJECTED))

    return Row(strategy, {**params, "width": width, "steps": STEPS}, expect, STEPWISE)


def _speculated(rule: str, alpha: float, value: Callable[[Shares, Shares, float], float]) -> Row:
    params = {"rule": rule, "alpha": alpha, "temperature": 1}
    return Row("speculative_cascade", params, lambda shares: value(shares, strengthen(shares), alpha))


MAIN = (
    Row("direct", {}, lambda shares: shares[0]),
    Row("direct", {}, lambda shares: shares[0], SILENT),
    Row("self_consistency", {"drafts": 5}, lambda shares: expected.vote(shares, 5)),
    Row("self_consistency", {"drafts": 15}, lambda shares: expected.vote(shares, 15)),
    Row("self_consistency", {"drafts": 8}, lambda shares: expected.vote(shares, 8), SILENT),
    _weighted("weighted_voting", {"drafts": 5, "judges": 1}, (ACCEPTED, REJECTED)),
    _weighted("weighted_voting", {"drafts": 5, "judges": 3, "weights": "verdict"}, (1, 0)),
    _infinity(7, 9, 0.5), _infinity(20, 22, 0.5), _infinity(20, 22, 0.5, batch=4),
    _infinity(10, 10, 0.7, most=100, world=CONTEST), _infinity(100, 100, 0.9, most=100, world=CONTEST),
    Row("sequential_refinement", {"rounds": 3}, lambda shares: expected.chain(shares[0], 3, KEEP, MEND)),
    Row(
        "sequential_refinement", {"rounds": 3, "error_analysis": True},
        lambda shares: expected.criticized_chain(shares[0], 3, KEEP, MEND, **JUDGE),
    ),
    _pdr("global_summary"), _pdr("shared_topk"), _pdr("per_sample_topk"), _pdr("random_k"), _pdr("identity"),
    _rsa(4, 2, 3, is_vote=True), _rsa(4, 2, 3, is_vote=False), _rsa(5, 3, 2, is_vote=True),
    _merge(4, 1), _merge(4, 3),
    _best(4, 1), _best(8, 3),
    _weighted("best_of_n", {"drafts": 5, "judges": 2, "selector": "weighted"}, (ACCEPTED, REJECTED)),
    _tournament("knockout", 1), _tournament("knockout", 2, distinct=False), _tournament("league", 2),
    _tournament("teams", 1), _tournament("groups", 3),
    _scrutinized(4, 2, 2), _scrutinized(6, 4, 3),
    _cautious(4, 2, 0.1, "log"), _cautious(4, 2, 0.3, "root"), _cautious(4, 2, 0.1, "log", all_agree=True),
    _confident(12, 50, 0.3), _confident(12, 90, 0.2),
    _confident_as_published(90, 0.56, 0.2), _confident_as_published(10, 0.847, 0.4),
    _pruned(8, 0.3, LIKELY), _pruned(512, 0.8, CONTEST, 0.03, finished=20),
    Row(
        "temperature_from_entropy", {"hottest": 1.2, "samples": 1, "smoothing": False, "drafts": 8},
        lambda shares: expected.vote(shares, 8),
    ),
    Row("budget_forcing", {"extensions": 2}, lambda shares: expected.chain(shares[0], 3, KEEP, MEND)),
    Row("factual_scaling", {"facts": "", "waits": 2}, lambda shares: expected.chain(shares[0], 3, KEEP, MEND)),
    Row("factual_scaling", {"facts": "", "form": "parallel", "samples": 8}, lambda shares: expected.vote(shares, 8)),
    Row(
        "retrieve_and_reason", {"collection": f"{HELPFUL}\n\n{USELESS}", "passages": 1},
        lambda shares: ACCEPT * strengthen(shares)[0] + (1 - ACCEPT) * shares[0],
    ),
    _speculated("lossy", 0, searched.lenient), _speculated("lossy", 0.4, searched.lenient),
    _speculated("v3", 0.3, searched.good_enough),
    Row("thinking_budget", {}, lambda shares: shares[0]),
    Row(
        "adaptive_parallel_reasoning", {"spawns": 1},
        lambda shares: searched.forked(shares[0], 3, LEANING),
    ),
    _trees("beam_search", {"kept": 1}, 1, 4),
    _trees("diverse_verifier_tree_search", {"trees": 2}, 2, 2),
    Row(
        "mutual_information_search", {"steps": 2, "beam": 1, "depth": STEPS, "gain": 0},
        lambda shares: searched.tree(STEP, 2, 1, STEPS, **JUDGE, keep=1, mend=0), STEPWISE,
    ),
    Row(
        "compute_optimal", {"budget": 5, "pilot": 2, "steps": STEPS},
        lambda shares: searched.optimal(shares, STEP, STEPS, 3, **JUDGE, values=(ACCEPTED, REJECTED)),
    ),
    Row(
        "ab_mcts", {"nodes": 5, "batch": 1},
        lambda shares: drawn.bandit_tree((shares[0],), 5, keep=KEEP, mend=MEND, **JUDGE, scores=SCORES),
    ),
    Row(
        "propose_and_judge", {"steps": 2, "proposals": 3},
        lambda shares: searched.proposed(STEP, 3, 2, PREFER), STEPWISE,
    ),
    _tree(3, 1, 3), _tree(2, 2, 2),
    _bred(0.2),
    Row(
        "cascade", {"samples": 5, "share": 0.6},
        lambda shares: searched.cascaded(shares, strengthen(shares)[0], 5, 3),
    ),
    Row(
        "cascade", {"confidence": "yes_no", "samples": 3, "share": 0.6},
        lambda shares: searched.asked_itself(shares[0], strengthen(shares)[0], 3, 2, **JUDGE),
    ),
    Row(
        "prompting_mix", {"styles": 2, "pilot": 3, "votes": 8},
        lambda shares: searched.mixed([shares, hurry(shares)], 3, 8),
    ),
    Row(
        "generative_reward", {"drafts": 4, "evaluations": 2},
        lambda shares: judged.evaluated(shares, 4, 2, **JUDGE),
    ),
    Row(
        "process_evaluation", {"drafts": 4, "steps": STEPS, "reduce": "mean"},
        lambda shares: judged.whole_and_steps(shares[0], 4, STEPS, **JUDGE),
    ),
)  # fmt: skip

ROWS = tuple(sorted((*MAIN, *OPTIONS), key=lambda row: list(catalog()).index(row.strategy)))
"""All of the table, in the catalogue's order."""
