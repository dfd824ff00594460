"""The pool of children: what hangs is killed, and everybody else is served."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workers.graders import are_equal, catalog
from workers.graders._pool import KillablePool, PoolBroken, TookTooLong

ROOT = Path(__file__).parents[3]
TOWER = "2003^{2002^{2001}}"


@pytest.fixture
def pool():
    pool = KillablePool("workers.graders._maths", size=2, seconds=1.0)
    yield pool
    pool.close()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid):
    while is_running(pid):
        time.sleep(0.05)


def test_no_child_is_started_before_the_first_question(pool):
    before = pool.pids()

    pool.ask({"gold": "x+1", "other": "1+x"})

    assert before == []
    assert len(pool.pids()) == 1


def test_a_hanging_expression_is_given_up_and_its_process_is_gone(pool):
    pool.ask({"gold": "5"})
    (hanging,) = pool.pids()

    with pytest.raises(TookTooLong, match=r"^it took longer than 1 seconds$"):
        pool.ask({"gold": "5", "other": TOWER})

    assert not is_running(hanging)


def test_the_next_question_after_a_kill_is_answered(pool):
    with pytest.raises(TookTooLong):
        pool.ask({"gold": "5", "other": TOWER})

    assert pool.ask({"gold": "x+1", "other": "1+x"})["is_equal"]


def test_a_child_killed_by_somebody_else_is_replaced(pool):
    pool.ask({"gold": "5"})
    (child,) = pool.pids()

    os.kill(child, signal.SIGKILL)

    assert pool.ask({"gold": "x+1", "other": "1+x"})["is_equal"]


def test_a_hanging_expression_does_not_hold_up_its_neighbour(pool):
    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(pool.ask, {"gold": "5", "other": TOWER})
        neighbour = threads.submit(pool.ask, {"gold": "x+1", "other": "1+x"})

        assert neighbour.result()["is_equal"]
        with pytest.raises(TookTooLong):
            hanging.result()


def test_many_threads_share_the_few_children(pool):
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(pool.ask, [{"gold": f"x+{n}", "other": f"{n}+x"} for n in range(64)]))

    assert all(reply["is_equal"] for reply in replies)
    assert len(pool.pids()) <= 2


async def test_coroutines_grade_in_threads_all_at_once():
    grade = catalog()["boxed_math"].grade
    pairs = [(f"x+{n}", f"{n}+x") for n in range(1, 20)]

    verdicts = await asyncio.gather(*(asyncio.to_thread(grade, one, one, two, {}) for one, two in pairs))

    assert {verdict.ruling for verdict in verdicts} == {"right"}


def test_an_interrupted_question_does_not_answer_the_next(pool):
    class Interrupt(BaseException):
        pass

    def interrupt(*_args):
        raise Interrupt

    pool.ask({"gold": "5"})
    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    with pytest.raises(Interrupt):
        pool.ask({"gold": "5", "other": TOWER})
    signal.signal(signal.SIGALRM, old)

    assert pool.ask({"gold": "5", "other": "6"})["is_equal"] is False


def test_a_module_that_does_not_exist_is_our_fault_and_said_so():
    pool = KillablePool("workers.graders._no_such_module", size=1, seconds=1.0)

    with pytest.raises(PoolBroken, match=r"^The grading process did not start \(exit code 1\)\.$"):
        pool.ask({})

    pool.close()


@pytest.mark.parametrize("other", ["x+2", TOWER], ids=["idle", "hanging"])
def test_no_child_outlives_a_parent_that_is_killed(other):
    script = f"""
import threading
from workers.graders._pool import KillablePool
pool = KillablePool("workers.graders._maths", size=1, seconds=600)
pool.ask({{"gold": "x+1", "other": "1+x"}})
print(*pool.pids(), flush=True)
pool.ask({{"gold": "x+1", "other": {other!r}}})
print("answered", flush=True)
threading.Event().wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    if other != TOWER:
        parent.stdout.readline()

    parent.kill()
    parent.wait()
    parent.stdout.close()

    wait_until_gone(child)  # hangs, and fails by the suite's time limit, if the child stays


def test_no_child_outlives_a_parent_that_ends():
    script = "from workers.graders import are_equal, boxed_math as b; are_equal('x+1', '1+x'); print(*b._POOL.pids())"

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip()
    assert not any(is_running(int(pid)) for pid in done.stdout.split())


def test_a_child_knows_no_secret_of_its_parent(monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    pool = KillablePool("tests.workers.graders.surroundings", size=1, seconds=1.0)

    reply = pool.ask({})

    pool.close()
    assert "PATH" in reply["environment"]
    assert "VLLM_API_KEY" not in reply["environment"]


def test_a_child_that_only_waits_is_killed_by_its_parent():
    pool = KillablePool("tests.workers.graders.surroundings", size=1, seconds=0.5)
    pool.ask({})
    (waiting,) = pool.pids()

    with pytest.raises(TookTooLong, match=r"^it took longer than 2 seconds$"):
        pool.ask({"sleep": 600})

    pool.close()
    assert not is_running(waiting)


def test_a_child_that_takes_too_much_memory_says_so():
    pool = KillablePool("tests.workers.graders.surroundings", size=1, seconds=3.0)

    reply = pool.ask({"bytes": 8 * 1024**3})

    pool.close()
    assert reply == {"fault": "memory"}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [("1/2", "0.5", True), ("x+1", "1+x", True), ("5", "6", False), ("5", TOWER, False), ("}{", "5", False)],
)
def test_votes_merge_what_is_mathematically_equal(one, other, is_same):
    assert are_equal(one, other) is is_same


def test_a_timeout_is_never_called_wrong():
    verdict = catalog()["boxed_math"].grade("", TOWER, "5", {})

    assert verdict.ruling == "timeout"
    assert verdict.explanation == "The comparison with 5 was given up: it took longer than 3 seconds."
