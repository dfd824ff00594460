"""The site's front door: HTTP through Django; beside it static files, and what lasts as long as a run."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("RETORT_DATABASE_POOL", "16")
_http = get_asgi_application()  # sets Django up; what follows imports models

from django.conf import settings  # noqa: E402

from webapp.lib.log_context import with_log_context  # noqa: E402
from webapp.lib.static_files import with_static_files  # noqa: E402
from webapp.lib.transports import with_transport  # noqa: E402
from webapp.runs.routing import stream_urlpatterns, websocket_urlpatterns  # noqa: E402
from webapp.status.lifespan import report_while_serving  # noqa: E402

settings.SECRET_KEY  # noqa: B018  raises now rather than at the first visitor if there is none

_by_protocol = ProtocolTypeRouter(
    {
        "http": URLRouter([*stream_urlpatterns, re_path("", _http)]),  # type: ignore[arg-type]
        "websocket": OriginValidator(URLRouter(websocket_urlpatterns), settings.ALLOWED_ORIGINS),
        "lifespan": report_while_serving,
    }
)
application = with_transport(with_static_files(with_log_context(_by_protocol)))
