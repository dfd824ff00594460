"""The marks by which a text hands tasks to children and hears from them. Pure: text in, text out."""

import json
import re
from collections.abc import Sequence

from workers.core.answers import drop_thinking, extract_answer

SPAWN, SPAWNED = "<spawn>", "</spawn>"
RESULTS, RESULTS_END = "<results>", "</results>"
JOIN, JOINED = "<join>", "</join>"
NOTHING = "none"
"""What a child says that has found nothing."""

_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.){1,4000})"')


def read_tasks(text: str) -> list[str] | None:
    """Return the tasks in the block that a text ends in; None when it ends in none, empty when it cannot be read.

    A server need not say that it stopped before `</spawn>`: a block that is open at the end of the text was stopped.
    Strings in quotes are read where the list is no JSON; small models often forget a comma.

    >>> read_tasks('Try both.<spawn>["Make 24 from 8 and 3.", "Make 24 from 6 and 4."]')
    ['Make 24 from 8 and 3.', 'Make 24 from 6 and 4.']
    >>> read_tasks("The answer is 24."), read_tasks("<spawn>both")
    (None, [])
    """
    _, begin, block = text.rpartition(SPAWNED)[2].partition(SPAWN)
    if not begin:
        return None
    try:
        items = json.loads(block)
    except (ValueError, RecursionError):
        items = _QUOTED.findall(block)
    if not isinstance(items, list):
        return []
    return [item.strip() for item in items if isinstance(item, str) and item.strip()]


def read_join(text: str) -> str:
    r"""Return what a child hands back: the text it joined with, or its boxed answer, or that there is none.

    >>> read_join("2 * 12 = 24. <join>2 * 12"), read_join("So \\boxed{24}."), read_join("I wonder")
    ('2 * 12', '24', 'none')
    """
    said = drop_thinking(text)
    joined = said.rpartition(JOIN)[2].partition(JOINED)[0].strip() if JOIN in said else extract_answer(said)
    return _disarm(joined or NOTHING)


def write_results(results: Sequence[str], remark: str) -> str:
    """Return the block that a parent reads: the children's results in order of spawn, whoever was faster."""
    lines = [f"{number}: {result}" for number, result in enumerate(results, 1)]
    return "\n".join([RESULTS, *lines, *([remark] if remark else []), RESULTS_END, ""])


def _disarm(text: str) -> str:
    """Take marks out of a child's text, so that it cannot end its parent's block."""
    for mark in (SPAWN, SPAWNED, RESULTS, RESULTS_END, JOIN, JOINED):
        text = text.replace(mark, " ")  # a space, so that the halves of another mark do not meet
    return text.strip() or NOTHING
