"""What a visitor is told whose request is no good: why, and with the status that says so."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import bad_request, page_not_found


def refuse(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        words = "The request is too large; the most is 5 MB. Go back, and send less."
        return HttpResponse(words, status=413, content_type="text/plain; charset=utf-8")
    return bad_request(request, exception)


def miss(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer where nothing is: people get a page, programs JSON."""
    if request.path.startswith("/api/"):
        words = "There is nothing at this address. /api/v1/openapi.json describes what there is."
        return JsonResponse({"detail": words}, status=404)
    return page_not_found(request, exception)
