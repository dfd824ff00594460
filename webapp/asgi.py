"""The site's front door: HTTP through Django, websockets through Channels."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
_http = get_asgi_application()  # sets Django up; what follows imports models

from django.conf import settings  # noqa: E402

from webapp.lib.log_context import with_log_context  # noqa: E402
from webapp.runs.routing import websocket_urlpatterns  # noqa: E402
from webapp.status.lifespan import report_while_serving  # noqa: E402

settings.SECRET_KEY  # noqa: B018  raises now rather than at the first visitor if there is none

application = with_log_context(
    ProtocolTypeRouter(
        {
            "http": _http,
            "websocket": OriginValidator(
                AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), settings.ALLOWED_ORIGINS
            ),
            "lifespan": report_while_serving,
        }
    )
)
