"""Reading a running site's figures in tests."""

import time
import urllib.request
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families


def figures(address: str, name: str, **labels: str) -> dict[str, float]:
    """Return process to value of one series; the process is empty where the series is the whole site's."""
    with urllib.request.urlopen(f"{address}metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {
        one.labels.get("process", ""): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name and labels.items() <= one.labels.items()
    }


def until(condition: Callable[[], object]) -> None:
    """Wait until something of other processes holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
