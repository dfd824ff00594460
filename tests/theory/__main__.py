"""`make theory`: play every strategy on a reasoner of known skill, print the table, and write docs/strategies.md."""

import sys
import time

from tests.theory.page import replace_between, write_catalog
from tests.theory.table import HEAD, compare_all, write_line

TRIALS = 3_000


def main() -> None:
    """Write the catalogue, then the table, which takes minutes; with the argument `catalog` the former alone."""
    replace_between("catalog", write_catalog())
    if sys.argv[1:] == ["catalog"]:
        return
    started, lines, bad = time.monotonic(), [HEAD], 0
    sys.stdout.write(f"{HEAD}\n")
    for compared in compare_all(TRIALS):
        lines.append(write_line(compared))
        bad += not compared.is_good
        sys.stdout.write(f"{lines[-1]}\n")
        sys.stdout.flush()
    replace_between("theory", "\n".join(lines))
    seconds = time.monotonic() - started
    sys.stdout.write(f"{len(lines) - 1} rows, {bad} of them not as theory says; {seconds:.0f} s.\n")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
