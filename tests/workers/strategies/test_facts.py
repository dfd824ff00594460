"""Facts are a graph; paths in it begin at what a question names."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.strategies._facts import MOST_PATHS, Fact, Facts, find_paths, read_facts

TEXT = """\
Dawn | director | Ada Holm
Ada Holm | born in | Vik
Vik | country | Sunland
Sunland | capital | Port Sun
Dawn | released in | 1988
Dusk | director | Bo Lund
"""
NAMES = st.sampled_from("abcdef")
GRAPHS = st.lists(st.builds(Fact, NAMES, st.sampled_from(["likes", "knows", "is near"]), NAMES), max_size=12)


def paths(question: str, hops: int = 3, most: int = 9) -> list[list[str]]:
    """Return the found paths, each as the ends that it leads through."""
    found = find_paths(read_facts(TEXT).facts, question, hops=hops, most=most)
    return [[f"{fact.subject}-{fact.object}" for fact in path] for path in found]


@pytest.mark.parametrize(
    "line",
    ["a | r | b", "a|r|b", "a -> r -> b", "a\tr\tb", "  a → r → b  "],
    ids=["bars", "close", "arrow", "tab", "→"],
)
def test_a_fact_may_be_written_in_several_ways(line: str):
    assert read_facts(line) == Facts([Fact("a", "r", "b")], 0)


@pytest.mark.parametrize("line", ["a | b", "a | r | b | c", "a | | b", "prose", "| r | b"])
def test_what_is_no_fact_is_counted(line: str):
    assert read_facts(f"{line}\n\na | r | b") == Facts([Fact("a", "r", "b")], 1)


def test_the_path_whose_relations_the_question_names_comes_first():
    assert paths("In which country was the director of Dawn born?", most=1) == [
        ["Dawn-Ada Holm", "Ada Holm-Vik", "Vik-Sunland"]
    ]
    assert paths("When was Dawn released?", most=1) == [["Dawn-1988"]]


def test_a_part_of_a_path_is_not_shown_again():
    assert paths("In which country was the director of Dawn born?") == [
        ["Dawn-Ada Holm", "Ada Holm-Vik", "Vik-Sunland"],
        ["Dawn-1988"],
    ]


@pytest.mark.parametrize(("hops", "longest"), [(1, 1), (2, 2), (3, 3)])
def test_no_path_has_more_hops(hops: int, longest: int):
    assert max(map(len, paths("country of the director of Dawn, born", hops))) == longest


def test_relations_are_walked_in_both_directions():
    assert paths("What did Bo Lund make?") == [["Dusk-Bo Lund"]]


def test_two_things_that_are_named_are_joined():
    assert paths("Are Dawn and Ada Holm related?", hops=1, most=1) == [["Dawn-Ada Holm"]]


@pytest.mark.parametrize("question", ["What is dawning?", "Ada and Holm", "", "director"])
def test_what_is_not_named_word_by_word_is_not_found(question: str):
    assert paths(question) == []


@given(
    facts=GRAPHS,
    question=st.text("abcdef likes knows near", max_size=12),
    hops=st.integers(1, 3),
    most=st.integers(0, 4),
)
def test_paths_are_connected_and_made_of_facts(facts: list[Fact], question: str, hops: int, most: int):
    found = find_paths(facts, question, hops=hops, most=most)

    assert len(found) <= most
    for path in found:
        assert 1 <= len(path) <= hops
        assert set(path) <= set(facts)
        assert {path[0].subject, path[0].object} & set(question.split())
        for one, other in pairwise(path):
            assert {one.subject, one.object} & {other.subject, other.object}


@pytest.mark.parametrize(("leaves", "is_found"), [(100, True), (160, False)])
def test_of_very_many_paths_only_the_first_are_looked_at(leaves: int, is_found: bool):
    names = [f"leaf{number}" for number in range(leaves)]
    facts = [*(Fact(name, "likes", "hub") for name in names), Fact("Ada", "born in", "Vik")]

    found = find_paths(facts, f"{' '.join(names)}, and where was Ada born?", hops=2, most=1)

    assert leaves * leaves > MOST_PATHS or is_found
    assert (found == [(facts[-1],)]) == is_found
