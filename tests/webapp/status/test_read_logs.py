"""What the logs of a site say when things go wrong: whose lines they are, and no secret, prompt or text in any."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.fixtures_model_server import run_model_server
from tests.model_server import Rule
from tests.serving.rules import Piece
from tests.site.live import running_site
from tests.site.stack import DATABASE_PASSWORD
from tests.webapp.status.scraping import until

KEY = "sk-live-0123456789abcdef"
TOKEN = "metrics-0123456789"
PROMPT, TEXT = "zebracrossing", "platypusbill"
FAULT = json.dumps({"error": {"message": f"No capacity for Bearer {KEY}, who asked: {PROMPT}"}}).encode()
FAILED = b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(FAULT), FAULT)
REQUEST_ID = "request-of-the-test"


class Aftermath(NamedTuple):
    """A site that has seen a lane succeed, one fail, and its database lose a table."""

    logs: dict[str, list[dict[str, Any]]]
    text: str
    failed_run: str
    failed_lane: dict[str, Any]
    answer: urllib.error.HTTPError


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    var = tmp_path_factory.mktemp("site")
    variables = {"VLLM_API_KEY": KEY, "METRICS_TOKEN": TOKEN, "LOG_FORMAT": "json"}
    with run_model_server() as server, running_site(server, var, variables=variables) as site:
        server.script(Rule(match="fail", raw=(Piece(data=FAILED),)), Rule(replies=(f"{TEXT} \\boxed{{42}}",)))
        failed, good = (site.start("direct", question=f"{PROMPT} {word}") for word in ("fail", "pass"))
        until(lambda: {site.lanes(page)[0]["status"] for page in (failed, good)} == {"failed", "finished"})
        lane = site.lanes(failed)[0]
        with psycopg.connect(site.environment["DATABASE_URL"]) as database:
            database.execute("ALTER TABLE runs_lane RENAME TO gone")
        answer = fetch(failed)
        until(lambda: "sweep_failed" in site.processes["worker-1"].log.read_text())
        logs = {name: read_lines(process.log) for name, process in site.processes.items()}
        text = "".join(path.read_text() for path in var.glob("*.log"))
    yield Aftermath(logs, text, failed.rstrip("/").rsplit("/", 1)[-1], lane, answer)


def fetch(address: str) -> urllib.error.HTTPError:
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(urllib.request.Request(address, headers={"X-Request-ID": REQUEST_ID}), timeout=20)
    failure.value.close()
    return failure.value


def read_lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_no_line_holds_a_secret(aftermath: Aftermath):
    secrets = {"key": KEY, "database": DATABASE_PASSWORD, "metrics": TOKEN, "site": "for tests only"}

    assert [name for name, secret in secrets.items() if secret in aftermath.text] == []


def test_no_line_holds_a_prompt_or_a_models_text(aftermath: Aftermath):
    assert [text for text in (PROMPT, TEXT) if text in aftermath.text] == []


def test_a_key_that_the_server_repeats_is_not_shown_either(aftermath: Aftermath):
    assert f"No capacity for Bearer ***, who asked: {PROMPT}" in aftermath.failed_lane["error"]


def test_every_line_about_a_lane_names_it_and_its_run(aftermath: Aftermath):
    told = [line for line in aftermath.logs["worker-1"] if line["logger"].startswith("workers.") and "runs" not in line]
    mine = [line for line in told if line.get("lane") == aftermath.failed_lane["id"]]

    assert [line["event"] for line in mine] == ["lane_claimed", *["request_failed"] * 3, "lane_failed"]
    assert {line["run"] for line in mine} == {aftermath.failed_run}
    assert {line["call"] for line in mine if line["event"] == "request_failed"} == {"draft-1"}
    assert all("run" in line and "lane" in line for line in told if line["event"] != "sweep_failed")


def test_the_web_servers_own_lines_are_like_ours(aftermath: Aftermath):
    assert "uvicorn.error" in {line["logger"] for line in aftermath.logs["web-1"]}


def test_a_visitor_can_name_the_request_that_failed(aftermath: Aftermath):
    [line] = [line for line in aftermath.logs["web-1"] if line.get("request") == REQUEST_ID and "exception" in line]

    assert aftermath.answer.code == 500
    assert aftermath.answer.headers["X-Request-ID"] == REQUEST_ID
    assert line["run"] == aftermath.failed_run
    assert line["exception"].count("UndefinedTable: relation") == 1
    assert "LINE 1" not in aftermath.text
