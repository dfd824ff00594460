"""`make theory`: play every strategy on a reasoner of known skill, print the table, and write docs/strategies.md."""

import sys
import time

from tests.theory.page import read_between, replace_between, write_catalog
from tests.theory.rows import ROWS
from tests.theory.table import HEAD, compare_all, name_of, write_line

TRIALS = 3_000


def main() -> None:
    """Write the catalogue, then the table, which takes minutes.

    With the argument `catalog` the former alone; with `new` only rows that the page does not show yet are played.
    """
    if sys.argv[1:] not in ([], ["catalog"], ["new"]):
        sys.exit("python -m tests.theory [catalog | new]: without a word all rows are played, which takes minutes.")
    replace_between("catalog", write_catalog())
    if sys.argv[1:] == ["catalog"]:
        return
    started, bad = time.monotonic(), 0
    lines = {name_of(line): line for line in read_between("theory").splitlines()} if sys.argv[1:] == ["new"] else {}
    rows = [row for row in ROWS if (row.title, row.setting) not in lines]
    for compared in compare_all(rows, TRIALS):
        line = write_line(compared)
        lines[name_of(line)] = line
        bad += not compared.is_good
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    replace_between("theory", "\n".join([HEAD, *(lines[row.title, row.setting] for row in ROWS)]))
    seconds = time.monotonic() - started
    sys.stdout.write(f"{len(rows)} rows, {bad} of them not as theory says; {seconds:.0f} s.\n")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
