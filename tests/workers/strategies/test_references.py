"""The same drafts and the same draws: what other libraries choose, recorded, and what we choose.

The records lie in tests/references, made by `make references`. Where we differ on purpose, a test says so and why.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from math import exp, fsum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, play
from workers.core.values import Reply, Usage
from workers.strategies import catalog
from workers.strategies._bandits import (
    Beta,
    Gaussian,
    Scored,
    choose_by_arms,
    choose_model,
    draw_scores,
    find_place,
    find_upper_bounds,
    learn_all,
)
from workers.strategies._retrieving import Collection, find_passages
from workers.strategies._stopping import find_doubt
from workers.strategies._trees import Node, keep_best
from workers.strategies._votes import Bloc, find_heaviest

FOLDER = Path(__file__).parents[2] / "references"


def read_cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((FOLDER / name).read_text())["cases"]
    return cases


def named(cases: list[dict[str, Any]], *names: str) -> Any:
    return pytest.mark.parametrize("case", cases, ids=["-".join(str(case[name]) for name in names) for case in cases])


# --- votes: its_hub ---------------------------------------------------------------------------------------------------

VOTES = read_cases("votes.json")
SPELLED_TWICE = "the same number, spelled in two ways"
PLAIN = [case for case in VOTES if None not in case["answers"] and case["name"] != SPELLED_TWICE]
"""Everybody answers, and equal answers are spelled alike."""
SILENT = [case for case in VOTES if None in case["answers"]]


async def vote(slug: str, case: dict[str, Any], **params: Any) -> Played:
    count = len(case["drafts"])
    size = {"most_drafts": count, "batch": 1} if slug == "best_of_infinity" else {"drafts": count}
    judged = [score for score, answer in zip(case["scores"], case["answers"], strict=True) if answer]
    replies = {"draft": case["drafts"], "judge": [f"Verdict: {score}" for score in judged]}
    return await play(catalog()[slug], {**size, **params}, replies=replies)


def place_of(played: Played, case: dict[str, Any]) -> int:
    assert played.answer is not None
    return int(case["drafts"].index(played.answer.text))


@named(PLAIN, "name")
async def test_self_consistency_takes_the_first_draft_that_its_hub_may_take(case: dict[str, Any]):
    """On purpose: its_hub draws among the leading answers' drafts, so a tie is chance; ours is always the first."""
    assert place_of(await vote("self_consistency", case), case) == case["self_consistency"]["chosen"][0]


@named([case for case in PLAIN if len(case["drafts"]) > 1], "name")
async def test_best_of_n_takes_the_draft_that_its_hub_takes(case: dict[str, Any]):
    assert place_of(await vote("best_of_n", case), case) == case["best_of_n"]


@named(VOTES, "name")
def test_the_beta_rule_of_its_hub_is_our_integral_with_two_answers_and_none_unseen(case: dict[str, Any]):
    def is_certain(drafts: int) -> bool:
        counts = [count for _, count in Counter(case["answers"][:drafts]).most_common(2)]
        return find_doubt([1 + count for count in [*counts, 0][:2]], unseen=1e-9) <= 0.05

    count = len(case["answers"])
    assert next((n for n in range(2, count) if is_certain(n)), count) == case["beta"]["used"]


@named(PLAIN, "name")
async def test_a_vote_that_must_be_decisive_ends_in_the_answer_of_its_hub(case: dict[str, Any]):
    played = await vote("best_of_infinity", case, certainty=100)

    assert place_of(played, case) == case["beta"]["chosen"][0]


@pytest.mark.parametrize(("certainty", "drafts"), [(10, 2), (100, 5)])
async def test_on_purpose_a_unanimous_vote_does_not_end_where_its_hub_ends_it(certainty: int, drafts: int):
    """Ours asks for a Bayes factor and gives answers not seen yet a weight; theirs for 0.95 between the two largest."""
    [case] = [case for case in VOTES if case["name"] == "a long unanimous run"]

    played = await vote("best_of_infinity", case, certainty=certainty)

    assert (len(played.graph), case["beta"]["used"], case["adaptive"]["used"]) == (drafts, 4, 2)


