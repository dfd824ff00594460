"""Programs: start a run, read it, follow its facts, stop it; and what they hear when they ask for nonsense."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.fixtures_model_server import ROOT, ModelServer
from tests.webapp.runs.playing import make_run, play
from webapp import settings as site
from webapp.problems.models import Problem
from webapp.runs.models import Lane, Run

pytestmark = pytest.mark.django_db(transaction=True)
VAST = {"strategy": "self_consistency", "params": {"drafts": 256}, "sampling": {"max_tokens": 131_072}}
PROBLEM = {"question": "What is 6 times 7?", "answer": "42", "grader": "number"}


@pytest.fixture(autouse=True)
def server(settings: Settings, model_server: ModelServer) -> ModelServer:
    settings.MODEL_SERVER = site.ModelServer(model_server.base_url, "", "")
    return model_server


def post(client: Client, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    response = client.post(f"/api/v1{path}", body, content_type="application/json", headers=headers)
    return response.status_code, response.json()


def start(client: Client, **changes: Any) -> tuple[int, dict[str, Any]]:
    return post(client, "/runs", {"problem": PROBLEM, "recipes": [{"strategy": "direct"}]} | changes)


def test_a_run_is_created_with_a_lane_for_each_recipe(client: Client) -> None:
    status, body = start(client, recipes=[{"strategy": "direct"}, {"strategy": "self_consistency"}])

    run = Run.objects.get()
    assert status == 201
    assert body == {
        "id": run.id,
        "url": f"http://testserver/r/{run.id}/",
        "status": "queued",
        "lanes": [{"id": lane.pk, "strategy": lane.recipe.strategy, "status": "queued"} for lane in run.lanes.all()],
        "notes": [],
    }
    assert [lane["strategy"] for lane in body["lanes"]] == ["direct", "self_consistency"]


def test_a_finished_run_is_read_with_rounds_drafts_and_workspaces(client: Client) -> None:
    run = play(make_run("parallel_distill_refine"))

    body = client.get(f"/api/v1/runs/{run.id}").json()

    [lane] = body["lanes"]
    assert (body["status"], lane["answer"], lane["verdict"]) == ("finished", "42", "right")
    assert lane["usage"]["total_tokens"] == Lane.objects.get().total_tokens > 0
    assert [shown["name"] for shown in lane["rounds"]] == list(
        run.events.filter(kind="round_opened").values_list("body__name", flat=True)
    )
    assert sum(len(shown["calls"]) for shown in lane["rounds"]) == lane["usage"]["calls"]
    assert any(shown["workspaces"] for shown in lane["rounds"])
    assert lane["rounds"][0]["calls"][0]["text"] == r"It is \boxed{42}."


def test_facts_come_in_order_and_from_a_cursor(client: Client) -> None:
    run = play(make_run("direct"))

    whole = client.get(f"/api/v1/runs/{run.id}/events").json()
    rest = client.get(f"/api/v1/runs/{run.id}/events?after={whole['cursor']}").json()

    assert [fact["kind"] for fact in whole["events"]][:2] == ["lane_started", "round_opened"]
    assert whole["events"][-1]["kind"] == "run_ended"
    assert rest == {"events": [], "cursor": whole["cursor"], "status": "finished"}


def test_a_stopped_run_says_so(client: Client) -> None:
    run = make_run("direct", "self_consistency")

    status, body = post(client, f"/runs/{run.id}/cancel", {})

    assert (status, body["status"]) == (200, "cancelled")
    assert {lane["status"] for lane in body["lanes"]} == {"cancelled"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipes": [{"strategy": "magic"}]}, "There is no strategy 'magic'"),
        ({"recipes": [{"strategy": "self_consistency", "params": {"drafts": 10_000}}]}, "params.drafts"),
        ({"recipes": [{"strategy": "direct", "sampling": {"temperature": 9}}]}, "sampling.temperature"),
        ({"recipes": [{"strategy": "direct", "model": "gpt-9"}]}, "no model 'gpt-9'; it has scripted"),
        ({"recipes": [VAST]}, "may use more than"),
        ({"recipes": []}, "recipes"),
        ({"problem": {"question": " "}}, "Write a problem"),
        ({"problem": {"question": "x" * 70_000}}, "the most is 65,536"),
        ({"problem": {"question": "a\x00b"}}, "NUL"),
        ({"problem": {"question": "half \ud83d"}}, "lone surrogate"),
        ({"problem": {**PROBLEM, "answer": "forty-two or so"}}, "forty-two or so"),
        ({"problem": {**PROBLEM, "grader": "oracle"}}, "grader"),
        ({"problem": {"id": 987654}}, "There is no problem 987654."),
        ({"budget": {"total_tokens": 0}}, "total_tokens"),
        ({"surprise": 1}, "surprise"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_words_and_starts_nothing(client: Client, changes: Any, words: str) -> None:
    status, body = start(client, **changes)

    assert status == 422
    assert words in str(body["detail"])
    assert not Run.objects.exists()
    assert not Problem.objects.exists()


def test_a_server_that_is_down_is_said_before_anything_starts(client: Client, settings: Settings) -> None:
    settings.MODEL_SERVER = site.ModelServer("http://127.0.0.1:9/v1", "", "")

    status, body = start(client)

    assert status == 503
    assert body["detail"] == (
        "The model server at http://127.0.0.1:9/v1 does not answer. Start it, or point VLLM_BASE_URL to another."
    )
    assert not Run.objects.exists()


def test_a_server_that_is_not_to_be_trusted_is_said_before_anything_starts(client: Client, settings: Settings) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ROOT / "tests/workers/backends/certificates/self_signed.pem")

    def shake_hands() -> None:
        with pytest.raises(ssl.SSLError):  # it is refused
            context.wrap_socket(listening.accept()[0], server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        address = f"https://127.0.0.1:{listening.getsockname()[1]}/v1"
        settings.MODEL_SERVER = site.ModelServer(address, "", "")
        handshake = pool.submit(shake_hands)
        status, body = start(client)
        handshake.result(timeout=10)

    assert status == 503
    assert body["detail"] == (
        f"The model server at {address} shows a certificate that is not trusted: self-signed certificate. "
        "Check the name in VLLM_BASE_URL, renew the certificate, or name its authority in SSL_CERT_FILE."
    )


def test_what_a_form_on_another_site_can_send_is_refused(client: Client) -> None:
    response = client.post("/api/v1/runs", b'{"problem": {}}', content_type="text/plain")
    foreign, _ = post(client, "/runs", {}, **{"Sec-Fetch-Site": "cross-site"})

    assert (response.status_code, foreign) == (415, 415)
    assert not Run.objects.exists()


def test_strategies_are_listed_with_parameters_and_cost(client: Client) -> None:
    listed = {entry["slug"]: entry for entry in client.get("/api/v1/strategies").json()}

    assert {"direct", "self_consistency", "sequential_refinement", "parallel_distill_refine"} <= set(listed)
    assert listed["self_consistency"]["cost"]["calls"] == 8
    assert listed["self_consistency"]["params"]["properties"]["drafts"]["maximum"] <= 256


def test_the_interface_describes_itself(client: Client) -> None:
    described = client.get("/api/v1/openapi.json").json()

    assert {"/api/v1/runs", "/api/v1/runs/{run_id}", "/api/v1/runs/{run_id}/events", "/api/v1/strategies"} <= set(
        described["paths"]
    )


def test_health_and_readiness(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["parts"] == {
        "database": "ok", "redis": "ok", "model_server": "ok", "workers": "does not answer (LookupError)"
    }  # fmt: skip


def test_runs_are_not_for_search_engines(client: Client) -> None:
    run = make_run("direct")

    assert client.get(f"/r/{run.id}/snapshot")["X-Robots-Tag"] == "noindex, nofollow"
    assert len(run.id) == 22
