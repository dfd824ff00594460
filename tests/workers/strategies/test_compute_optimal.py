"""A pilot shows how hard the problem is, and a table says what the rest of the budget is spent on."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, ReadingJudge, play
from workers.core.errors import StreamCut
from workers.core.estimate import estimate_cost
from workers.core.events import CallStarted, NoteTaken
from workers.core.values import Sampling
from workers.strategies import catalog
from workers.strategies._chains import READ, count_chains
from workers.strategies._policies import POLICIES, Table

OPTIMAL = catalog()["compute_optimal"]
BON = catalog()["best_of_n"]
BEAM = catalog()["beam_search"]
DVTS = catalog()["diverse_verifier_tree_search"]
DIRECT = catalog()["direct"]
CUT = StreamCut("The stream broke.")


def script(answers: str = "12", verdicts: str = "5", **more: Any) -> dict[str, Any]:
    """Return drafts that give the answers in turn (a dash: none), and judges, steps and revisions without an end."""
    texts = [f"It is \\boxed{{{answer}}}." if answer != "-" else "Hm." for answer in answers]
    return {
        "draft": Endless(lambda number: texts[(number - 1) % len(texts)]),
        "judge": Endless(lambda number: f"Verdict: {verdicts[(number - 1) % len(verdicts)]}"),
        "step": Endless(lambda number: f"idea {number}."),
        "refine": Endless(lambda number: f"revision {number}: \\boxed{{9}}."),
        **more,
    }


def note_of(played: Played) -> str:
    notes: list[str] = [note.text for note in played.all_of(NoteTaken) if note.text.startswith("Difficulty")]
    return notes[0]


def roles_of(played: Played) -> dict[str, int]:
    return dict(Counter(event.role for event in played.all_of(CallStarted)))


# --- the tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "methods"),
    [
        ("search", ["best of N", "best of N", "beams", "beams", "beams"]),
        ("small", ["best of N", "beams", "beams"]),
        ("middle", ["trees", "trees", "beams"]),
        ("large", ["best of N", "best of N", "best of N"]),
        ("revisions", ["chains"] * 5),
    ],
)
def test_the_tables_say_what_the_papers_found(policy: Table, methods: list[str]):
    table = POLICIES[policy]

    assert [plan.method for plan in table.plans] == methods
    assert len(table.edges) + 1 == len(table.plans)
    assert list(table.edges) == sorted(set(table.edges))


def test_revisions_go_from_one_chain_to_many_short_ones():
    """Golden values: length to number of chains of 16 attempts is 16:1, 8:2, 4:4, 2:8, 2:8."""
    counts = [count_chains(16, plan.ratio) for plan in POLICIES["revisions"].plans]

    assert [(16 // count, count) for count in counts] == [(16, 1), (8, 2), (4, 4), (2, 8), (2, 8)]


@given(attempts=st.integers(1, 256), ratio=st.sampled_from([1 / 16, 1 / 4, 1, 4, 16]))
def test_chains_are_of_equal_length(attempts: int, ratio: float):
    assert attempts % count_chains(attempts, ratio) == 0


@given(one=st.floats(0, 1), other=st.floats(0, 1), policy=st.sampled_from(list(POLICIES)))
def test_a_harder_problem_is_never_in_an_easier_bin(one: float, other: float, policy: Table):
    easier, harder = sorted([one, other])

    assert 0 <= POLICIES[policy].find_bin(easier) <= POLICIES[policy].find_bin(harder) < len(POLICIES[policy].plans)


@pytest.mark.parametrize(
    ("difficulty", "place"), [(0, 0), (0.2, 0), (1 - 0.8, 0), (0.25, 1), (0.5, 2), (0.75, 3), (0.8, 3), (1, 4)]
)
def test_an_edge_belongs_to_the_easier_bin(difficulty: float, place: int):
    assert POLICIES["search"].find_bin(difficulty) == place


@pytest.mark.parametrize(
    ("answers", "note"),
    [
        ("1111", "Difficulty 0.00, bin 1 of 5: best of N."),
        ("1112", "Difficulty 0.25, bin 2 of 5: best of N."),
        ("1122", "Difficulty 0.50, bin 3 of 5: beams."),
        ("1234", "Difficulty 0.75, bin 4 of 5: beams."),
        ("1---", "Difficulty 0.75, bin 4 of 5: beams."),
        ("----", "Difficulty 1.00, bin 5 of 5: beams."),
    ],
)
async def test_the_votes_of_the_pilot_say_how_hard_it_is(answers: str, note: str):
    assert note_of(await play(OPTIMAL, replies=script(answers))) == note


@pytest.mark.parametrize(
    ("verdicts", "note"),
    [
        ("9", "Difficulty 0.10, bin 1 of 5: best of N."),
        ("2", "Difficulty 0.80, bin 4 of 5: beams."),
        ("90", "Difficulty 0.55, bin 3 of 5: beams."),
        ("17", "Difficulty 0.60, bin 3 of 5: beams."),  # as floats 0.6000000000000001
        ("?", "Difficulty 0.00, bin 1 of 5: best of N."),
    ],
)
async def test_or_the_scores_do_and_the_votes_where_there_are_none(verdicts: str, note: str):
    assert note_of(await play(OPTIMAL, {"difficulty": "judge"}, replies=script("1111", verdicts))) == note


# --- what the methods do ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
async def test_best_of_n_is_best_of_n_whose_drafts_came_in_two_batches(seed: int):
    chance = Random(seed)
    replies = script(
        "".join(chance.choices("123-", k=12)), "".join(chance.choices("0123456789", k=12)), step=(), refine=()
    )

    one = await play(OPTIMAL, {"policy": "large", "budget": 12, "pilot": 5}, replies=replies)
    other = await play(BON, {"drafts": 12, "selector": "weighted"}, replies=replies)

    assert one.answer == other.answer
    drafts = [[request for request in played.model.asked if request.role == "draft"] for played in (one, other)]
    assert drafts[0] == drafts[1]


@pytest.mark.parametrize(
    ("policy", "strategy", "params"),
    [("small", BEAM, {"kept": 2, "width": 4}), ("middle", DVTS, {"trees": 2, "width": 4})],
    ids=["beams", "trees"],
)
async def test_a_search_is_the_strategy_of_that_name(policy: str, strategy: Any, params: dict[str, Any]):
    def judge(prompt: str) -> str:
        return f"Verdict: {sum(map(ord, prompt.split('---')[2])) % 11}"

    def wrap(model: Any) -> ReadingJudge:
        return ReadingJudge(model, judge)

    answers = "1234" if policy == "small" else "1122"
    one = await play(OPTIMAL, {"policy": policy, "budget": 12, "steps": 3}, replies=script(answers), wrap=wrap)
    other = await play(strategy, {**params, "steps": 3}, replies=script(), wrap=wrap)

    steps = [[request for request in played.model.asked if request.role == "step"] for played in (one, other)]
    assert steps[0] == steps[1] != []
    assert one.graph["step-1"] == {"judge-1", "judge-2", "judge-3", "judge-4"}


async def test_the_drafts_of_the_pilot_count_in_the_end():
    steps = [f"So \\boxed{{{answer}}}." for answer in "3333"]

    played = await play(
        OPTIMAL, {"budget": 8}, replies=script("1112", "9995" + "3333", step=steps) | {"draft": script("1122")["draft"]}
    )

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("1", "41% of the scores")


@given(
    budget=st.integers(1, 20), pilot=st.integers(1, 6), policy=st.sampled_from(list(POLICIES)),
    answers=st.text("12-", min_size=4, max_size=8),
)  # fmt: skip
@settings(max_examples=40)
async def test_no_more_solutions_are_written_than_the_budget_allows(
    budget: int, pilot: int, policy: Table, answers: str
):
    params = {"budget": budget, "pilot": pilot, "policy": policy, "steps": 2}
    roles = roles_of(await play(OPTIMAL, params, replies=script(answers)))

    solutions = roles["draft"] + roles.get("refine", 0) + roles.get("step", 0) // 2
    assert solutions <= budget
    if "step" not in roles:
        assert solutions == budget
    assert roles.get("judge", 0) <= roles["draft"] + roles.get("refine", 0) + roles.get("step", 0)


async def test_a_budget_of_one_is_direct():
    one, other = await play(DIRECT, replies=script()), await play(OPTIMAL, {"budget": 1}, replies=script())

    assert other.model.asked == one.model.asked
    assert other.graph == one.graph
    assert one.answer is not None
    assert other.answer is not None
    assert other.answer.text == one.answer.text


# --- chains -----------------------------------------------------------------------------------------------------------


async def test_one_chain_reads_its_latest_attempts_oldest_first():
    played = await play(OPTIMAL, {"policy": "revisions", "budget": 8, "pilot": 1}, replies=script("1"))

    assert roles_of(played) == {"draft": 1, "refine": 7, "judge": 8}
    keys = ["draft-1", *(f"refine-{number}" for number in range(1, 8))]
    for place in range(1, 8):
        read = keys[max(0, place - READ) : place]
        assert played.graph[keys[place]] - {"judge-1"} == set(read)
        assert played.prompts[keys[place]].count("### Attempt") == min(place, 4)
    shown = played.prompts["refine-3"]
    assert shown.index("It is") < shown.index("revision 1:") < shown.index("revision 2:")
    assert played.lane.ledger().depth == 2 + 8


async def test_chains_grow_side_by_side_and_read_nothing_of_each_other():
    played = await play(OPTIMAL, {"policy": "revisions", "budget": 16, "pilot": 4}, replies=script("1122"))

    assert note_of(played) == "Difficulty 0.50, bin 3 of 5: chains."
    rounds = [[f"refine-{4 * level + chain}" for chain in (1, 2, 3, 4)] for level in range(3)]
    for chain in range(4):
        column = [f"draft-{chain + 1}", *(keys[chain] for keys in rounds)]
        for place in range(1, 4):
            assert {key for key in played.graph[column[place]] if "judge" not in key} == set(column[:place])
    assert played.lane.ledger().depth == 2 + 4


async def test_more_chains_than_the_pilot_has_drafts_begin_with_more():
    played = await play(OPTIMAL, {"policy": "revisions", "budget": 16, "pilot": 4}, replies=script("1234"))

    assert note_of(played) == "Difficulty 0.75, bin 4 of 5: chains."
    assert roles_of(played) == {"draft": 8, "refine": 8, "judge": 16}
    assert played.graph["draft-5"] == {"judge-1", "judge-2", "judge-3", "judge-4"}
    assert {key for key in played.graph["refine-8"] if "judge" not in key} == {"draft-8"}
    assert played.lane.ledger().depth == 2 + 2 + 1


async def test_drafts_beyond_the_chains_are_chains_of_one():
    replies = script("1112", refine=[f"\\boxed{{{n}}}" for n in (3, 3, 3, 1, 3, 4, 3, 1)])

    played = await play(OPTIMAL, {"policy": "revisions", "budget": 12, "pilot": 4}, replies=replies)

    assert roles_of(played) == {"draft": 4, "refine": 8, "judge": 12}
    assert played.answer is not None  # the chains choose 3 and 1, the other drafts are 1 and 2
    assert (played.answer.answer, played.answer.note) == ("1", "from 2 chains of revisions")


async def test_the_last_attempt_is_not_simply_taken():
    replies = script("1", "9" + "123", refine=["\\boxed{2}", "\\boxed{3}", "\\boxed{2}"])

    played = await play(OPTIMAL, {"policy": "revisions", "budget": 4, "pilot": 1}, replies=replies)

    assert played.answer is not None
    assert played.answer.answer == "1"


async def test_each_chain_sends_one_solution_into_the_last_choice():
    """In a flat vote 5 would win by 5 to 4; but two of three chains choose 4."""
    replies = script("445", refine=[f"\\boxed{{{n}}}" for n in (5, 4, 5, 4, 5, 5)])
    params = {"policy": "revisions", "budget": 9, "pilot": 3, "difficulty": "judge"}

    played = await play(OPTIMAL, params, replies=replies)

    assert note_of(played) == "Difficulty 0.50, bin 3 of 5: chains."
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("4", "from 3 chains of revisions")


async def test_a_chain_goes_on_without_a_revision_that_failed():
    played = await play(
        OPTIMAL, {"policy": "revisions", "budget": 4, "pilot": 1}, replies=script("1"), faults={"refine-1": CUT}
    )

    assert played.graph["refine-2"] == {"draft-1", "judge-1"}
    assert played.graph["refine-3"] == {"draft-1", "refine-2"}


@pytest.mark.parametrize("policy", ["large", "revisions"])
async def test_the_pilot_counts_when_all_later_drafts_fail(policy: str):
    broken = {f"draft-{number}": CUT for number in range(5, 17)}

    played = await play(OPTIMAL, {"policy": policy, "budget": 16, "pilot": 4}, replies=script("1234"), faults=broken)

    assert played.answer is not None
    assert played.answer.answer is not None


async def test_attempts_without_any_answer_give_none():
    played = await play(
        OPTIMAL, {"policy": "revisions", "budget": 4, "pilot": 2}, replies=script("-", refine=Endless(lambda n: "Hm."))
    )

    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == (None, "no draft gives an answer")
    assert "judge" not in roles_of(played)


@pytest.mark.parametrize(
    ("params", "calls", "depth"),
    [
        ({}, 4 + 4 + 6 * (8 + 8), 2 + 12),  # four drafts, four answers
        ({"policy": "middle", "budget": 20, "steps": 3}, 4 + 4 + 3 * (16 + 16), 2 + 6),
        ({"policy": "large", "budget": 20}, 20 + 20, 4),
        ({"policy": "revisions", "budget": 16}, 16 + 16, 2 + 2 + 1),
    ],
)
async def test_the_estimate_is_the_formula(params: dict[str, Any], calls: int, depth: int):
    cost = await estimate_cost(
        OPTIMAL, OPTIMAL.params(**params), question="x", sampling=Sampling(max_tokens=64), random=Random(0)
    )

    assert (cost.calls, cost.depth) == (calls, depth)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "budget 12 · pilot 4 · search · 6 steps"),
        ({"policy": "small", "difficulty": "judge"}, "budget 12 · pilot 4 · small · by judge · 6 steps"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert OPTIMAL.describe(OPTIMAL.params(**params)) == words
