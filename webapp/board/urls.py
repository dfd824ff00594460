"""Addresses of leaderboards, of runs over a suite or of a strategy, and of their matrix."""

from django.urls import path

from webapp.board import exporting, here, matrix, suite_runs, views

urlpatterns = [
    path("leaderboards/", views.leaderboards, name="leaderboards"),
    path("leaderboards/<slug:suite_slug>/", views.leaderboard, name="leaderboard"),
    path("leaderboards/<slug:suite_slug>.csv", exporting.leaderboard_csv, name="leaderboard_csv"),
    path("leaderboards/<slug:suite_slug>.json", exporting.leaderboard_json, name="leaderboard_json"),
    path("suites/<slug:suite_slug>/run", suite_runs.suite_run, name="suite_run"),
    path("suites/<slug:suite_slug>/run/preview", suite_runs.suite_run_preview, name="suite_run_preview"),
    path("strategies/<slug:slug>/run", here.start_here, name="start_here"),
    path("r/<slug:run_id>/matrix", matrix.run_matrix, name="run_matrix"),
]
