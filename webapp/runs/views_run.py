"""The run page, and what it asks the server for."""

import asyncio

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from webapp.runs import launching, queries
from webapp.runs.continuing import continue_run
from webapp.runs.models import Lane, Run
from webapp.runs.sharing import Place, snapshots


def _load(request: HttpRequest, run_id: str) -> tuple[Run, queries.View]:
    run = get_object_or_404(Run.objects.select_related("suite"), pk=run_id)
    row, repeat = (_number(request.GET.get(name)) for name in ("row", "repeat"))
    view = queries.find_view(run_id, row, repeat)
    if view is None:
        raise Http404("This run has no such problem.")
    return run, view


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 10 else None


@require_GET
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show a run's lanes, or its matrix of problems and recipes."""
    found, view = _load(request, run_id)
    if view.is_matrix:
        return redirect("run_matrix", run_id=run_id)
    facts = queries.run_facts(found, view)
    lane = Lane.objects.filter(id__in=view.lane_ids).first()
    place = f"?row={lane.row}&repeat={lane.repeat}" if lane and not view.is_whole_run else ""
    context = {
        "run": found,
        "facts": facts,
        "problem": facts["problem"],
        "lane_count": len(facts["lanes"]),
        "place": place,
        "results": list(zip(facts["lanes"], _lanes(view), strict=True)),
        "snapshot_url": reverse("run_snapshot", args=[run_id]) + place,
        "socket_path": f"/ws/runs/{run_id}{place}",
    }
    return render(request, "runs/run.html", context)


def _lanes(view: queries.View) -> QuerySet[Lane]:
    return Lane.objects.filter(id__in=view.lane_ids).order_by("column")


@require_GET
def text(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show all that was written as text alone, for readers without scripts."""
    found, view = _load(request, run_id)
    if view.is_matrix:
        return redirect("run_matrix", run_id=run_id)
    facts = queries.run_facts(found, view)
    lanes = [
        (lane, result, queries.what_was_written(result.pk))
        for lane, result in zip(facts["lanes"], _lanes(view), strict=True)
    ]
    context = {"run": found, "problem": facts["problem"], "lanes": lanes, "query": request.META["QUERY_STRING"]}
    return render(request, "runs/text.html", context)


@require_GET
async def snapshot(request: HttpRequest, run_id: str) -> HttpResponse:
    """Return everything that has happened in a view's lanes."""
    found = await snapshots().get(run_id, Place(*(_number(request.GET.get(name)) for name in ("row", "repeat"))))
    if found is None:
        raise Http404("There is no such run, or it has several problems: name one by ?row= and ?repeat=.")
    is_zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    body = await asyncio.to_thread(getattr, found, "gzipped" if is_zipped else "json")
    response = HttpResponse(body, content_type="application/json", headers={"Vary": "Accept-Encoding"})
    if is_zipped:
        response["Content-Encoding"] = "gzip"
    return response


@require_GET
def call(request: HttpRequest, run_id: str, lane_id: int, key: str) -> HttpResponse:
    """Return the request behind one call."""
    get_object_or_404(Lane, pk=lane_id, run_id=run_id)
    details = queries.call_details(lane_id, key)
    if details is None:
        raise Http404("This lane has no such call.")
    return JsonResponse(details)


@require_POST
def cancel(request: HttpRequest, run_id: str) -> HttpResponse:
    """Stop a run; everything it has is kept."""
    launching.cancel_run(run=get_object_or_404(Run, pk=run_id))
    return redirect("run", run_id=run_id)


@require_POST
def continue_(request: HttpRequest, run_id: str) -> HttpResponse:
    """Take up lanes that were stopped or failed, and begin those of more repeats, if any are asked for."""
    try:
        continue_run(run=get_object_or_404(Run, pk=run_id), repeats=_number(request.POST.get("repeats")))
    except ValueError as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    return redirect("run", run_id=run_id)
