"""Find the passages of a collection that share the rarest words with a query. Pure, and always the same."""

import re
from collections import Counter
from math import log
from typing import NamedTuple

PASSAGE_WORDS = 200
OVERLAP_WORDS = 30
"""Words that neighboring passages of one long paragraph share, so that no sentence is lost in a cut."""

_SATURATION, _LENGTH = 1.2, 0.75
_WORD = re.compile(r"\w+")


class Found(NamedTuple):
    """A passage, and how well it fits the query."""

    place: int
    """Among all passages, from 0."""
    text: str
    score: float
    """Above 0; comparable for one query alone."""


def split_passages(collection: str) -> list[str]:
    r"""Return the paragraphs of a text; one that is too long is cut into passages that overlap.

    >>> split_passages("One.\n\n\nTwo\nlines.\n \n"), [len(p.split()) for p in split_passages("word " * 400)]
    (['One.', 'Two lines.'], [200, 200, 60])
    """
    passages = []
    for paragraph in re.split(r"\n[ \t\r]*\n", collection):
        words = paragraph.split()
        step = PASSAGE_WORDS - OVERLAP_WORDS
        starts = range(0, max(1, len(words) - OVERLAP_WORDS), step) if words else ()
        passages += [" ".join(words[start : start + PASSAGE_WORDS]) for start in starts]
    return passages


def find_passages(passages: list[str], query: str, most: int) -> list[Found]:
    """Return at most so many passages that share a word with the query, best first, of tied ones the earlier first.

    BM25 as Lucene has it: a word counts the more the fewer passages hold it, and the less the more often it has been
    counted and the longer the passage is. A word that the query repeats counts as often.
    Source: Robertson & Zaragoza 2009, The Probabilistic Relevance Framework.

    >>> [found.place for found in find_passages(["a cat sat", "the dog", "a dog and a cat"], "cat and dog", 2)]
    [2, 1]
    """
    counted = [Counter(_read_words(passage)) for passage in passages]
    lengths = [counts.total() for counts in counted]
    mean = sum(lengths) / max(1, len(lengths))
    scores = [0.0] * len(passages)
    asked = Counter(_read_words(query))
    holding = dict[str, list[int]]()
    for place, counts in enumerate(counted):
        for word in counts.keys() & asked.keys():
            holding.setdefault(word, []).append(place)
    for word, times in asked.items():
        holders = holding.get(word, [])
        rarity = log(1 + (len(passages) - len(holders) + 0.5) / (len(holders) + 0.5))
        for place in holders:
            count, length = counted[place][word], lengths[place] / mean
            saturated = count * (_SATURATION + 1) / (count + _SATURATION * (1 - _LENGTH + _LENGTH * length))
            scores[place] += times * rarity * saturated
    ranked = sorted(range(len(passages)), key=lambda place: -scores[place])
    return [Found(place, passages[place], scores[place]) for place in ranked[:most] if scores[place] > 0]


def _read_words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
