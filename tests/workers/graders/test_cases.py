"""Plays every file in cases/<grader>/: a reply, a target and the ruling that must come; the name says what it proves.

    the model's whole reply
    === target
    the reference answer
    === input            (only where a grader needs more: JSON)
    {"dataset": "countdown", "entry": {…}}
    === ruling
    right

`⟪1000×(⟫` stands for a thousand opening parentheses.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from workers.core.answers import extract_answer
from workers.graders import catalog

CASES = Path(__file__).parent / "cases"


class Case(NamedTuple):
    reply: str
    target: str
    grader_input: dict[str, Any]
    ruling: str


def read_case(path: Path) -> Case:
    text = path.read_bytes().decode("utf-8", errors="surrogatepass")
    parts = re.split(r"\n=== (target|input|ruling)\n", f"{text}")
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return Case(
        reply=re.sub(r"⟪(\d+)×(.*?)⟫", lambda match: match[2] * int(match[1]), parts[0]),
        target=sections["target"],
        grader_input=json.loads(sections.get("input", "{}")),
        ruling=sections["ruling"].strip(),
    )


@pytest.mark.parametrize("name", sorted(str(path.relative_to(CASES))[:-4] for path in CASES.rglob("*.txt")))
def test_a_reply_gets_the_ruling_of_its_case(name):
    case = read_case(CASES / f"{name}.txt")
    grader = catalog()[name.split("/", maxsplit=1)[0]]

    expected = grader.read_reference(case.target, case.grader_input)
    verdict = grader.grade(case.reply, extract_answer(case.reply), case.target, case.grader_input)

    assert verdict.ruling == case.ruling, verdict.explanation
    assert verdict.explanation
    assert len(verdict.explanation) < 300
    assert verdict.expected in (expected, case.target)


def test_every_grader_has_cases():
    assert {path.name for path in CASES.iterdir()} == set(catalog())


def test_a_graders_slug_is_its_files_name():
    graders = Path(__file__).parents[3] / "workers" / "graders"

    assert sorted(catalog()) == sorted(path.stem for path in graders.glob("[!_]*.py"))
