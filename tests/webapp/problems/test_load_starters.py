"""The suites that come with the product, and the command that generates puzzles."""

import json
from importlib.metadata import version
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from webapp.problems.models import Problem, Suite
from webapp.problems.reading import read_problems
from webapp.problems.starters import FOLDER, STARTERS

GENERATED = {
    "countdown-24": "countdown --seed 11 --set min_numbers=3 --set max_numbers=3 --set max_value=12"
    " --set min_target=10 --set max_target=60",
    "chain-sum-24": "chain_sum --seed 12 --set min_terms=2 --set max_terms=3 --set max_digits=2",
    "basic-arithmetic-24": "basic_arithmetic --seed 13 --set min_terms=2 --set max_terms=3 --set max_digits=1",
    "gcd-24": "gcd --seed 14 --set max_value=60",
    "letter-counting-24": "letter_counting --seed 15 --set min_words=2 --set max_words=4",
    "spell-backward-24": "spell_backward --seed 16 --set min_word_len=3 --set max_word_len=4",
}


def run(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_loading_twice_changes_nothing():
    first = run("load_starters")
    before = list(Problem.objects.order_by("pk").values_list("pk", "question"))

    second = run("load_starters")

    assert first == f"{len(STARTERS)} starter suites, {len(STARTERS)} of them new.\n"
    assert second == f"{len(STARTERS)} starter suites, 0 of them new.\n"
    assert list(Problem.objects.order_by("pk").values_list("pk", "question")) == before
    assert set(Suite.objects.values_list("slug", "version")) == {(starter.slug, 1) for starter in STARTERS}


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.slug)
def test_every_reference_is_read_by_its_grader(starter):
    problems = read_problems((FOLDER / f"{starter.slug}.jsonl").read_bytes(), grader="exact")

    assert len(problems) >= 24
    assert all(problem.answer and problem.name and problem.tags for problem in problems)
    assert len({problem.question for problem in problems}) == len(problems)


def test_the_first_suite_has_sixty_problems():
    assert STARTERS[0].slug == "starter-60"
    assert len((FOLDER / "starter-60.jsonl").read_text().splitlines()) >= 60


def test_every_data_file_is_loaded():
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == {starter.slug for starter in STARTERS}


@pytest.mark.parametrize("slug", GENERATED)
def test_the_generated_files_are_what_the_command_writes(slug):
    """Holds for the version that wrote them; a newer library may write others, the files stay."""
    written = (FOLDER / f"{slug}.jsonl").read_text()
    command = GENERATED[slug]
    assert f"generate_suite {command} " in (FOLDER / "README.md").read_text()

    again = run("generate_suite", *command.split())

    if json.loads(written.splitlines()[0])["source"] == f"reasoning-gym {version('reasoning-gym')}":
        assert again == written
    assert len(again.splitlines()) == 24


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["gcd", "--set", "max_value"], "'max_value' is no setting; expected NAME=NUMBER."),
        (
            ["gcd", "--set", "depth=3"],
            "gcd cannot be made like this: GCDConfig.__init__() got an unexpected keyword argument 'depth'",
        ),
    ],
    ids=["no number", "unknown setting"],
)
def test_a_setting_that_cannot_be_is_said(arguments, fault):
    with pytest.raises(CommandError) as caught:
        call_command("generate_suite", *arguments)

    assert str(caught.value) == fault


def test_a_data_set_whose_scorer_runs_python_is_not_offered():
    with pytest.raises(CommandError, match=r"^There is no data set 'puzzle24'; there are basic_arithmetic, "):
        call_command("generate_suite", "puzzle24")
