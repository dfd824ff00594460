"""The pages about suites."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from webapp.problems.forms import ImportForm
from webapp.problems.queries import newest_suites, places_of, versions_of


@require_safe
def suites(request: HttpRequest) -> HttpResponse:
    return render(request, "problems/suites.html", {"suites": newest_suites()})


@require_safe
def suite(request: HttpRequest, slug: str) -> HttpResponse:
    versions = versions_of(slug)
    asked = request.GET.get("version", "")
    shown = next((suite for suite in versions if not asked or str(suite.version) == asked), None)
    if shown is None:
        raise Http404(f"There is no suite '{slug}'{f' of version {asked[:20]}' if asked else ''}.")
    return render(request, "problems/suite.html", {"suite": shown, "versions": versions, "places": places_of(shown)})


@require_http_methods(["GET", "HEAD", "POST"])
def suite_import(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid() and form.imported:
        suite, is_new_version = form.imported
        state = "is imported" if is_new_version else "was there already, with these very problems"
        messages.success(request, f"{suite} {state}.")
        return redirect("suite", slug=suite.slug)
    status = 422 if form.is_bound else 200
    return render(request, "problems/import.html", {"form": form}, status=status)
