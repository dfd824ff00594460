"""What a visitor is told whose request is no good: why, and with the status that says so."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request


def refuse(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        words = "The request is too large; the most is 5 MB. Go back, and send less."
        return HttpResponse(words, status=413, content_type="text/plain; charset=utf-8")
    return bad_request(request, exception)
