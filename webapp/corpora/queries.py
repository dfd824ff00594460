"""Find corpora, without reading their texts unless they are wanted."""

from functools import lru_cache

from django.db.models import Func, IntegerField, QuerySet

from webapp.corpora.models import Corpus
from workers.core.passages import split_passages

MOST_SHOWN = 50


def all_corpora() -> QuerySet[Corpus]:
    """Return every corpus by name, each with its `size` in bytes, which the database knows without reading it."""
    return Corpus.objects.defer("text").annotate(
        size=Func("text", function="octet_length", output_field=IntegerField())
    )


def corpus_choices() -> list[tuple[str, str]]:
    """Return every corpus for a form: its reference, and what a person reads."""
    return [
        (corpus.reference, f"{corpus.name} · {corpus.passages:,} passage{'s' * (corpus.passages != 1)}")
        for corpus in Corpus.objects.defer("text")
    ]


def find_corpus(wanted: str) -> Corpus | None:
    """Return the corpus with this reference or this name, its text not read."""
    known = Corpus.objects.defer("text")
    by_digest = known.filter(digest=wanted.rpartition("@")[2])
    return by_digest.first() or known.filter(name__iexact=wanted).first()


def read_corpus(reference: str) -> str | None:
    """Return the text that a reference means; None when it was deleted since."""
    digest = reference.rpartition("@")[2]
    return _read(digest) if Corpus.objects.filter(digest=digest).exists() else None


@lru_cache(maxsize=4)  # the lanes of a suite search the same one
def _read(digest: str) -> str:
    return Corpus.objects.values_list("text", flat=True).get(digest=digest)


def first_passages(corpus: Corpus) -> list[str]:
    """Return the first passages of a corpus, as a search sees them."""
    return split_passages(corpus.text)[:MOST_SHOWN]
