"""Every address of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from webapp.api import api
from webapp.health import healthz, readyz

handler400 = "webapp.lib.refusals.refuse"
handler404 = "webapp.lib.refusals.miss"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("webapp.runs.urls")),
    path("", include("webapp.catalog.urls")),
    path("", include("webapp.board.urls")),
    path("", include("webapp.problems.urls")),
    path("", include("webapp.corpora.urls")),
    path("", include("webapp.status.urls")),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("readyz", readyz),
]