async def test_on_purpose_a_late_majority_is_lost_by_whoever_trusts_two_drafts():
    """Doubling until three quarters agree, and a Bayes factor of 10, stop after two equal drafts; the paper's rule."""
    [case] = [case for case in VOTES if case["name"] == "a late majority"]

    early = await vote("best_of_infinity", case, certainty=10)

    assert len(early.graph) == case["adaptive"]["used"] == 2
    assert place_of(early, case) == case["adaptive"]["chosen"][0] == 0
    assert place_of(await vote("best_of_infinity", case, certainty=100), case) == case["beta"]["chosen"][0] == 2


@named([case for case in SILENT if any(case["answers"])], "name")
async def test_on_purpose_a_draft_without_an_answer_does_not_vote(case: dict[str, Any]):
    """its_hub counts "no answer" like an answer: with the small model it would win nearly every vote."""
    votes = Counter(answer for answer in case["answers"] if answer)
    leader = max(votes, key=lambda answer: votes[answer])  # the first of tied ones

    place = place_of(await vote("self_consistency", case), case)

    assert case["answers"][place] == leader
    theirs = {case["answers"][place] for place in case["self_consistency"]["chosen"]}
    assert (None in theirs) == (case["answers"].count(None) >= votes[leader])


@named([case for case in SILENT if len(list(filter(None, case["answers"]))) > 1], "name")
async def test_on_purpose_a_draft_without_an_answer_is_not_judged(case: dict[str, Any]):
    judged = [score if answer else -1 for score, answer in zip(case["scores"], case["answers"], strict=True)]

    assert place_of(await vote("best_of_n", case), case) == judged.index(max(judged))


async def test_on_purpose_equal_numbers_are_one_answer():
    """its_hub compares spellings, so that 0.5 and 1/2 are two answers, and a pair of 1 beats neither."""
    [case] = [case for case in VOTES if case["name"] == SPELLED_TWICE]

    played = await vote("self_consistency", {**case, "drafts": [*case["drafts"], "\\boxed{0.50}"]})

    assert case["self_consistency"]["chosen"] == [0, 3]
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("0.5", "3 of 5 votes")


# --- votes: published formulas ----------------------------------------------------------------------------------------


class Sampled(NamedTuple):
    """A path of the self-consistency paper: its answer, and what it weighs."""

    answer: str
    weight: float


SAMPLED = st.lists(st.builds(Sampled, st.sampled_from("abcd"), st.integers(1, 999).map(lambda n: n / 1000)), min_size=1)
WEIGHTS = {
    "majority": lambda sampled: 1.0,
    "weighted": lambda sampled: sampled.weight,
    "probability, normalized by length": lambda sampled: exp(-3 * sampled.weight),
}


def blocs_of(sampled: Sequence[Sampled]) -> list[Bloc]:
    members: dict[str, list[Reply]] = {}
    for number, each in enumerate(sampled):
        members.setdefault(each.answer, []).append(Reply(f"draft-{number}", "", "", "stop", Usage(), each.answer))
    return [Bloc(answer, tuple(drafts)) for answer, drafts in members.items()]


@pytest.mark.parametrize("form", WEIGHTS)
@given(sampled=SAMPLED)
def test_votes_are_the_argmax_over_answers_of_the_sum_over_paths(form: str, sampled: list[Sampled]):
    """Wang et al. 2022: argmax over a of the sum over i of 1(a_i = a) w_i; Li et al. 2022 with a verifier's w_i."""
    weights = [WEIGHTS[form](each) for each in sampled]
    sums = {
        a: fsum(w for each, w in zip(sampled, weights, strict=True) if each.answer == a)
        for a in dict.fromkeys(each.answer for each in sampled)
    }

    chosen = find_heaviest(blocs_of(sampled), {f"draft-{n}": weight for n, weight in enumerate(weights)})

    assert chosen is not None
    assert sums[chosen.bloc.answer] == pytest.approx(max(sums.values()))
    assert chosen.share == pytest.approx(max(sums.values()) / fsum(weights))


# --- trees: treequest -------------------------------------------------------------------------------------------------


class Recorded:
    """Draws what treequest drew, after checking that we would draw from the same distribution."""

    def __init__(self, draws: Sequence[tuple[Sequence[float], float]]) -> None:
        self.left = list(draws)

    def __call__(self, belief: Beta | Gaussian) -> float:
        numbers, value = self.left.pop(0)
        assert tuple(belief) == pytest.approx(numbers, abs=1e-8)
        return value

    def for_each(self, prior: Any) -> Any:
        return lambda scores: [self(learn_all(prior, each)) for each in scores]


