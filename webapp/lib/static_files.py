"""Static files, answered before Django: through its middleware, in a thread, each took five times as long or more.

A page asks for dozens of them, and each time anew whether they have changed.
"""

from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from webapp.lib.transports import App, Scope


def with_static_files(app: App) -> App:
    """Answer for static files, by WhiteNoise with Django's settings; pass everything else on."""
    files = WhiteNoiseMiddleware()

    async def answer(scope: Scope, receive: Any, send: Any) -> None:
        found = _find(files, scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await app(scope, receive, send)
        else:
            await _serve(found, scope, send)

    return answer


def _find(files: WhiteNoiseMiddleware, path: str) -> StaticFile | None:
    found: StaticFile | None = files.find_file(path) if files.autorefresh else files.files.get(path)
    return found


async def _serve(static_file: StaticFile, scope: Scope, send: Any) -> None:
    """Send the file whole: it is small, and the kernel has it in memory."""
    asked = {
        f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1")
        for name, value in scope["headers"]
    }
    found = static_file.get_response(scope["method"], asked)
    body = b""
    if found.file is not None:
        with found.file as file:
            body = file.read()
    headers = {name.lower(): value for name, value in found.headers} | {"x-content-type-options": "nosniff"}
    if body:
        headers["content-length"] = str(len(body))  # the file may have been edited since the site began
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(found.status), "headers": encoded})
    await send({"type": "http.response.body", "body": body})
