"""A first look at a model server of somebody else's."""

import json
import urllib.error
import urllib.request
from typing import Any


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def first_model(base_url: str, api_key: str) -> str:
    """Return the first model that the server lists. Raises ValueError with a sentence if it cannot be asked."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    request = urllib.request.Request(f"{base_url}/models", headers=headers)
    opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as response:
            return str(json.load(response)["data"][0]["id"])
    except urllib.error.HTTPError as error:
        error.close()
        raise ValueError(f"The model server at {base_url} answers {error.code} {error.reason} to /models.") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise ValueError(f"No model server answers at {base_url} ({reason}).") from None
    except (ValueError, LookupError, TypeError):
        raise ValueError(f"The server at {base_url} does not list any model at /models.") from None
