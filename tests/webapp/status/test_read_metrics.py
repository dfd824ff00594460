"""Figures of every process, at one address."""

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from tests.webapp.runs.playing import make_run, play
from webapp.runs.recording import redis_now
from webapp.status.exposing import expose
from webapp.status.reporting import KEEP_SECONDS, Reporter, process_name, read_reports
from workers.metrics import FENCED_WRITES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_else():
    redis_now().flushall()


def figures(text: bytes) -> dict[tuple[str, ...], float]:
    """Return name and label values to value; fails if a series stands there twice."""
    found = [
        ((one.name, *(value for _, value in sorted(one.labels.items()))), one.value)
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    ]
    assert len(found) == len(dict(found))
    return dict(found)


def other_process(name: str, kind: str = "runs") -> Reporter:
    """Return what reports this process's figures as another's."""
    reporter = Reporter(kind)
    reporter.name = name
    return reporter


def test_one_address_shows_every_process(client: Client):
    other_process("runs@elsewhere:7").write()
    FENCED_WRITES.inc()

    response = client.get("/metrics")

    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    shown = figures(response.content)
    mine = shown["retort_fenced_writes_total", process_name("web")]
    assert shown["retort_fenced_writes_total", "runs@elsewhere:7"] == mine - 1
    assert shown["retort_processes", "runs"] == 1
    assert shown["process_resident_memory_bytes", "runs@elsewhere:7"] > 0


def test_the_answering_process_is_counted_once_and_as_it_is_now(client: Client):
    Reporter("web").write()
    before = figures(client.get("/metrics").content)["retort_fenced_writes_total", process_name("web")]
    FENCED_WRITES.inc()

    shown = figures(client.get("/metrics").content)

    assert shown["retort_fenced_writes_total", process_name("web")] == before + 1
    assert shown["retort_processes", "web"] == 1


def test_a_process_that_reports_no_more_vanishes():
    reporter = other_process("runs@elsewhere:7")
    reporter.write()
    assert 0 < redis_now().ttl("retort:{processes}:runs@elsewhere:7") <= KEEP_SECONDS

    redis_now().delete("retort:{processes}:runs@elsewhere:7")  # what its time to live does

    assert read_reports(redis_now()) == []
    assert redis_now().scard("retort:{processes}") == 0


def test_a_process_that_stops_takes_its_report_away():
    reporter = other_process("runs@elsewhere:7")
    reporter.write()
    reporter.start()

    reporter.stop()

    assert read_reports(redis_now()) == []


def test_lanes_and_queues_are_those_of_the_whole_site(client: Client):
    play(make_run("direct", "self_consistency"))
    make_run("direct", "direct")
    Redis.delete(redis_now(), "runs")
    redis_now().lpush("runs", "a task", "another")

    shown = figures(client.get("/metrics").content)

    assert (shown["retort_lanes", "queued"], shown["retort_lanes", "running"]) == (2, 0)
    assert (shown["retort_queue_length", "runs"], shown["retort_queue_length", "suites"]) == (2, 0)
    assert shown["retort_part_up", "database"] == shown["retort_part_up", "redis"] == 1


def test_without_redis_a_process_speaks_for_itself():
    shown = figures(expose(Redis(port=9)))

    assert shown["retort_part_up", "redis"] == 0
    assert ("retort_fenced_writes_total", process_name("web")) in shown


def test_a_token_keeps_others_out(client: Client, settings):
    settings.METRICS_TOKEN = "open sesame"

    refused, wrong = client.get("/metrics"), client.get("/metrics", headers={"Authorization": "Bearer sesame"})
    right = client.get("/metrics", headers={"Authorization": "Bearer open sesame"})

    assert (refused.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert b"retort_" not in refused.content
