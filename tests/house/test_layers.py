"""Imports go one way: the contracts in pyproject.toml, checked by import-linter."""

import subprocess
import sys

from django.conf import settings


def test_imports_go_one_way() -> None:
    lint = "from importlinter.cli import lint_imports_command as lint; lint()"

    result = subprocess.run(
        [sys.executable, "-c", lint, "--no-cache"], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
