"""Passages are found by the rarest words that they share with a query."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.passages import OVERLAP_BYTES, PASSAGE_BYTES, split_passages
from workers.strategies._retrieving import Collection, find_passages

PASSAGES = ["the cat sat on the mat", "the dog sat", "a bird", "the cat and the dog and the cat", ""]
TEXTS = st.lists(st.text("ab \n", max_size=20), max_size=6)


def places(query: str, passages: list[str] = PASSAGES) -> list[int]:
    return [found.place for found in find_passages(Collection(passages), query)]


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


@given(passages=TEXTS, query=st.text("ab ", max_size=9))
def test_passages_are_scored_by_the_formula_of_bm25(passages: list[str], query: str):
    words = [passage.split() for passage in passages]
    mean = sum(map(len, words)) / max(1, len(words))

    def weigh(word: str, passage: list[str]) -> float:
        holders = sum(word in other for other in words)
        rarity, count = log(1 + (len(words) - holders + 0.5) / (holders + 0.5)), passage.count(word)
        return rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(passage) / mean))

    expected = {
        place: sum(weigh(word, passage) for word in query.split()) for place, passage in enumerate(words) if passage
    }
    found = find_passages(Collection(passages), query)

    assert {each.place: each.score for each in found} == pytest.approx(
        {place: score for place, score in expected.items() if score}
    )


def test_equal_passages_are_found_in_their_order():
    assert places("x", ["x", "y z", "x"]) == [0, 2]


def test_what_differs_by_rounding_alone_is_a_tie():
    passages = ["a b b c c c c", "a b b b b c c", "a a b c c c c"]  # 1 + 2 + 4 adds up otherwise than 1 + 4 + 2

    assert places("a b c", passages) == [0, 1, 2]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("京都", [0], id="chinese"),
        pytest.param("犬はどこ", [1], id="japanese"),
        pytest.param("서울의 날씨", [2], id="korean, another ending"),
        pytest.param("ข้าว", [3], id="thai"),
        pytest.param("हिन्दी", [4], id="hindi"),
        pytest.param("ＣＡＦＥ́", [5], id="full width, an accent apart"),
    ],
)
def test_words_are_found_in_any_script(query: str, found: list[int]):
    passages = ["我去了京都。", "犬がいる", "서울에 산다", "ฉันกินข้าว", "हिन्दी में लिखो, हाथ से", "Café"]

    assert places(query, passages) == found


@given(passages=TEXTS, query=st.text("ab ", max_size=9))
def test_what_is_found_is_there_and_scores_fall(passages: list[str], query: str):
    found = find_passages(Collection(passages), query)

    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    assert [passages[each.place] for each in found] == [each.text for each in found]
    assert found == find_passages(Collection(passages), query)


@given(first=st.sampled_from([0x100, 0x4E00, 0x20000]), size=st.integers(1, 1200), spaces=st.sets(st.integers(1, 1199)))
def test_no_character_is_lost_and_no_passage_is_too_long(first: int, size: int, spaces: set[int]):
    text = "".join(" " * (place in spaces) + chr(first + place) for place in range(size))  # no character comes twice

    end = 0
    for passage in split_passages(text):
        place = text.index(passage)
        assert end - OVERLAP_BYTES <= place <= end + 1, "too much is told twice, or more than a space is lost"
        assert len(passage.encode()) <= PASSAGE_BYTES
        end = place + len(passage)
    assert end == len(text)


@pytest.mark.parametrize("word", ["x", "中", "😀", "é"])
def test_a_word_without_an_end_is_cut(word: str):
    size = len(word.encode())

    first, *rest = split_passages(word * 5000)

    assert 0 <= PASSAGE_BYTES - len(first.encode()) < size
    assert rest[0].startswith(word * (OVERLAP_BYTES // size))
    assert set("".join(rest)) == {word}


@pytest.mark.parametrize("text", ["a\n\nb", "a\r\n\r\nb\r\n", "\n\n a\n \t\n\n\nb"])
def test_blank_lines_part_passages(text: str):
    assert split_passages(text) == ["a", "b"]


def test_an_empty_collection_has_no_passages():
    assert split_passages(" \n\n ") == []
    assert find_passages(Collection([]), "a") == []
