"""Keep a corpus: the only place that writes one."""

import hashlib
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q

from webapp.corpora.models import Corpus
from webapp.corpora.reading import BadCorpus, read_text
from workers.core.passages import split_passages

MOST_NAME_CHARS = 80


class Imported(NamedTuple):
    """What an import has led to."""

    corpus: Corpus
    is_new: bool
    """False: this very corpus was there already."""


def import_corpus(*, content: bytes, name: str, is_jsonl: bool = False) -> Imported:
    """Keep a text under a name. The same again changes nothing. Raises BadCorpus; then nothing is written."""
    name = _clean(name)
    text = read_text(content, is_jsonl=is_jsonl)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    if found := _find(name, digest):
        return Imported(found, is_new=False)
    try:
        with transaction.atomic():
            passages = len(split_passages(text))
            corpus = Corpus.objects.create(name=name, digest=digest, text=text, passages=passages)
    except IntegrityError as error:  # somebody was faster
        if found := _find(name, digest):
            return Imported(found, is_new=False)
        raise BadCorpus("It could not be kept. Try again.") from error
    return Imported(corpus, is_new=True)


def _find(name: str, digest: str) -> Corpus | None:
    """Return this very corpus, if it is there. Raises BadCorpus when its name or its text is another one's."""
    for other in Corpus.objects.filter(Q(digest=digest) | Q(name__iexact=name)).defer("text"):
        if other.digest != digest:
            raise BadCorpus(f"‘{other.name}’ is another text. Choose another name, or delete that one.")
        if other.name.casefold() != name.casefold():
            raise BadCorpus(f"This very text is there already, under the name ‘{other.name}’.")
        return other
    return None


def _clean(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise BadCorpus("Give the corpus a name.")
    if len(name) > MOST_NAME_CHARS:
        raise BadCorpus(f"The name has {len(name)} letters; the most is {MOST_NAME_CHARS}. Shorten it.")
    if not name.isprintable():
        raise BadCorpus("The name holds a letter that cannot be shown. Delete it.")
    return name
