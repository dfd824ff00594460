"""Pages about strategies."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.catalog import queries


@require_GET
def strategies(request: HttpRequest) -> HttpResponse:
    """List the strategies by family; `q` narrows the list."""
    search = request.GET.get("q", "")[:200]
    context = {"families": queries.strategies_by_family(search), "search": search, "count": queries.count_strategies()}
    return render(request, "catalog/strategies.html", context)


@require_GET
def strategy(request: HttpRequest, slug: str) -> HttpResponse:
    """Show all about one strategy."""
    entry = queries.find_entry(slug)
    if entry is None:
        raise Http404(f"There is no strategy '{slug}'.")
    families, count = queries.strategies_by_family(), queries.count_strategies()
    context = {"entry": entry, "families": families, "search": "", "count": count}
    return render(request, "catalog/strategy.html", context)
