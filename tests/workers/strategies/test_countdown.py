"""A Countdown solution is replayed: no number twice, none left, every operation checked."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.strategies._countdown import Puzzle, find_fault, read_puzzle

STARTERS = Path(__file__).parents[3] / "webapp/problems/starters/countdown-24.jsonl"


@pytest.mark.parametrize("line", STARTERS.read_text().splitlines(), ids=lambda line: json.loads(line)["id"])
def test_every_starter_is_read_and_its_answer_holds(line: str):
    problem = json.loads(line)
    given_ = problem["grader_input"]["entry"]["metadata"]

    puzzle = read_puzzle(problem["problem"])

    assert puzzle == Puzzle(tuple(given_["numbers"]), given_["target"])
    assert find_fault(puzzle, problem["answer"]) == ""


def test_the_state_line_of_the_paper_is_read():
    question = "Moving to Node #0\nCurrent State: 27:[53, 22, 31, 26], Operations: []"

    assert read_puzzle(question) == Puzzle((53, 22, 31, 26), 27)


@pytest.mark.parametrize("question", ["How many primes are below 10?", "Use the numbers 3, 4 and 5.", ""])
def test_other_questions_are_no_puzzle(question: str):
    assert read_puzzle(question) is None


PUZZLE = Puzzle((5, 3, 2, 7), 24)


@pytest.mark.parametrize(
    ("solution", "fault"),
    [
        pytest.param("5*3=15, 15+7=22, 22+2=24", "", id="operations"),
        pytest.param("5*3=15\n15+7=22\n22+2=24", "", id="operations line by line"),
        pytest.param("5 * 3 + 7 + 2", "", id="expression"),
        pytest.param("5 \\times 3 + (7 + 2)", "", id="LaTeX"),
        pytest.param("$5*3+7+2 = 24$", "", id="expression with the target"),
        pytest.param("5*3=15, Resulting Numbers: [2, 7, 15], 15+7=22, 22+2=24", "", id="a right list of what is left"),
        pytest.param(
            "5*3=15, Resulting Numbers: [5, 2, 15]", "After 5*3=15 the numbers are [2, 7, 15], not [2, 5, 15].",
            id="a wrong list of what is left",
        ),
        pytest.param("5*2=10, 5+7=12, 12+3=15", "5 is not there to be used in 5+7=12.", id="a number used twice"),
        pytest.param("5*3+5+2+2", "5 is not there to be used in 15+5=20.", id="a number used twice in an expression"),
        pytest.param("5*3=14, 14+7=21, 21+2=23", "5*3=14 is wrong.", id="wrong arithmetic"),
        pytest.param("7/0=7", "0 is not there to be used in 7/0=7.", id="a number from nowhere"),
        pytest.param("5*3+7", "Left unused: 2.", id="a number left"),
        pytest.param("5*3+7-2", "20 is not 24.", id="another target"),
        pytest.param("24", "It is neither an expression nor a list of operations.", id="the target alone"),
        pytest.param("5**3", "It is neither an expression nor a list of operations.", id="a power"),
        pytest.param("__import__('os')", "It is neither an expression nor a list of operations.", id="code"),
        pytest.param("True+5", "It is neither an expression nor a list of operations.", id="a name"),
        pytest.param("5/(3-3)", "It is neither an expression nor a list of operations.", id="a division by zero"),
        pytest.param("(" * 250 + "5", "It is neither an expression nor a list of operations.", id="brackets"),
        pytest.param("5+" * 300 + "5", "It is neither an expression nor a list of operations.", id="too long"),
        pytest.param("", "It is neither an expression nor a list of operations.", id="nothing"),
    ],
)  # fmt: skip
def test_a_replay_names_the_first_fault(solution: str, fault: str):
    assert find_fault(PUZZLE, solution) == fault


def test_zero_that_is_there_does_not_divide():
    assert find_fault(Puzzle((7, 3, 3), 7), "3-3=0, 7/0=7") == "7/0=7 is wrong."


def test_the_number_that_the_lax_parser_lets_be_used_twice_is_refused():
    """The caution of the specification: 5 of [5, 3, 2, 7] twice."""
    assert find_fault(Puzzle((5, 3, 2, 7), 10), "5+3=8, 7-5=2, 8+2=10") == "5 is not there to be used in 7-5=2."


@given(numbers=st.lists(st.integers(1, 60), min_size=2, max_size=5), data=st.data())
def test_an_expression_of_exactly_the_numbers_holds_and_one_more_number_does_not(
    numbers: list[int], data: st.DataObject
):
    order = data.draw(st.permutations(numbers))
    signs = data.draw(st.lists(st.sampled_from("+-*"), min_size=len(order) - 1, max_size=len(order) - 1))
    expression, value = str(order[0]), order[0]
    for sign, number in zip(signs, order[1:], strict=True):
        value = {"+": value + number, "-": value - number, "*": value * number}[sign]
        expression = f"({expression}){sign}{number}"

    assert find_fault(Puzzle(tuple(numbers), value), expression) == ""
    assert find_fault(Puzzle(tuple(numbers), value + 1), f"({expression})+1") != ""
    assert find_fault(Puzzle((*numbers, 61), value), expression) == "Left unused: 61."


@given(solution=st.text("0123456789+-*/() =,\n[]x\\", max_size=60))
def test_any_text_is_judged(solution: str):
    assert isinstance(find_fault(PUZZLE, solution), str)
