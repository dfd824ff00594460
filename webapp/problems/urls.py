"""Addresses of the pages about suites."""

from django.urls import URLPattern, path

from webapp.problems import views

urlpatterns: list[URLPattern] = [
    path("suites/", views.suites, name="suites"),
    path("suites/import", views.suite_import, name="suite_import"),
    path("suites/<slug:slug>/", views.suite, name="suite"),
]
