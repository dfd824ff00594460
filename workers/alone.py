"""One lane in a process of its own, since it was there when workers died: `python -m workers.alone RUN LANE`.

If this process dies too, nothing else can have killed it. It hands the lane over when its standard input ends, that
is when the worker that started it does.
"""

import os
import signal
import sys
import threading
from importlib import import_module

import structlog

from workers.app import app

log = structlog.get_logger(__name__)


def main(run_id: str, lane_id: int) -> None:
    """Work on the lane until it has ended or is handed over. The process then ends with 0, unless it is killed."""
    app.loader.import_default_modules()  # as a worker begins: the site's models can be loaded now
    tasks = import_module("workers.tasks")

    def end_with_input() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock would be held when the interpreter ends
        tasks.workplace.close()

    threading.Thread(target=end_with_input, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: tasks.workplace.close())
    try:
        tasks.workplace.work(tasks.crew_of(run_id, alone=True), [lane_id])
    except Exception:  # the database is away, for example: that is nothing against the lane
        log.exception("alone_failed", run=run_id, lane=lane_id)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
