"""The worker's ledger on the cases that the browser's (tests/js/ledger.test.mjs) is checked on too."""

import json
from pathlib import Path
from typing import Any

import pytest

from workers.core.ledger import GivenUp, Spent, sum_up
from workers.core.values import Usage

CASES = json.loads((Path(__file__).parents[2] / "js/ledger_cases.json").read_text())
FIELDS = ("critical_path_tokens", "total_tokens", "depth", "peak_context", "wasted_tokens", "failed_calls", "retries")


def _spent(call: dict[str, Any]) -> Spent:
    usage = Usage(prompt_tokens=call["prompt"], completion_tokens=call["completion"])
    return Spent(
        call["key"], tuple(call["after"]), usage, call["state"], call["is_wasted"],
        GivenUp(call["retries"], call["abandoned"], call.get("abandoned_prompt", 0)),
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_ledger_is_the_browsers(case):
    ledger = sum_up(_spent(call) for call in case["calls"])

    assert {field: getattr(ledger, field) for field in FIELDS} == {field: case[field] for field in FIELDS}
    assert list(ledger.critical_path) == case["critical_path"]
    assert ledger.calls == case["calls_count"]
