"""Every benchmark, in one run: `make bench`, or some of them: `python -m tests.bench overhead lag`.

All are measured against the scriptable model server, medians of at least five. `--quick` is small and short: it shows
that everything still works, and its figures mean nothing. A run of everything writes its table to docs/benchmarks.md.
"""

import argparse
import asyncio
import sys
import time
import traceback

import uvloop

from tests.bench import browser, lag, overhead, peers, queries, recovery, throughput
from tests.bench.figures import NOT_MEASURED, Figure, describe_machine, print_table, write_table
from tests.bench.site import bench_site
from tests.site.live import LiveSite

SECTIONS = {
    "overhead": overhead.measure,
    "peers": peers.measure,
    "throughput": throughput.measure,
    "lag": lag.measure,
    "browser": browser.measure,
    "queries": queries.measure,
    "recovery": recovery.measure,
}
"""In the order in which they run."""
REPEATS = 5


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; none means all")
    parser.add_argument("--quick", action="store_true", help="small and short: shows that everything works")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    names = [name for name in SECTIONS if name in (chosen.sections or SECTIONS)]
    machine, began = describe_machine(), time.monotonic()
    figures: list[Figure] = []
    with bench_site() as site, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name in names:
            repeats = 1 if chosen.quick else chosen.repeats
            found = measure(runner, name, site, repeats=repeats, is_quick=chosen.quick)
            sys.stdout.write(f"{print_table(found)}\n")
            sys.stdout.flush()
            figures += found
    if not chosen.sections and not chosen.quick:
        head = f"`make bench`, {(time.monotonic() - began) / 60:.0f} minutes: {machine}"
        sys.stdout.write(f"\n{head}\n\n{print_table(figures)}\n")
        write_table(figures, head)
    if any(figure.value == NOT_MEASURED for figure in figures):
        sys.exit("Something could not be measured.")


def measure(runner: asyncio.Runner, name: str, site: LiveSite, *, repeats: int, is_quick: bool) -> list[Figure]:
    """Return a section's figures; one that breaks costs the others nothing."""
    sys.stderr.write(f"{name} …\n")
    began = time.monotonic()
    try:
        found = runner.run(SECTIONS[name](site, repeats=repeats, is_quick=is_quick))
    except Exception as error:
        traceback.print_exc()
        found = [Figure(name, f"{type(error).__name__}: {str(error)[:80]}", NOT_MEASURED)]
    sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return found


if __name__ == "__main__":
    main()
