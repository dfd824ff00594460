"""The child's end of `_pool.py`: answer questions, one line of JSON each, within limits of memory and CPU time.

Run as `python -m workers.graders._child MODULE SECONDS`; MODULE has a function `answer(question) -> dict`, and does on
import whatever takes long the first time.
"""

import contextlib
import json
import logging
import os
import resource
import signal
import sys
import threading
from importlib import import_module
from queue import Queue
from typing import BinaryIO

_MEMORY_BYTES = 2 * 1024**3


def main(module: str, seconds: float) -> None:
    """Answer until standard input closes."""
    logging.disable()
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not be read as an answer
    answer = import_module(module).answer
    questions: Queue[bytes] = Queue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, questions), daemon=True).start()
    _limit(resource.RLIMIT_AS, _MEMORY_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    replies.write(b"{}\n")
    while True:
        question = json.loads(questions.get())
        _allow_cpu(seconds)
        try:
            reply = answer(question)
        except MemoryError:
            reply = {"fault": "memory"}
        except RecursionError:
            reply = {"fault": "nesting"}
        except Exception as error:
            reply = {"fault": f"{type(error).__name__}: {error}"[:200]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(reply).encode() + b"\n")


def _read(source: BinaryIO, questions: "Queue[bytes]") -> None:
    for line in source:
        questions.put(line)
    os._exit(0)  # the parent is gone; whatever is being computed, nobody wants it


def _limit(kind: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS knows no limit on address space
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _allow_cpu(seconds: float) -> None:
    """Have the kernel end this process once it has used so much more CPU time, wherever it is stuck."""
    signal.setitimer(signal.ITIMER_PROF, seconds)  # nobody handles SIGPROF: it kills
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 2)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
