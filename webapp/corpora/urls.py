"""Addresses of the pages about corpora."""

from django.urls import URLPattern, path

from webapp.corpora import views

urlpatterns: list[URLPattern] = [
    path("corpora/", views.corpora, name="corpora"),
    path("corpora/<int:corpus_id>/", views.corpus, name="corpus"),
    path("corpora/<int:corpus_id>/delete", views.delete, name="corpus_delete"),
]
