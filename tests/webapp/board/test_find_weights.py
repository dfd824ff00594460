"""`manage.py find_weights` mixes models by what their graded drafts say."""

from collections.abc import Mapping

import pytest
from django.core.management import CommandError, call_command

from tests.webapp.board.builders import add_lanes, make_recipe, make_run, make_suite
from webapp.problems.models import Suite
from webapp.runs.models import Call, Prompt

pytestmark = pytest.mark.django_db


def add_drafts(suite: Suite, model: str, *problems: Mapping[str | None, int], strategy: str = "self_consistency"):
    """Add a lane per problem, with so many drafts of each answer; the right answer is `r`, and `R` in other words."""
    lanes = add_lanes(make_run(suite), make_recipe(strategy, model=model), ["right"] * len(problems))
    prompt, _ = Prompt.objects.get_or_create(digest="0", messages="[]")
    for lane, counts in zip(lanes, problems, strict=True):
        answers = [answer for answer, count in counts.items() for _ in range(count)]
        Call.objects.bulk_create(
            Call(
                lane=lane, key=f"draft-{number}", role="draft", round=1, prompt=prompt, seed=1, state="done",
                started_at_ms=0, answer=answer, ruling={"r": "right", "R": "right", None: ""}.get(answer, "wrong"),
            )
            for number, answer in enumerate(answers, 1)
        )  # fmt: skip


def say(capsys, *arguments):
    call_command("find_weights", *arguments)
    return capsys.readouterr().out.splitlines()


def test_the_golden_mix_comes_out_of_drafts(capsys):
    suite = make_suite(2)
    add_drafts(suite, "one", {"r": 4, "R": 2, "x": 4}, {"r": 4, "y": 6})  # leads of 0.2 and -0.2
    add_drafts(suite, "two", {"r": 2, "x": 6, None: 2}, {"r": 7, "Y": 1, "z": 2})  # -0.4 and 0.6

    assert say(capsys, "sums", "one", "two") == [
        "2 problems with drafts of each model.",
        "one alone solves 1; weight 714",
        "two alone solves 1; weight 286",
        "Mixed they solve 2, by a margin of 0.029 at least.",
    ]


def test_what_nobody_solves_and_what_one_model_has_not_seen_is_left_out(capsys):
    suite = make_suite(3)
    add_drafts(suite, "one", {"r": 1}, {"x": 1}, {"r": 1})
    add_drafts(suite, "two", {"r": 1}, {"y": 1})

    said = say(capsys, "sums", "one", "two")

    assert said[0] == "2 problems with drafts of each model."
    assert said[-1].startswith("Mixed they solve 1,")


def test_drafts_that_read_others_do_not_count():
    suite = make_suite(1)
    add_drafts(suite, "one", {"r": 1})
    add_drafts(suite, "two", {"r": 1}, strategy="recursive_self_aggregation")

    with pytest.raises(CommandError, match="No problem of the suite has graded drafts of each model"):
        call_command("find_weights", "sums", "one", "two")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "one", "two"], "There is no suite 'none'."),
        (["sums", "one"], "Name two to 3 different models."),
        (["sums", "one", "one"], "Name two to 3 different models."),
        (["sums", "a", "b", "c", "d"], "Name two to 3 different models."),
    ],
)
def test_what_cannot_be_mixed_is_refused(arguments: list[str], message: str):
    make_suite(1)

    with pytest.raises(CommandError, match=message):
        call_command("find_weights", *arguments)
