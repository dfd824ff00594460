"""Asked in a child process by test_kill_hanging_expressions.py: what does it find there?"""

import os


def answer(question):
    taken = bytearray(question.get("bytes", 0))
    return {"environment": sorted(os.environ), "taken": len(taken)}
