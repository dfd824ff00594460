"""A tree of answers that grows where its scores promise most."""

from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.strategies.playing import Endless, Played, ReadingJudge, play
from workers.backends.scripted import ScriptedModel
from workers.core.errors import StreamCut
from workers.core.events import CallStarted, NodePlaced
from workers.core.model import Chunk, Request
from workers.strategies import catalog

AB_MCTS = catalog()["ab_mcts"]
FORMS = ["gaussian", "beta", "mixed"]
every_form = pytest.mark.parametrize("form", FORMS)


async def grow(nodes: int, batch: int, scores: list[Any] | None = None, **settings: Any) -> Played:
    """Play with answers that all differ, and judges that say these scores over and over."""
    params = {name: settings.pop(name) for name in ("form", "judges", "models", "choose") if name in settings}
    said, models = scores or [3, 9, 1, 6], settings.pop("parts", None)
    replies = {
        "draft": Endless(lambda n: f"draft {n} \\boxed{{d{n}}}"),
        "refine": Endless(lambda n: f"refined {n} \\boxed{{r{n}}}"),
        "judge": Endless(lambda n: f"judgment {n}\nVerdict: {said[(n - 1) % len(said)]}"),
    }
    return await play(
        AB_MCTS,
        {"nodes": nodes, "batch": batch, **params},
        replies=settings.pop("replies", replies),
        models=models,
        **settings,
    )


def nodes_of(played: Played) -> list[NodePlaced]:
    return [event for event in played.all_of(NodePlaced) if event.state == "open"]


@every_form
@given(nodes=st.integers(2, 14), batch=st.integers(1, 4), seed=st.integers(0, 20), data=st.data())
@settings(max_examples=15)
async def test_every_answer_has_one_parent_that_was_there_before(
    form: str, nodes: int, batch: int, seed: int, data: st.DataObject
):
    scores = data.draw(st.lists(st.integers(0, 10), min_size=1, max_size=6))

    played = await grow(nodes, batch, scores, form=form, seed=seed)

    placed = nodes_of(played)
    assert len(placed) == len({node.node for node in placed}) == nodes
    levels = {"": -1}
    for number, node in enumerate(placed):
        known = [earlier.node for earlier in placed[: number - number % batch]]
        assert len(node.under) <= 1
        assert set(node.under) <= set(known)
        parent = node.under[0] if node.under else ""
        assert node.level == levels[parent] + 1
        assert node.node.startswith("refine" if parent else "draft")
        levels[node.node] = node.level
    assert all(0 <= node.value <= 1 for node in placed if node.value is not None)


@every_form
@given(scores=st.lists(st.integers(0, 10), min_size=6, max_size=6), seed=st.integers(0, 9))
@settings(max_examples=15)
async def test_the_answer_is_the_earliest_of_the_best(form: str, scores: list[int], seed: int):
    played = await grow(6, 2, scores, form=form, seed=seed)

    best = nodes_of(played)[scores.index(max(scores))]
    [final] = [event for event in played.all_of(NodePlaced) if event.state == "final"]
    assert (final.node, final.value) == (best.node, max(scores) / 10)
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == (best.title, f"score {max(scores) / 10:.2f}, best of 6")


@every_form
async def test_a_constant_judge_lets_the_tree_grow(form: str):
    played = await grow(24, 1, [5], form=form)

    assert len(nodes_of(played)) == 24
    assert played.answer is not None
    assert played.answer.answer == "d1"


@every_form
async def test_the_same_seed_grows_the_same_tree_whoever_is_faster(form: str):
    one, other = [await grow(12, 3, form=form, seed=4, arrival=arrival) for arrival in (0, 7)]

    assert one.facts == other.facts
    assert {tree_of(await grow(12, 3, form=form, seed=seed)) for seed in range(4)} != {tree_of(one)}


def tree_of(played: Played) -> tuple[Any, ...]:
    return tuple((node.node, node.under) for node in nodes_of(played))


@pytest.mark.parametrize("form", ["gaussian", "beta"])
async def test_what_pays_decides_between_wide_and_deep(form: str):
    """Improvements that are better, or worse, than what they improve; the mixed form looks at whole branches only."""

    async def count_improvements(draft: int, refine: int) -> int:
        def judge(prompt: str) -> str:
            return f"Verdict: {refine if 'refined' in prompt else draft}"

        depths = [
            sum(node.level > 0 for node in nodes_of(await grow(16, 1, form=form, seed=seed, wrap=judging(judge))))
            for seed in range(6)
        ]
        return sum(depths)

    assert await count_improvements(2, 9) > await count_improvements(9, 2) + 12


