"""Addresses about the site itself."""

from django.urls import path

from webapp.status.views import metrics

urlpatterns = [path("metrics", metrics)]
