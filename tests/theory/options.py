"""The rows of options that change what a strategy does."""

from collections.abc import Callable
from math import exp
from typing import Any

from tests.theory import drawn, expected, grown, searched, stopping, variants
from tests.theory.expected import Shares
from tests.theory.measuring import Kind, World
from tests.theory.row import (
    ACCEPT,
    FOOLED,
    JUDGE,
    KEEP,
    LEANING,
    LIKELY,
    MEND,
    MIXED,
    PREFER,
    REWRITE,
    SCORES,
    STEP,
    STEPWISE,
    Row,
    Saving,
)  # fmt: skip
from tests.theory.skill import (
    ACCEPTED,
    BEGUN,
    ENTROPY_LOGITS,
    REJECTED,
    STEPS,
    STRETCH,
    STRETCHES,
    SURE,
    TRACE,
    TURNING_POINT,
    UNSURE,
    VERDICT,
    Skill,
    hurry,
    strengthen,
    tell_logprob,
)  # fmt: skip

HARD = World("hard", (Kind(1, (0.1, 0.55, 0.35)),))
UNEVEN = World("uneven", (Kind(0.5, (0.7, 0.2, 0.1)), Kind(0.5, (0.4, 0.35, 0.25))))
NOISY = World("mixed, noisy", MIXED.kinds, Skill(noise=1.0))
CHANGE = {"keep": KEEP, "mend": MEND}
TRUSTED, MISTRUSTED = ({0: 1 - rate, 1: rate} for rate in (ACCEPT, FOOLED))
"""How often a right and a wrong draft is thought little of, or much."""


def _tree(form: str, world: World = MIXED, *, batch: int = 1, models: int = 1, choose: str = "thompson") -> Row:
    params = {"nodes": 5, "batch": batch, "form": form, "models": models, "choose": choose}

    def expect(shares: Shares) -> float:
        rates = (shares[0], strengthen(shares)[0])[:models]
        return drawn.bandit_tree(
            rates, 5, **CHANGE, **JUDGE, scores=SCORES, form=form, batch=batch, is_ucb=choose == "ucb",
            trials=3_000 if form == "mixed" else 10_000,
        )  # fmt: skip

    return Row("ab_mcts", params, expect, world)


def _beams(strategy: str, *, trees: int, kept: int, width: int, **options: Any) -> Row:
    params: dict[str, Any] = {"kept": kept} if strategy == "beam_search" else {"trees": trees}
    return Row(
        strategy, {**params, "width": width, "steps": STEPS, **options},
        lambda shares: grown.grown(
            shares, STEP, STEPS, trees=trees, kept=kept, width=width, **JUDGE, scores=SCORES, **options
        ),
        STEPWISE,
    )  # fmt: skip


def _offline(score: str) -> Row:
    return Row(
        "confidence_voting", {"mode": "offline", "drafts": 8, "kept": 50, "score": score, "window": STRETCH},
        lambda shares: grown.confident_offline(
            shares, 8, 50, score, **JUDGE, values=(SURE, UNSURE), noise=1.0, stretches=STRETCHES, stretch=STRETCH
        ),
        NOISY,
    )  # fmt: skip


def _infinity(**options: Any) -> Row:
    params = {"most_drafts": 40, "batch": 1, "certainty": 20, **options}

    def stopped(shares: Shares) -> stopping.Stopped:
        small, large = options.get("weights", (1, 0))
        mix = tuple((small * a + large * b) / (small + large) for a, b in zip(shares, strengthen(shares), strict=True))
        return stopping.best_of_infinity(mix, 40, 1, 20, 0.3, int(options.get("smoothing", False)))

    return Row("best_of_infinity", params, lambda shares: stopped(shares).accuracy, LIKELY)


def _pruned(*, is_largest: bool = True, **options: Any) -> Row:
    params = {"traces": 8, "compared": 3, "finished": 5, **options}
    most = options.get("clusters", 32)

    def pruned(shares: Shares) -> stopping.Stopped:
        return drawn.pruned(
            shares, 8, 3, 5, alike=LIKELY.skill.alike, begun=BEGUN, whole=TRACE, most=most, is_largest=is_largest
        )

    return Row("deep_prune", params, lambda shares: pruned(shares).accuracy, LIKELY)


