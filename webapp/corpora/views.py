"""The pages about corpora."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from webapp.corpora.forms import UploadForm
from webapp.corpora.models import Corpus
from webapp.corpora.queries import all_corpora, first_passages
from workers.core.passages import PASSAGE_BYTES


@require_http_methods(["GET", "HEAD", "POST"])
def corpora(request: HttpRequest) -> HttpResponse:
    """Show every corpus, and upload one."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid() and form.imported:
        corpus, is_new = form.imported
        state = "can be searched now" if is_new else "was there already, with this very text"
        messages.success(request, f"‘{corpus}’ {state}.")
        return redirect("corpus", corpus_id=corpus.pk)
    context = {"form": form, "corpora": all_corpora(), "passage_bytes": PASSAGE_BYTES}
    return render(request, "corpora/corpora.html", context, status=422 if form.is_bound else 200)


@require_safe
def corpus(request: HttpRequest, corpus_id: int) -> HttpResponse:
    """Show the first passages of a corpus."""
    shown = get_object_or_404(Corpus, pk=corpus_id)
    return render(request, "corpora/corpus.html", {"corpus": shown, "shown": first_passages(shown)})


@require_POST
def delete(request: HttpRequest, corpus_id: int) -> HttpResponse:
    """Delete a corpus with its text; runs keep the passages that they read."""
    gone = get_object_or_404(Corpus.objects.defer("text"), pk=corpus_id)
    gone.delete()
    messages.success(request, f"‘{gone}’ is deleted. Runs that searched it stay as they are.")
    return redirect("corpora")
