"""Find the passages of a collection that share the rarest words with a query. Pure, and always the same."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from bm25s import BM25

from workers.core.errors import StrategyError
from workers.core.passages import split_passages

_SATURATION, _LENGTH = 1.2, 0.75
_DIGITS = 9
"""Of a score: what differs only by the order in which floats were added is a tie."""
_RANK = 60
_UNSPACED = (  # no spaces between words: Thai to Lao, Myanmar, Khmer, kana, Chinese characters, Hangul
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"([{_UNSPACED}]+)|(?:[^\W{_UNSPACED}]|[\u0900-\u0963\u0966-\u0dff])+")  # \w lacks Indic vowels


class Found(NamedTuple):
    """A passage, and how well it fits the query."""

    place: int
    """Among all passages, from 0."""
    text: str
    score: float
    """Comparable for one query and one way of searching alone."""


class Collection:
    """Passages, and where each word stands in them."""

    def __init__(self, passages: Sequence[str]) -> None:
        """Read all passages."""
        self.passages = tuple(passages)
        words = [read_words(passage) for passage in passages]
        self._index = BM25(k1=_SATURATION, b=_LENGTH, method="lucene", dtype="float64") if any(words) else None
        if self._index:
            self._index.index(words, show_progress=False)

    def score(self, words: list[str]) -> list[float]:
        """Return for each passage how well it fits a query of these words; 0 where it has none of them."""
        if not self._index or not words:
            return [0.0] * len(self.passages)
        return [round(float(score) * (_SATURATION + 1), _DIGITS) for score in self._index.get_scores(words)]


@lru_cache(maxsize=4)  # the lanes of a suite search the same collection; two million bytes take a second to read
def read_collection(text: str) -> Collection:
    """Return the passages of a text, ready to be searched."""
    return Collection(split_passages(text))


def find_passages(collection: Collection, query: str) -> list[Found]:
    """Return the passages that share a word with the query, best first, of tied ones the earlier first.

    BM25 as Lucene has it, and with the factor of the paper, which changes no order: a word counts the more the fewer
    passages hold it, and the less the more often it has been counted and the longer the passage is. A word that the
    query repeats counts as often.
    Source: Robertson & Zaragoza 2009, The Probabilistic Relevance Framework.

    >>> [found.place for found in find_passages(Collection(["a cat sat", "the dog", "a dog and a cat"]), "cat and dog")]
    [2, 1, 0]
    """
    scores = collection.score(read_words(query))
    ranked = sorted((place for place, score in enumerate(scores) if score), key=lambda place: (-scores[place], place))
    return [Found(place, collection.passages[place], scores[place]) for place in ranked]


def find_near(collection: Collection, similarities: Sequence[float]) -> list[Found]:
    """Return all passages, those nearest to the query first, of tied ones the earlier first; scores are cosines.

    Raises StrategyError unless there is a cosine for each passage.
    """
    if len(similarities) != len(collection.passages):
        raise StrategyError(f"{len(similarities)} cosines came back for {len(collection.passages)} passages.")
    ranked = sorted(range(len(similarities)), key=lambda place: -similarities[place])
    return [Found(place, collection.passages[place], similarities[place]) for place in ranked]


def fuse(*rankings: Sequence[Found]) -> list[Found]:
    """Return every passage that a ranking holds, those first that stand high in several; ties go to the earlier place.

    Source: Cormack, Clarke & Buettcher 2009, Reciprocal Rank Fusion; 60 is theirs.

    >>> one, other = [Found(0, "a", 9.0), Found(1, "b", 8.0)], [Found(1, "b", 0.7)]
    >>> [(found.place, round(found.score, 4)) for found in fuse(one, other)]
    [(1, 0.0325), (0, 0.0164)]
    """
    scores, texts = defaultdict[int, float](float), dict[int, str]()
    for ranking in rankings:
        for rank, found in enumerate(ranking, 1):
            scores[found.place] += 1 / (_RANK + rank)
            texts[found.place] = found.text
    ranked = sorted(scores, key=lambda place: (-scores[place], place))
    return [Found(place, texts[place], scores[place]) for place in ranked]


def read_words(text: str) -> list[str]:
    """Return the words of a text as they are compared; where no spaces part them, its characters and pairs of these.

    Source: Lucene's CJKBigramFilter with `outputUnigrams`: pairs are most words, and some have one character.

    >>> read_words("The Cat’s ﬁsh"), read_words("東京都 a")
    (['the', 'cat', 's', 'fish'], ['東', '京', '都', '東京', '京都', 'a'])
    """
    words = list[str]()
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match[0]
        words += [run] if match[1] is None else [*run, *map("".join, pairwise(run))]
    return words
