"""Keep links that are secrets out of search engines."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_SECRET_PATHS = ("/r/", "/runs/", "/api/")


def private_links(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Tell robots to index neither runs nor what leads to them."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(_SECRET_PATHS):
            response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return answer