def _warmed(**options: Any) -> Row:
    """Drafts where the entropy turns: as good as can be only at one temperature."""
    entropies = dict(zip(ENTROPY_LOGITS, (0.025, 0.05, 0.075, 0.1, 0.2, 0.675), strict=True))
    is_best = options.get("form") == "best_of_n"
    warmest = variants.turns_at(entropies, is_smoothed=options["smoothing"]) + 0.1 * is_best

    def expect(shares: Shares) -> float:
        shares = shares if abs(warmest - TURNING_POINT) < 1e-9 else hurry(shares)
        return expected.best_scored(shares[0], TRUSTED, MISTRUSTED, 8) if is_best else expected.vote(shares, 8)  # type: ignore[arg-type]

    return Row("temperature_from_entropy", {"hottest": 1.2, "samples": 1, "drafts": 8, **options}, expect)


def _speculated(rule: str, alpha: float, value: Callable[[Shares, Shares], float], world: World = LIKELY) -> Row:
    params = {"rule": rule, "alpha": alpha, "temperature": 1}
    return Row("speculative_cascade", params, lambda shares: value(shares, strengthen(shares)), world)


def _reduced(reduce: str, outcome: float = 0.5, *, sure: float = 1, **options: Any) -> Row:
    return Row(
        "process_evaluation", {"drafts": 8, "steps": STEPS, "reduce": reduce, "outcome": outcome, **options},
        lambda shares: variants.whole_and_steps(shares[0], 8, STEPS, reduce, **JUDGE, outcome=outcome, sure=sure),
    )  # fmt: skip


def _trusted(selector: str) -> Row:
    """Drafts chosen by how sure of their words the model is: as often of right ones as a judge accepts them."""

    def expect(shares: Shares) -> float:
        if selector == "naive":
            return expected.best_scored(shares[0], TRUSTED, MISTRUSTED, 5)  # type: ignore[arg-type]
        return expected.weighted_vote(shares, 5, 1, **JUDGE, values=(SURE, UNSURE))

    return Row("best_of_n", {"drafts": 5, "score": "confidence", "selector": selector}, expect)


def _sure(confidence: str, logprob: float) -> Row:
    return Row(
        "cascade", {"confidence": confidence, "logprob": logprob},
        lambda shares: searched.asked_itself(shares[0], strengthen(shares)[0], 1, 1, **JUDGE),
    )  # fmt: skip


