"""Addresses of the catalog."""

from django.urls import path

from webapp.catalog import views

urlpatterns = [
    path("strategies/", views.strategies, name="strategies"),
    path("strategies/<slug:slug>/", views.strategy, name="strategy"),
]
