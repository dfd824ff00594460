"""Load the suites that come with the product."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.problems.starters import load_starters


class Command(BaseCommand):
    """manage.py load_starters."""

    help = "Load the starter suites; those that are there already stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = load_starters()
        fresh = [suite for suite, is_new_version in loaded if is_new_version]
        self.stdout.write(f"{len(loaded)} starter suites, {len(fresh)} of them new.")
