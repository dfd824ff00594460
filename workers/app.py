"""The Celery application. Work is sent by name, so that the site never imports the tasks."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

app = Celery("retort", include=["workers.tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")
