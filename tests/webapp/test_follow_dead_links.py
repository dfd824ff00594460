"""Who follows a link that leads nowhere, or meets a fault of ours, is told so on a page of this site."""

import pytest
from django.test import Client
from django.urls import reverse
from django.views.defaults import server_error

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/nowhere/", "/r/no-such-run/", "/strategies/telepathy/", "/corpora/99/"])
def test_a_dead_link_leads_to_a_page_that_leads_on(client: Client, path: str):
    response = client.get(path)

    page = response.content.decode()
    assert response.status_code == 404
    assert f"<code>{path}</code>" in page
    assert reverse("runs") in page


def test_what_stands_in_a_dead_link_is_text(client: Client):
    page = client.get("/<script>alert(1)</script>/").content.decode()

    assert "%3Cscript%3E" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/runs"])
def test_a_program_is_told_in_json(client: Client, path: str):
    response = client.get(path)

    assert response.status_code == 404
    assert "openapi.json" in response.json()["detail"]


def test_a_fault_of_ours_has_a_page_that_needs_nothing(rf):
    response = server_error(rf.get("/"))

    assert response.status_code == 500
    assert "nothing of them is lost" in response.content.decode()
