"""The thinking, pure: no Django, no Celery, no network, no clock and no chance of its own."""
