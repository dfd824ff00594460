"""Passages are found by the rarest words that they share with a query."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.strategies._retrieving import OVERLAP_WORDS, PASSAGE_WORDS, find_passages, split_passages

PASSAGES = ["the cat sat on the mat", "the dog sat", "a bird", "the cat and the dog and the cat", ""]
TEXTS = st.lists(st.text("ab \n", max_size=20), max_size=6)


def places(query: str, most: int = 10) -> list[int]:
    return [found.place for found in find_passages(PASSAGES, query, most)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("bird", [2]),
        ("cat", [3, 0]),
        ("DOG!", [1, 3]),
        ("the bird", [2, 3, 0, 1]),
        ("fish", []),
        ("", []),
    ],
)
def test_passages_that_share_rarer_words_more_often_come_first(query: str, found: list[int]):
    assert places(query) == found


def test_the_formula_is_bm25():
    [found] = find_passages(["a b b c", "a c", "c c c"], "b", 5)

    rarity, mean = log(1 + (3 - 1 + 0.5) / (1 + 0.5)), (4 + 2 + 3) / 3
    assert found.score == pytest.approx(rarity * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / mean)))


def test_equal_passages_are_found_in_their_order():
    assert [found.place for found in find_passages(["x", "y z", "x"], "x", 5)] == [0, 2]


@given(passages=TEXTS, query=st.text("ab ", max_size=9), most=st.integers(0, 4))
def test_what_is_found_is_there_and_scores_fall(passages: list[str], query: str, most: int):
    found = find_passages(passages, query, most)

    scores = [each.score for each in found]
    assert len(found) <= most
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    assert [passages[each.place] for each in found] == [each.text for each in found]
    assert found == find_passages(passages, query, most)


@given(words=st.lists(st.integers(0, 9**6).map(str), min_size=1, max_size=900))
def test_no_word_is_lost_and_no_passage_is_too_long(words: list[str]):
    passages = [passage.split() for passage in split_passages("  ".join(words))]

    whole = passages[0] + [word for passage in passages[1:] for word in passage[OVERLAP_WORDS:]]
    assert whole == words
    assert max(map(len, passages)) <= PASSAGE_WORDS


@pytest.mark.parametrize("text", ["a\n\nb", "a\r\n\r\nb\r\n", "\n\n a\n \t\n\n\nb"])
def test_blank_lines_part_passages(text: str):
    assert split_passages(text) == ["a", "b"]


def test_an_empty_collection_has_no_passages():
    assert split_passages(" \n\n ") == []
    assert find_passages([], "a", 3) == []
