"""The list of runs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.runs.listing import filter_choices, list_runs, read_filters


@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Show the runs that match the filters in the address; htmx gets the table alone."""
    page = list_runs(read_filters(request.GET.dict()))
    asked = request.GET.copy()
    asked["before"] = page.next_before
    context = {"page": page, "older": asked.urlencode()}
    if request.headers.get("HX-Request"):
        return render(request, "runs/_list_rows.html", context)
    return render(request, "runs/list.html", context | {"choices": filter_choices()})
