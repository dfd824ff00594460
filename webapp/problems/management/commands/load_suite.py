"""Import a suite from a JSONL or CSV file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.problems.importing import import_suite
from webapp.problems.reading import BadFile


class Command(BaseCommand):
    """manage.py load_suite FILE --name NAME [--slug SLUG] [--grader GRADER] [--description TEXT]."""

    help = "Import a suite from a JSONL or CSV file; all of it or nothing. A changed set becomes a new version."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the file; - reads standard input")
        parser.add_argument("--name", required=True)
        parser.add_argument("--slug", default="", help="its name in addresses; made from the name if not given")
        parser.add_argument("--grader", default="boxed_math", help="judges problems that name no grader")
        parser.add_argument("--description", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = sys.stdin.buffer.read() if options["file"] == "-" else Path(options["file"]).read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        names = ("name", "slug", "grader", "description")
        try:
            imported = import_suite(content=content, **{name: options[name] for name in names})
        except BadFile as error:
            raise CommandError(f"Nothing was imported.\n{error}") from error
        state = "imported" if imported.is_new_version else "unchanged"
        self.stdout.write(f"{imported.suite}: {state}, {imported.suite.places.count()} problems.")
