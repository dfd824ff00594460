"""A person imports a suite, by command or by code: all of it or nothing, and every fault named with its line."""

import json
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from webapp.problems.importing import import_suite
from webapp.problems.models import Problem, Suite
from webapp.problems.reading import BadFile, read_problems

TWO_SUMS = b'{"id": "a", "problem": "1 + 1?", "answer": 2}\n{"id": "b", "problem": "1 + 2?", "answer": "3"}\n'


def load(content, **names):
    names = {"name": "Sums", "grader": "number"} | names
    return import_suite(content=content if isinstance(content, bytes) else content.encode(), **names)


def faults_of(content, grader="number"):
    with pytest.raises(BadFile) as caught:
        read_problems(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"), grader=grader)
    return caught.value.faults


def line(**fields):
    return json.dumps(fields)


def rows_of(suite):
    return [(place.position, place.name, place.problem.question, place.problem.answer) for place in suite.places.all()]


@pytest.mark.django_db
def test_jsonl_becomes_a_suite_in_its_order():
    suite, is_new = load(TWO_SUMS)

    assert is_new
    assert (suite.slug, suite.version, suite.name) == ("sums", 1, "Sums")
    assert rows_of(suite) == [(1, "a", "1 + 1?", "2"), (2, "b", "1 + 2?", "3")]
    assert {place.problem.grader for place in suite.places.all()} == {"number"}


@pytest.mark.django_db
def test_csv_becomes_the_same_suite():
    csv = b'\xef\xbb\xbfID,Problem,Answer,Tags\r\na,1 + 1?,2,"easy, sum"\r\nb,"1 +\r\n2?",3,\r\n'

    suite, _ = load(csv)

    assert rows_of(suite) == [(1, "a", "1 + 1?", "2"), (2, "b", "1 +\n2?", "3")]
    assert suite.places.get(position=1).problem.tags == ["easy", "sum"]


@pytest.mark.parametrize(
    ("question", "answer", "name"),
    [
        ("problem", "answer", "id"),
        ("Problem", "Answer", "ID"),
        ("question", "Correct Answer", "Record ID"),
        ("prompt", "gold", "unique_id"),
        ("input", "target", "problem_idx"),
    ],
    ids=["plain", "capitals", "gpqa", "prompt", "inspect"],
)
def test_the_columns_of_published_sets_are_known(question, answer, name):
    (problem,) = read_problems(line(**{question: "1 + 1?", answer: 2, name: 7}).encode(), grader="number")

    assert (problem.question, problem.answer, problem.name) == ("1 + 1?", "2", "7")


def test_choices_are_lettered_below_the_question():
    content = line(input="Largest?", choices=["Mars", "Jupiter"], target="B").encode()

    (problem,) = read_problems(content, grader="choice")

    assert problem.question == "Largest?\n\nA) Mars\nB) Jupiter"


def test_a_problem_may_name_its_own_grader_and_have_no_answer():
    content = "\n".join([line(problem="Capital of Peru?", answer="Lima", grader="exact"), "", line(problem="Why?")])

    problems = read_problems(content.encode(), grader="number")

    assert [(problem.grader, problem.answer) for problem in problems] == [("exact", "Lima"), ("number", "")]


FAULTS = {
    "nothing in it": ("", ["The file holds no problem."]),
    "a header only": ("problem,answer\n", ["The file holds no problem."]),
    "a list": ("[{}]", ["The file is a JSON list. Write one object per line (JSONL), without the brackets."]),
    "utf-16": ("problem\n1?\n".encode("utf-16"), ["The file is UTF-16. Save it as UTF-8."]),
    "bad utf-8": (
        b"problem\n1\xff?\n2?\n\xc3\n",
        ["Line 2: is not UTF-8 (byte 0xff at place 2).", "Line 4: is not UTF-8 (byte 0xc3 at place 1)."],
    ),
    "no question column": (
        "title,answer\na,1\n",
        [
            "Line 1: names no column for the question; expected one of problem, question, prompt, input."
            " (For JSONL, each line begins with a brace.)"
        ],
    ),
    "a column twice": ("problem,answer,Answer\n1?,1,1\n", ["Line 1: names the column 'answer' twice."]),
    "a comma unquoted": (
        "problem,answer\n1, or 2?,1\n",
        ["Line 2: has 3 fields; the header has 2. Quote texts that hold a comma."],
    ),
    "a quote unclosed": ('problem,answer\n"1?,1\n', ["Line 2: is not CSV (unexpected end of data)."]),
    "a cell of a megabyte": (
        f"problem,answer\n{'x' * 1_000_000},1\n",
        ["Line 2: is not CSV (field larger than field limit (131072))."],
    ),
    "broken json": (
        '{"problem": "1?"}\n{"problem"\n',
        ["Line 2: is not JSON (Expecting ':' delimiter at place 11)."],
    ),
    "a line that is no object": (
        '{"problem": "1?"}\n[1]\n',
        ['Line 2: holds a list; expected an object like {"problem": …, "answer": …}.'],
    ),
    "not a number": ('{"problem": "1?", "answer": NaN}', ["Line 1: is not JSON (NaN is no JSON number)."]),
    "deep nesting": (
        '{"problem": ' + "[" * 100_000,
        ["Line 1: is not JSON that can be read (nested too deep)."],
    ),
    "no question": (
        line(answer="1"),
        ["Line 1: has no question; expected it as problem, question, prompt or input."],
    ),
    "an empty question": (
        line(problem="  ", answer="1"),
        ["Line 1: has no question; expected it as problem, question, prompt or input."],
    ),
    "a question that is a list": (
        line(problem=["1?"]),
        ["Line 1: has a list as its question; expected text or a number."],
    ),
    "an answer that is true": (
        line(problem="1?", answer=True),
        ["Line 1: has true or false as its answer; expected text or a number."],
    ),
    "a question of a megabyte": (
        line(problem="x" * 1_000_000),
        ["Line 1: has a question of 1,000,000 bytes; the most is 65,536."],
    ),
    "a huge answer": (
        line(problem="1?", answer="9" * 5_000),
        ["Line 1: has an answer of 5,000 bytes; the most is 4,096."],
    ),
    "a nul": (
        line(problem="1\0?"),
        ["Line 1: has a NUL character in its question, which cannot be stored. Delete it."],
    ),
    "a lone surrogate": (
        line(problem="1?", answer="\ud83d"),
        ["Line 1: has half a character (a lone surrogate) in its answer. Delete it."],
    ),
    "a nul deep in the grader's input": (
        line(problem="1?", grader_input={"a": ["\0"]}),
        ["Line 1: has a NUL character in its grader_input, which cannot be stored. Delete it."],
    ),
    "an infinite grader's input": (
        '{"problem": "1?", "grader_input": {"a": 1e999}}',
        ["Line 1: has a number in its grader_input that is too large."],
    ),
    "the same id": (
        f"{line(problem='1?', id='a')}\n{line(problem='2?', id='a')}",
        ["Line 2: the id 'a' stands here a second time. Give each problem its own."],
    ),
    "a long id": (line(problem="1?", id="a" * 121), ["Line 1: has an id of 121 characters; the most is 120."]),
    "an unknown grader": (
        line(problem="1?", answer="1", grader="oracle"),
        [
            "Line 1: there is no grader 'oracle'; there are exact, boxed_math, choice, number, reasoning_gym,"
            " strict_string."
        ],
    ),
    "an answer that its grader cannot read": (
        line(problem="1?", answer="one"),
        ["Line 1: the grader number cannot read it. The reference answer 'one' is not a number."],
    ),
    "a puzzle without its data": (
        line(problem="1?", answer="1", grader="reasoning_gym", grader_input={"dataset": "gcd"}),
        [
            "Line 1: the grader reasoning_gym cannot read it. The grader needs the puzzle's entry, with its answer"
            " and metadata."
        ],
    ),
    "tags of no kind": (
        line(problem="1?", tags=[1]),
        ["Line 1: has tags that are neither a list of texts nor text with commas."],
    ),
    "choices of no kind": (
        line(problem="1?", choices="A"),
        ["Line 1: has choices that are not a list of at most 26 texts."],
    ),
}


@pytest.mark.parametrize(("content", "faults"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_line(content, faults):
    assert faults_of(content) == faults


def test_several_faults_are_listed_at_once():
    content = "\n".join([line(problem="1?", answer="one"), line(problem="2?", answer="2"), "{", line(answer="4")])

    assert faults_of(content) == [
        "Line 1: the grader number cannot read it. The reference answer 'one' is not a number.",
        "Line 3: is not JSON (Expecting property name enclosed in double quotes at place 2).",
        "Line 4: has no question; expected it as problem, question, prompt or input.",
    ]


def test_very_many_faults_are_cut():
    faults = faults_of("\n".join(["{"] * 500))

    assert len(faults) == 21
    assert faults[-1] == "There are more faults; correct these first."


def test_too_many_problems_are_one_fault():
    content = "\n".join(line(problem=f"{number}?") for number in range(5_001))

    assert faults_of(content) == ["The file has more than 5,000 problems. Split it into several suites."]


@pytest.mark.django_db
def test_a_bad_line_leaves_nothing_behind():
    with pytest.raises(BadFile):
        load(TWO_SUMS + b'{"problem": "?", "answer": "none"}\n')

    assert (Suite.objects.count(), Problem.objects.count()) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ({"name": " "}, "Name the suite."),
        ({"name": "x" * 121}, "The name has 121 characters; the most is 120."),
        (
            {"name": "a\0"},
            "The name or the description holds a character that cannot be stored (NUL or a lone surrogate).",
        ),
        ({"slug": "a b"}, "The slug 'a b' is not one: it may hold letters, digits, hyphens and underscores."),
        ({"slug": "import"}, "The slug 'import' is taken by a page. Choose another."),
        ({"name": "中"}, "The slug '' is not one: it may hold letters, digits, hyphens and underscores."),
    ],
    ids=["no name", "long name", "nul", "bad slug", "a page's slug", "no letters"],
)
def test_a_suite_needs_a_name_that_can_be_stored(names, fault):
    with pytest.raises(BadFile) as caught:
        load(TWO_SUMS, **names)

    assert fault in caught.value.faults


@pytest.mark.django_db
def test_the_same_set_again_changes_nothing():
    first, _ = load(TWO_SUMS)

    second, is_new = load(TWO_SUMS)

    assert not is_new
    assert second == first
    assert (Suite.objects.count(), Problem.objects.count()) == (1, 2)


@pytest.mark.django_db
def test_a_changed_set_becomes_a_new_version_that_shares_its_problems():
    first, _ = load(TWO_SUMS)

    second, is_new = load(TWO_SUMS + b'{"id": "c", "problem": "2 + 2?", "answer": 4}')

    assert is_new
    assert (second.slug, second.version) == ("sums", 2)
    assert [row[1] for row in rows_of(second)] == ["a", "b", "c"]
    assert [row[1] for row in rows_of(first)] == ["a", "b"]
    assert Problem.objects.count() == 3


@pytest.mark.django_db
def test_a_new_order_is_a_new_version():
    load(TWO_SUMS)

    second, is_new = load(b"\n".join(reversed(TWO_SUMS.strip().split(b"\n"))))

    assert is_new
    assert [row[1] for row in rows_of(second)] == ["b", "a"]
    assert Problem.objects.count() == 2


@pytest.mark.django_db
def test_a_puzzles_data_survive_the_database_in_any_order_of_keys():
    entry = {"question": "?", "metadata": {"z": 1, "a": 0.5}, "answer": "4"}
    content = line(
        problem="?", answer="4", grader="reasoning_gym", grader_input={"entry": entry, "dataset": "chain_sum"}
    )
    load(content)

    suite, is_new = load(content)

    assert not is_new
    assert suite.places.get().problem.grader_input == {"entry": entry, "dataset": "chain_sum"}


@pytest.mark.django_db(transaction=True)
def test_four_imports_at_once_make_one_version():
    def load_in_thread(_):
        try:
            return load(TWO_SUMS).is_new_version
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        were_new = list(threads.map(load_in_thread, range(4)))

    assert sorted(were_new) == [False, False, False, True]
    assert Suite.objects.count() == 1


@pytest.mark.django_db
def test_the_command_says_what_it_did(tmp_path):
    file = tmp_path / "sums.jsonl"
    file.write_bytes(TWO_SUMS)
    out = StringIO()

    call_command("load_suite", file, name="Sums", slug="sums", grader="number", stdout=out)
    call_command("load_suite", file, name="Sums", slug="sums", grader="number", stdout=out)

    assert out.getvalue() == "Sums, v1: imported, 2 problems.\nSums, v1: unchanged, 2 problems.\n"


@pytest.mark.django_db
def test_the_command_names_every_fault(tmp_path):
    file = tmp_path / "sums.jsonl"
    file.write_bytes(b"{\n" + TWO_SUMS + b"{}\n")

    with pytest.raises(CommandError) as caught:
        call_command("load_suite", file, name="Sums", grader="number")

    assert str(caught.value) == (
        "Nothing was imported.\n"
        "Line 1: is not JSON (Expecting property name enclosed in double quotes at place 2).\n"
        "Line 4: has no question; expected it as problem, question, prompt or input."
    )


def test_the_command_says_when_there_is_no_file(tmp_path):
    missing = tmp_path / "missing.jsonl"

    with pytest.raises(CommandError) as caught:
        call_command("load_suite", missing, name="Sums")

    assert str(caught.value) == f"{missing} cannot be read: No such file or directory."
