"""Import a suite: all of it or nothing. The only place that writes suites and their problems."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import connection, transaction
from django.utils.text import slugify

from webapp.problems.models import Problem, Suite, SuitePlace
from webapp.problems.reading import BadFile, NewProblem, read_problems

MOST_NAME_CHARS = 120
MOST_SLUG_CHARS = 80


class Imported(NamedTuple):
    """What an import has led to."""

    suite: Suite
    is_new_version: bool
    """False: this very set was there already; only its name and description were written."""


def import_suite(
    *, content: bytes, name: str, slug: str = "", description: str = "", grader: str = "boxed_math"
) -> Imported:
    """Read a JSONL or CSV file into a suite. A changed set under a slug that is taken becomes its next version.

    Raises BadFile, with every fault; then nothing is written.
    """
    name = name.strip()
    slug = slug or slugify(name)[:MOST_SLUG_CHARS]
    if faults := _check_texts(name, description) or _check_slug(slug):
        raise BadFile(faults)
    problems = read_problems(content, grader=grader)
    return save_suite(name=name, slug=slug, description=description, problems=problems)


@transaction.atomic
def save_suite(*, name: str, slug: str, description: str, problems: Sequence[NewProblem]) -> Imported:
    """Store a set of problems as a suite's newest version, unless it is that already."""
    _wait_for_others(slug)
    newest = Suite.objects.filter(slug=slug).order_by("-version").first()
    places = list(newest.places.select_related("problem")) if newest else []
    if newest and [_as_new(place) for place in places] == list(problems):
        newest.name, newest.description = name, description
        newest.save(update_fields=["name", "description"])
        return Imported(newest, is_new_version=False)
    version = newest.version + 1 if newest else 1
    suite = Suite.objects.create(slug=slug, version=version, name=name, description=description)
    _place(suite, problems, places)
    return Imported(suite, is_new_version=True)


def _place(suite: Suite, problems: Sequence[NewProblem], earlier: Sequence[SuitePlace]) -> None:
    """Put the problems into the suite; those of the version before stay the same rows."""
    kept = {_key(_as_new(place)): place.problem for place in earlier}
    fresh = {
        _key(new): Problem(
            question=new.question, answer=new.answer, grader=new.grader, grader_input=new.grader_input, tags=new.tags
        )
        for new in problems
        if _key(new) not in kept
    }
    Problem.objects.bulk_create(fresh.values())
    rows = kept | fresh
    SuitePlace.objects.bulk_create(
        SuitePlace(suite=suite, problem=rows[_key(new)], position=position, name=new.name)
        for position, new in enumerate(problems, 1)
    )


def _as_new(place: SuitePlace) -> NewProblem:
    problem = place.problem
    return NewProblem(problem.question, problem.answer, problem.grader, problem.grader_input, problem.tags, place.name)


def _key(new: NewProblem) -> str:
    """Return what makes a problem itself: everything but its name in a suite. JSONB does not keep the order of keys."""
    return json.dumps(new._replace(name=""), sort_keys=True)


def _wait_for_others(slug: str) -> None:
    """Let imports under one slug happen one after the other; the lock ends with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"suite {slug}"])


def _check_texts(name: str, description: str) -> list[str]:
    if not name:
        return ["Name the suite."]
    if len(name) > MOST_NAME_CHARS:
        return [f"The name has {len(name)} characters; the most is {MOST_NAME_CHARS}."]
    if any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in name + description):
        return ["The name or the description holds a character that cannot be stored (NUL or a lone surrogate)."]
    return []


def _check_slug(slug: str) -> list[str]:
    try:
        validate_slug(slug)
    except ValidationError:
        return [f"The slug {slug[:80]!r} is not one: it may hold letters, digits, hyphens and underscores."]
    if len(slug) > MOST_SLUG_CHARS:
        return [f"The slug has {len(slug)} characters; the most is {MOST_SLUG_CHARS}."]
    if slug == "import":
        return ["The slug 'import' is taken by a page. Choose another."]
    return []
