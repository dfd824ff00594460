"""`manage.py prepare`: the database as this version wants it, with the starter problems."""

from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    requires_system_checks = ()  # `make check` does them; here they would cost a second
    help = "Migrates the database and loads the starter problems; does nothing the second time."

    def handle(self, *_args: Any, **_options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=1)
        if "load_starters" in get_commands():
            call_command("load_starters")