OPTIONS = (
    Row(
        "sequential_refinement", {"rounds": 5, "patience": 1},
        lambda shares: variants.patient(shares[0], 5, 1, **CHANGE),
    ),
    Row(
        "recursive_self_aggregation", {"population": 4, "sample": 2, "rounds": 4, "islands": 2},
        lambda shares: variants.from_two_islands(shares, 2, 2, **REWRITE),
    ),
    Row(
        "prompted_aggregation", {"drafts": 4, "aggregations": 1, "enough": 0.75},
        lambda shares: variants.merged_unless(shares, 4, 0.75, 1, **REWRITE),
    ),
    Row(
        "generative_reward", {"drafts": 4, "evaluations": 3, "kept": 1},
        lambda shares: variants.reviewed(shares, 4, 3, 1, **JUDGE),
    ),
    Row(
        "cascade", {"samples": 5, "share": 1},
        lambda shares: searched.cascaded(shares, strengthen(shares)[0], 5, 5), LIKELY,
        Saving(
            "the large model alone", lambda shares: strengthen(shares)[0], 1, 0.3,
            lambda shares: 1 - sum(share**5 for share in shares), of="large model",
        ),
    ),
    Row(
        "best_of_n", {"drafts": 5, "judges": 1, "selector": "majority"},
        lambda shares: expected.vote(shares, 5),
    ),
    _trusted("naive"), _trusted("weighted"),
    Row(
        "weighted_voting", {"drafts": 5, "weights": "probability"},
        lambda shares: expected.weighted_vote(
            shares, 5, 1, **JUDGE, values=(exp(tell_logprob(SURE)), exp(tell_logprob(UNSURE)))
        ),
    ),
    _tree("gaussian", HARD), _tree("beta", HARD), _tree("mixed", HARD), _tree("gaussian", HARD, batch=3),
    _tree("gaussian", models=2), _tree("gaussian", models=2, choose="ucb"),
    _infinity(weights=(2, 1)), _infinity(smoothing=True),
    Row(
        "tree_of_thoughts", {"search": "depth", "thoughts": 2, "depth": 2, "visits": 4},
        lambda shares: grown.depth_first(STEP, 2, 2, 4, **JUDGE, **CHANGE), STEPWISE,
    ),
    Row(
        "tree_of_thoughts", {"thoughts": 3, "evaluate": "vote", "evaluations": 3, "kept": 1, "depth": 2},
        lambda shares: grown.voted(STEP, 3, 2, 3, prefer=PREFER, **CHANGE), STEPWISE,
    ),
    Row(
        "tree_of_thoughts", {"thoughts": 3, "generate": "propose", "kept": 1, "depth": 3},
        lambda shares: searched.tree(STEP, 3, 1, 3, **JUDGE, **CHANGE), STEPWISE,
    ),
    _beams("beam_search", trees=1, kept=2, width=3, selector="naive"),
    _beams("beam_search", trees=1, kept=1, width=4, judges=3, selector="naive"),
    _beams("beam_search", trees=1, kept=1, width=4, ahead=1),
    *[
        _beams("diverse_verifier_tree_search", trees=2, kept=1, width=2, reduce=reduce)
        for reduce in ("min", "product", "mean", "mean_logit")
    ],
    _beams("diverse_verifier_tree_search", trees=2, kept=1, width=2, selector="majority"),
    *[_offline(score) for score in ("mean", "tail", "bottom_windows", "lowest_window")],
    _pruned(prefix="words", words=2), _pruned(prefix="tokens", prefix_tokens=BEGUN, clusters=2),
    _pruned(prefix="tokens", prefix_tokens=BEGUN, final="representatives", is_largest=False),
    _warmed(smoothing=True), _warmed(smoothing=False, form="best_of_n"),
    _speculated("chow", 0.35, lambda q, p: variants.left_whole(q, p, max(q) >= 0.65), UNEVEN),
    _speculated("diff", 0.2, lambda q, p: variants.left_whole(q, p, max(q) >= max(p) - 0.2), UNEVEN),
    _speculated("opt", 0.3, lambda q, p: p[0], UNEVEN),
    _speculated("v1", 0.3, lambda q, p: variants.left_single(q, p, [share >= max(p) - 0.3 for share in q])),
    _speculated("v2", 0.7, lambda q, p: variants.left_single(q, p, [share >= max(p) - 0.7 for share in p]), MIXED),
    _reduced("last"), _reduced("min"), _reduced("product"), _reduced("mean_logit", 0.2),
    _reduced("product", sure=VERDICT, value="graded"), _reduced("mean_logit", 0.2, sure=VERDICT, value="graded"),
    Row(
        "propose_and_judge", {"steps": 2, "proposals": 3, "judges": 3},
        lambda shares: variants.picked(STEP, 3, 2, PREFER, 3), STEPWISE,
    ),
    _sure("mean", -0.35), _sure("sum", -24), _sure("decile", -0.35), _sure("lowest", -0.35),
    Row("budget_forcing", {"form": "rejection"}, lambda shares: shares[0]),
    Row("thinking_budget", {"control": "server"}, lambda shares: shares[0]),
    Row("adaptive_parallel_reasoning", {"spawns": 1, "children": 2}, lambda s: searched.forked(s[0], 2, LEANING)),
    Row("adaptive_parallel_reasoning", {"spawns": 1, "forced": True}, lambda s: searched.forked(s[0], 3, LEANING)),
    Row(
        "tree_of_thoughts", {"thoughts": 3, "select": "draw", "kept": 1, "depth": 3},
        lambda shares: searched.tree(STEP, 3, 1, 3, **JUDGE, **CHANGE), STEPWISE,
    ),
    Row(
        "compute_optimal", {"budget": 5, "pilot": 2, "policy": "large"},
        lambda shares: expected.weighted_vote(shares, 5, 1, **JUDGE, values=(ACCEPTED, REJECTED)),
    ),
    Row(
        "compute_optimal", {"budget": 4, "pilot": 2, "policy": "revisions"},
        lambda shares: grown.revised(shares, **REWRITE, **JUDGE, scores=SCORES),
    ),
)  # fmt: skip
