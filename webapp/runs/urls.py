"""Addresses of runs."""

from django.urls import path

from webapp.runs import views_list, views_new, views_recipes, views_run

urlpatterns = [
    path("", views_new.new_run, name="new_run"),
    path("new/preview", views_new.run_preview, name="run_preview"),
    path("new/reading", views_new.run_reading, name="run_reading"),
    path("new/problems", views_new.run_problems, name="run_problems"),
    path("runs/", views_list.runs, name="runs"),
    path("recipes/", views_recipes.recipes, name="recipes"),
    path("recipes/<int:saved_id>/rename", views_recipes.rename, name="recipe_rename"),
    path("recipes/<int:saved_id>/delete", views_recipes.delete, name="recipe_delete"),
    path("r/<str:run_id>/", views_run.run, name="run"),
    path("r/<str:run_id>/text", views_run.text, name="run_text"),
    path("r/<str:run_id>/snapshot", views_run.snapshot, name="run_snapshot"),
    path("r/<str:run_id>/calls/<int:lane_id>/<str:key>", views_run.call, name="run_call"),
    path("r/<str:run_id>/cancel", views_run.cancel, name="run_cancel"),
    path("r/<str:run_id>/continue", views_run.continue_, name="run_continue"),
]
