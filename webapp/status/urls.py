"""Addresses about the site itself."""

from django.urls import path

from webapp.status.views import metrics, status

urlpatterns = [path("metrics", metrics), path("status/", status, name="status")]
