"""Corpora, for programs."""

from datetime import datetime

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict, Field

from webapp.corpora.importing import import_corpus
from webapp.corpora.models import Corpus
from webapp.corpora.queries import all_corpora
from webapp.corpora.reading import MOST_BYTES, BadCorpus

router = Router(tags=["corpora"])


class CorpusIn(Schema):
    """A text and its name."""

    model_config = ConfigDict(extra="forbid")

    name: str
    text: str = Field(description=f"With a blank line between passages; at most {MOST_BYTES:,} bytes.")


class CorpusOut(Schema):
    """A corpus, without its text."""

    id: int
    name: str
    reference: str = Field(description="Names this very text in a recipe's parameters, as the name does for now.")
    passages: int
    created_at: datetime


@router.get("", response=list[CorpusOut], summary="Every corpus")
def show_all(request: HttpRequest) -> list[Corpus]:
    """Return every corpus by name. A recipe takes one by name or reference: `{"params": {"corpus": NAME}}`."""
    return list(all_corpora())


@router.post("", response={201: CorpusOut}, summary="Keep a corpus")
def keep(request: HttpRequest, body: CorpusIn) -> Status[Corpus]:
    """Keep a text under a name; all who reach the site see it. The same again changes nothing."""
    try:
        corpus = import_corpus(content=body.text.encode(errors="surrogatepass"), name=body.name).corpus
    except BadCorpus as fault:
        raise HttpError(422, str(fault)) from fault
    corpus.refresh_from_db(fields=["created_at"])  # the database's clock
    return Status(201, corpus)


@router.delete("/{corpus_id}", response={204: None}, summary="Delete a corpus")
def delete(request: HttpRequest, corpus_id: int) -> Status[None]:
    """Delete a corpus with its text; runs keep the passages that they read, and cannot be continued."""
    get_object_or_404(Corpus.objects.defer("text"), pk=corpus_id).delete()
    return Status(204, None)
