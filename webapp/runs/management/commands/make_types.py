"""Write the browser's types of all events: `make types`."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from webapp.lib.typescript import declare
from workers.core.events import EVENTS

_HEAD = "// Generated from workers/core/events.py by `manage.py make_types`. Change the classes, not this file.\n\n"


def types_file() -> Path:
    """Return where the types stand."""
    return Path(settings.BASE_DIR) / "static/js/types/events.d.ts"


def event_types() -> str:
    """Return the text of the types file."""
    return _HEAD + declare(EVENTS.json_schema(mode="serialization"), union="RunEvent")


class Command(BaseCommand):
    help = "Writes static/js/types/events.d.ts from the event classes."

    def handle(self, *args: Any, **options: Any) -> None:
        types_file().write_text(event_types())
        self.stdout.write(f"Wrote {types_file()}")
