"""Lets a test hold a worker's interpreter: Python imports this in processes that have this folder on their path."""

import ctypes
import signal
from types import FrameType

STALL_SECONDS = 20


def _stall(_number: int, _frame: FrameType | None) -> None:
    ctypes.PyDLL(None).sleep(STALL_SECONDS)  # unlike CDLL, PyDLL keeps the interpreter's lock


signal.signal(signal.SIGUSR2, _stall)