@named(read_cases("trees.json"), "form", "models", "choice", "batch")
def test_ab_mcts_a_grows_the_tree_that_treequest_grows(case: dict[str, Any]):
    """It draws new against old even where nothing is below, and there is no choice; those draws are not recorded."""
    prior: Any = Gaussian() if case["form"] == "gaussian" else Beta()
    trials, nodes, by_model = case["trials"], list[Scored](), [list[float]() for _ in range(case["models"])]
    for start in range(0, len(trials), case["batch"]):
        batch = trials[start : start + case["batch"]]  # chosen before any of its scores is known
        for trial in batch:
            draw = Recorded(trial["draws"])

            under = find_place(nodes, partial(choose_by_arms, prior=prior, draw=draw))
            model = choose_model(by_model, find_upper_bounds if case["choice"] == "ucb" else draw.for_each(prior))

            assert (under, model) == (trial["under"], trial["model"])
            assert draw.left == []
        for trial in batch:
            nodes.append(Scored(trial["under"], trial["score"]))
            by_model[trial["model"]].append(trial["score"])
    scores = [trial["score"] for trial in trials]
    assert scores.index(max(scores)) == case["best"]


@pytest.mark.parametrize("case", read_cases("mixed_models.json"), ids=lambda case: f"{len(case['groups'])} groups")
def test_ab_mcts_m_expects_the_scores_that_treequest_expects(case: dict[str, Any]):
    """Theirs are 4,000 dependent draws by PyMC, ours an integral: the mean may differ by what such draws scatter."""
    generator = np.random.default_rng(3)
    draws = np.array([draw_scores(case["groups"], generator.random) for _ in range(8_000)])

    means, deviations = zip(*case["next"], strict=True)

    assert draws.mean(axis=0) == pytest.approx(means, abs=0.03)
    assert draws.std(axis=0) == pytest.approx(deviations, rel=0.08)


# --- searches by steps: treequest, its_hub ----------------------------------------------------------------------------


@named(read_cases("thoughts.json"), "kept", "thoughts")
def test_tree_of_thoughts_goes_on_from_the_thoughts_that_treequest_goes_on_from(case: dict[str, Any]):
    """Its tree begins with one thought, from which all others come; ours with as many as every state has after it."""
    assert len(case["levels"][0]) == 1
    for level, following in pairwise(case["levels"]):
        nodes = [Node(str(place), (str(place),), value=thought["score"]) for place, thought in enumerate(level)]

        kept = [int(node.name) for node in keep_best(nodes, case["kept"])]

        assert [thought["under"] for thought in following] == [under for under in kept for _ in range(case["thoughts"])]


@named(read_cases("beams.json"), "size", "steps")
async def test_a_beam_search_ends_where_that_of_its_hub_ends(case: dict[str, Any]):
    """With one beam kept: where more are, it begins as many as each is copied, and we as many as we go on with."""
    size, steps = case["size"], case["steps"]
    ideas = [f"idea {number}" for number in range(size * steps)]
    script = {
        "step": [*(f"{idea}." for idea in ideas[:-size]), *(f"\\boxed{{{idea}}}" for idea in ideas[-size:])],
        "judge": [f"Verdict: {score}" for score in case["scores"]],
    }

    played = await play(
        catalog()["beam_search"], {"kept": 1, "width": size, "steps": steps, "selector": "naive"}, replies=script
    )

    assert played.answer is not None
    assert re.findall(r"idea \d+", played.answer.text) == case["best"]


# --- rankings: bm25s --------------------------------------------------------------------------------------------------

RANKINGS = read_cases("rankings.json")
"""As an earlier bm25s scored them. It ranks for us too: a newer one must not rank otherwise what old runs searched."""
STEEPNESS = 1.2
"""bm25s, as Lucene, leaves out the factor k + 1, which changes no order; the paper, and we, have it."""


@pytest.mark.parametrize("case", RANKINGS, ids=range(len(RANKINGS)))
def test_passages_are_scored_as_lucene_does(case: dict[str, Any]):
    found = find_passages(Collection(case["passages"]), case["query"])

    theirs = {place: score * (STEEPNESS + 1) for place, score in enumerate(case["scores"]) if score}
    assert {each.place: each.score for each in found} == pytest.approx(theirs)
    assert [each.place for each in found] == sorted(theirs, key=lambda place: (-round(theirs[place], 6), place))
