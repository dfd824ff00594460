"""The transport below an ASGI connection. ASGI has no words for what is done here; without uvicorn nothing is."""

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

KERNEL_BUFFER_BYTES = 256 * 1024
"""What the kernel may hold for a client: it would take 4 MiB before it says that the client does not read."""

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


def with_transport(app: App) -> App:
    """Keep uvicorn's transport in the scope; the outermost application, for it alone sees the server's own `send`."""

    async def answer(scope: Scope, receive: Any, send: Any) -> None:
        scope["transport"] = getattr(getattr(send, "__self__", None), "transport", None)
        await app(scope, receive, send)

    return answer


def limit_kernel_buffer(scope: Scope) -> None:
    """Let the kernel hold little for this client, so that one who does not read is noticed soon."""
    if transport := scope["transport"]:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)


def cut(scope: Scope) -> None:
    """Drop the connection and what waits for it. An ordinary close waits for a client who may never read."""
    if transport := scope["transport"]:
        transport.abort()