def judging(judge: Any) -> Any:
    return lambda scripted: ReadingJudge(scripted, judge)


# --- what is written and read -----------------------------------------------------------------------------------------


async def test_an_improvement_reads_the_answer_and_what_its_judges_said():
    played = await grow(8, 1, judges=2, seed=1)

    improved = [node for node in nodes_of(played) if node.under]
    assert improved
    for node in improved:
        [parent] = [each for each in nodes_of(played) if each.node == node.under[0]]
        prompt = played.prompts[node.node]
        drafted, *judges = parent.calls
        assert drafted.replace("-", " ").replace("refine", "refined") in prompt
        assert all(judge.replace("judge-", "judgment ") in prompt for judge in judges)
        assert len(judges) == 2
        assert {drafted, *judges} <= played.graph[node.node]


async def test_a_batch_comes_after_all_that_decided_it():
    played = await grow(6, 2, seed=3)

    placed = nodes_of(played)
    for earlier, later in zip(placed[:4], placed[2:], strict=True):
        assert set(earlier.calls) <= played.graph[later.node]


async def test_an_answer_that_is_none_scores_0_and_is_not_judged():
    replies = {"draft": ("Hm.", "\\boxed{2}"), "judge": ("Verdict: 0",)}

    played = await grow(2, 2, replies=replies)

    assert [(node.title, node.value, len(node.calls)) for node in nodes_of(played)] == [
        ("no answer", 0, 1),
        ("2", 0, 2),
    ]
    assert played.answer is not None
    assert played.answer.answer == "2"


@every_form
@pytest.mark.parametrize("said", ["Hm.", "Verdict: 11"])
async def test_a_score_that_cannot_be_read_teaches_nothing(form: str, said: str):
    answers = Endless(lambda n: f"\\boxed{{{min(n, 2)}}}")
    replies = {"draft": answers, "refine": answers, "judge": Endless(lambda n: said)}

    played = await grow(6, 6, form=form, replies=replies)

    assert [node.value for node in nodes_of(played)] == [None] * 6
    assert played.answer is not None
    assert (played.answer.answer, played.answer.note) == ("2", "")  # without any score they vote


async def test_judges_that_fail_leave_the_tree_growing():
    broken = {f"judge-{number}": StreamCut("The stream broke.") for number in range(1, 99)}

    played = await grow(5, 2, faults=broken)

    assert len(nodes_of(played)) == 5


# --- several models ---------------------------------------------------------------------------------------------------

PARTS = {"second": "large", "judge": "stern"}


class Writers:
    """Writes with the name of the model."""

    def __init__(self, scripted: ScriptedModel) -> None:
        self._scripted = scripted

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        self._scripted.asked.append(request)
        text = f"{request.model} says \\boxed{{7}}"
        if request.role == "judge":
            text = f"Verdict: {9 if 'large says' in request.messages[0].content else 2}"
        yield Chunk(text=text, tokens=1, finish_reason="stop")

    async def count_tokens(self, text: str) -> int:
        return len(text.split())


@every_form
@pytest.mark.parametrize("choose", ["thompson", "ucb"])
async def test_the_model_whose_answers_score_higher_writes_more(form: str, choose: str):
    written = Counter[str]()
    for seed in range(3):
        played = await grow(24, 2, form=form, models=2, choose=choose, seed=seed, wrap=Writers, parts=PARTS)
        written += Counter(request.model for request in played.model.asked if request.role != "judge")
        assert {request.model for request in played.model.asked if request.role == "judge"} == {"stern"}

    assert written["large"] > 2 * written["scripted"] > 0


class OneDead(Writers):
    """Only the recipe's own model answers."""

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        if request.model == "large":
            raise StreamCut("It is dead.")
        async for chunk in super().stream(request):
            yield chunk


@every_form
async def test_a_model_that_only_fails_is_not_asked_for_ever(form: str):
    played = await grow(12, 3, form=form, models=2, choose="ucb", wrap=OneDead, parts=PARTS)

    assert played.answer
    assert played.answer.answer == "7"
    asked = Counter(request.model for request in played.model.asked if request.role != "judge")
    assert asked["scripted"] >= 6


async def test_one_model_writes_all_even_where_the_recipe_names_more():
    played = await grow(8, 2, models=1, parts=PARTS)

    assert {event.model for event in played.all_of(CallStarted) if event.role != "judge"} == {""}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "12 answers · by 3 · gaussian"),
        (
            {"form": "mixed", "judges": 3, "models": 2, "choose": "ucb"},
            "12 answers · by 3 · mixed · 3 judges · 2 models by ucb",
        ),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert AB_MCTS.describe(AB_MCTS.params(**params)) == words
