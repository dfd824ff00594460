"""Behind a proxy that ends TLS: who is sent to https, and whose word counts."""

import http.client
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.site.stack import free_ports
from webapp.local import parts, site

pytestmark = pytest.mark.django_db
YEAR = "max-age=31536000; includeSubDomains"


@pytest.fixture
def https_only(settings):
    settings.SECURE_SSL_REDIRECT = settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_HSTS_SECONDS = 365 * 24 * 3600


def test_a_visitor_is_sent_to_https_and_told_to_stay(client: Client, https_only):
    plain, safe = client.get("/strategies/"), client.get("/strategies/", secure=True)

    assert (plain.status_code, plain["Location"]) == (301, "https://testserver/strategies/")
    assert (safe.status_code, safe["Strict-Transport-Security"]) == (200, YEAR)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_who_asks_from_inside_is_not_sent_away(client: Client, https_only, path: str):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(("believed", "status"), [("127.0.0.1", 200), ("192.0.2.1", 301)])
def test_only_the_proxy_may_say_that_it_was_https(tmp_path: Path, believed: str, status: int):
    [port] = free_ports(1)
    environment = {"HTTPS_ONLY": "1", "FORWARDED_ALLOW_IPS": believed, "DATABASE_URL": settings.DATABASE_URL,
                   "REDIS_URL": settings.REDIS_URL}  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(
            parts.running(site.web(host="127.0.0.1", port=port, environment=environment), tmp_path / "web.log")
        )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

        connection.request("GET", "/api/v1/openapi.json", headers={"X-Forwarded-Proto": "https"})

        assert connection.getresponse().status == status
        connection.close()
