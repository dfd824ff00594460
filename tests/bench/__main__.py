"""Every benchmark in turn: `make bench`. Each prints ratios or frame times measured in one run on this machine."""

import sys

from tests.bench import clients, frames

for bench in (frames, clients):
    sys.stdout.write(f"\n{(bench.__doc__ or '').splitlines()[0]}\n")
    bench.main()
