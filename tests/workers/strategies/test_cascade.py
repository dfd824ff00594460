"""A small model answers first; a large one is asked only where the small one is not sure."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.strategies.playing import Played, Stage, play
from workers.backends.scripted import ScriptedModel
from workers.core.errors import Refused, StreamCut
from workers.core.events import CallStarted, CandidateScored, NoteTaken
from workers.core.odds import Meter
from workers.core.values import Measure, Odds, TokenOdds
from workers.strategies import catalog
from workers.strategies.cascade import READ

CASCADE = catalog()["cascade"]
CUT = StreamCut("The stream broke.")


PARTS = {"small": "tiny", "large": "huge"}


async def cascade(answers: str, verdicts: str = "", **params: Any) -> Played:
    """Play with one draft for each letter, `-` for one without an answer, and one verdict for each digit."""
    settings = {name: params.pop(name) for name in ("faults", "logprobs", "max_tokens") if name in params}
    replies = {
        "draft": ["Hm." if a == "-" else f"So \\boxed{{{a}}}" for a in answers],
        "judge": [f"Verdict: {verdict}" for verdict in verdicts],
        "refine": ["Better: \\boxed{r}"],
    }
    return await play(CASCADE, params, replies=replies, models=PARTS, **settings)


def result_of(played: Played) -> tuple[str | None, str]:
    assert played.answer is not None
    return played.answer.answer, played.answer.note


def models_of(played: Played) -> dict[str, str]:
    return {event.call: event.model for event in played.all_of(CallStarted)}


# --- how sure ---------------------------------------------------------------------------------------------------------


def measure(logprobs: list[float]) -> Odds:
    meter = Meter(Measure(top=0))
    meter.take([TokenOdds("x", logprob) for logprob in logprobs])
    return meter.sum_up()


def test_golden_values_of_the_log_probabilities():
    """Computed."""
    odds = measure([-0.1, -0.2, -2, -0.05])

    values = {name: read(odds) for name, read in READ.items()}

    assert values == pytest.approx({"sum": -2.35, "mean": -0.5875, "decile": -1.46, "lowest": -2})


@given(logprobs=st.lists(st.floats(-20, 0), min_size=1, max_size=30))
def test_the_rules_are_ordered_and_bounded(logprobs: list[float]):
    odds = measure(logprobs)

    values = {name: read(odds) for name, read in READ.items()}

    assert values["lowest"] <= values["decile"] + 1e-9
    assert values["lowest"] <= values["mean"] + 1e-9
    assert values["sum"] <= values["lowest"] + 1e-9
    assert max(values.values()) <= 0


@pytest.mark.parametrize(
    ("answers", "params", "result"),
    [
        pytest.param("aabac", {}, ("a", "small model, agreement 0.60"), id="just enough"),
        pytest.param("aabbcx", {}, ("x", "large model, since the small one had agreement 0.40"), id="too few"),
        pytest.param("aabbcx", {"share": 0.4}, ("a", "small model, agreement 0.40"), id="a lower bound"),
        pytest.param("a--aax", {}, ("a", "small model, agreement 0.60"), id="silence agrees with nobody"),
        pytest.param("a---ax", {}, ("x", "large model, since the small one had agreement 0.40"), id="too much silence"),
        pytest.param(
            "---x", {"samples": 3, "share": 0}, ("x", "large model, since the small one had no answer"), id="none"
        ),
    ],
)
async def test_agreement_decides(answers: str, params: dict[str, Any], result: tuple[str, str]):
    assert result_of(await cascade(answers, **params)) == result


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        pytest.param("110", ("a", "small model, yes or no 0.67"), id="two of three say yes"),
        pytest.param("100", ("x", "large model, since the small one had yes or no 0.33"), id="one says yes"),
        pytest.param("1??", ("a", "small model, yes or no 1.00"), id="what cannot be read does not count"),
        pytest.param("???", ("x", "large model, since the small one had yes or no 0.00"), id="none can be read"),
    ],
)
async def test_its_own_verdict_decides(verdicts: str, result: tuple[str, str]):
    played = await cascade("ax", verdicts, confidence="yes_no", samples=3)

    assert result_of(played) == result
    assert len(played.all_of(CandidateScored)) == sum(verdict in "01" for verdict in verdicts)


@pytest.mark.parametrize(
    ("confidence", "logprob", "result"),
    [
        ("mean", -0.3, ("a", "small model, mean -0.30")),
        ("mean", -0.4, ("x", "large model, since the small one had mean -0.40")),
        ("sum", -0.3, ("x", "large model, since the small one had sum -0.60")),
        ("decile", -0.3, ("a", "small model, decile -0.30")),
        ("lowest", -0.4, ("x", "large model, since the small one had lowest -0.40")),
    ],
)
async def test_log_probabilities_decide(confidence: str, logprob: float, result: tuple[str, str]):
    played = await cascade("ax", confidence=confidence, logprobs={"draft": [logprob, 0]})

    assert result_of(played) == result
    assert [request.top_logprobs for request in played.model.asked][:1] == [1]


async def test_a_likely_draft_without_an_answer_is_passed_on():
    for confidence in ("mean", "yes_no"):
        played = await cascade("-x", confidence=confidence, logprobs={"draft": [-0.01, 0]})

        assert result_of(played) == ("x", "large model, since the small one had no answer")
        assert len(played.graph) == 2


# --- who answers ------------------------------------------------------------------------------------------------------


async def test_each_part_has_its_model():
    agreement = await cascade("abx", samples=2)
    verdict = await cascade("ax", "0", confidence="yes_no", samples=1)

    assert models_of(agreement) == {"draft-1": "tiny", "draft-2": "tiny", "draft-3": "huge"}
    assert models_of(verdict) == {"draft-1": "tiny", "judge-1": "tiny", "draft-2": "huge"}


@pytest.mark.parametrize(
    ("params", "verdicts", "graph"),
    [
        ({"samples": 2}, "", {"draft-1": set(), "draft-2": set(), "draft-3": {"draft-1", "draft-2"}}),
        (
            {"confidence": "yes_no", "samples": 2}, "00",
            {"draft-1": set(), "judge-1": {"draft-1"}, "judge-2": {"draft-1"}, "draft-2": {"judge-1", "judge-2"}},
        ),
        ({"confidence": "mean", "logprob": 0}, "", {"draft-1": set(), "draft-2": {"draft-1"}}),
    ],
    ids=["agreement", "yes or no", "mean"],
)  # fmt: skip
async def test_the_large_model_waits_for_the_small_one(params: dict[str, Any], verdicts: str, graph: Any):
    assert (await cascade("abx", verdicts, **params)).graph == graph


async def test_the_large_model_starts_from_scratch_unless_it_is_shown_the_draft():
    scratch = await cascade("abx", samples=2)
    shown = await cascade("ab", samples=2, shows_draft=True)

    assert scratch.prompts["draft-3"] == scratch.prompts["draft-1"]
    assert "not sure of it:\n\nSo \\boxed{a}\n" in shown.prompts["refine-1"]
    assert result_of(shown)[0] == "r"


async def test_the_reader_is_told_why_the_large_model_is_asked():
    (note,) = (await cascade("abx", samples=2)).all_of(NoteTaken)

    assert note.text == "The large model is asked: agreement 0.50, where 0.6 is enough."


async def test_without_a_large_model_the_small_answer_is_left():
    played = await Stage(CASCADE, {"samples": 2}, faults={"draft-3": CUT}, models=PARTS).play()

    assert played.error is CUT
    assert played.lane.best is not None
    assert played.lane.best.note == "1 of 2 votes"


async def test_a_server_without_log_probabilities_is_named():
    class Mute(ScriptedModel):
        async def stream(self, request: Any) -> Any:
            async for chunk in super().stream(request):
                yield chunk._replace(odds=())

    played = await Stage(CASCADE, {"confidence": "mean"}, wrap=lambda model: Mute({"draft": ["So \\boxed{1}"]})).play()

    assert isinstance(played.error, Refused)
    assert "log-probabilities" in str(played.error)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "agreement at least 60% · 5 samples"),
        ({"confidence": "yes_no", "shows_draft": True}, "yes or no at least 60% · 5 samples · shows the draft"),
        ({"confidence": "mean"}, "mean at least -0.35"),
    ],
)
def test_the_description_names_what_is_switched_on(params: dict[str, Any], words: str):
    assert CASCADE.describe(CASCADE.params(**params)) == words
