"""What holds for every answer, whatever a model writes."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.core.answers import extract_answer
from workers.graders import are_equal, catalog
from workers.graders.exact import plain
from workers.graders.number import find_number

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=300)  # half characters and NUL too
HOSTILE = st.lists(
    st.sampled_from(
        ["\\boxed{", "}", "{", "(", ")", "\\frac", "1", "x", "^", "!", "Answer:", "\n", "\\text{", "=", "B"]
    ),
    max_size=40,
).map("".join)
NUMBERS = st.fractions(max_denominator=999).filter(lambda number: abs(number) < 10**9)
WORDS = st.from_regex(r"[A-Za-zÀ-ÿ]{1,12}( [A-Za-zÀ-ÿ]{1,12}){0,3}", fullmatch=True)
RULINGS = {"right", "wrong", "unreadable"}


@given(reply=ANY_TEXT | HOSTILE)
def test_no_text_makes_a_quick_grader_fail(reply):
    for slug, reference in {"exact": "Paris", "number": "5", "choice": "B", "strict_string": "5"}.items():
        verdict = catalog()[slug].grade(reply, extract_answer(reply), reference, {})

        assert verdict.ruling in RULINGS
        assert verdict.explanation


@given(reply=HOSTILE)
@settings(max_examples=30, deadline=None)
def test_no_text_makes_the_mathematics_fail(reply):
    verdict = catalog()["boxed_math"].grade(reply, extract_answer(reply), "5", {})

    assert verdict.ruling in RULINGS | {"timeout"}


@given(reply=ANY_TEXT)
@settings(max_examples=30, deadline=None)
def test_no_text_makes_a_puzzles_scorer_fail(reply):
    entry = {"question": "?", "answer": "3 + 4", "metadata": {"numbers": [3, 4], "target": 7}}

    verdict = catalog()["reasoning_gym"].grade(reply, reply, "3 + 4", {"dataset": "countdown", "entry": entry})

    assert verdict.ruling in RULINGS | {"timeout"}


@given(number=NUMBERS)
def test_a_number_is_right_in_every_dress(number):
    dresses = [
        f"\\frac{{{number.numerator}}}{{{number.denominator}}}",
        f"{number.numerator}/{number.denominator}",
        f"${number.numerator}/{number.denominator}$",
        f"x = {number.numerator}/{number.denominator}",
    ]

    for slug in ("number", "boxed_math"):
        grade = catalog()[slug].grade
        assert {grade("", dress, str(number), {}).ruling for dress in dresses} == {"right"}


@given(number=NUMBERS, other=NUMBERS)
def test_different_numbers_are_never_equal(number, other):
    assert are_equal(str(number), str(other)) == are_equal(str(other), str(number)) == (number == other)


@given(number=st.integers(-(10**12), 10**12), unit=st.sampled_from(["apples", "km", "euros", "days left"]))
def test_a_number_among_words_is_found(number, unit):
    assert find_number(f"{number:,} {unit}") == Fraction(number)


@given(word=WORDS)
def test_a_word_is_right_whatever_its_case_and_dress(word):
    for dress in (word, word.upper(), f"\\text{{{word}}}", f"  {word}.", f"“{word}”"):
        if plain(dress) == plain(word):  # ß has no capital of its own
            assert catalog()["exact"].grade("", dress, word, {}).ruling == "right"


@given(text=ANY_TEXT)
def test_reading_twice_changes_nothing(text):
    assert plain(plain(text)) == plain(text)


@given(letter=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_a_letter_is_the_same_in_every_dress(letter):
    dresses = [letter, f"({letter})", f"{letter}.", f"**{letter}**", f"\\text{{({letter})}}", letter.lower()]

    assert {catalog()["choice"].grade("", dress, letter, {}).ruling for dress in dresses} == {"right"}
