"""What a comparison will cost and how its reference is read, told while one composes it."""

import dataclasses
import re

import pytest

from tests.webapp.runs.composing import error_at, fields, post
from webapp.runs.capabilities import forget, remember
from webapp.runs.models import Run
from workers.core.capabilities import Capabilities, Finding

pytestmark = pytest.mark.django_db


def test_the_preview_counts_calls_and_depth(client, served):
    page = post(client, fields(lane__4__params__widths="8, 4, 1"), "/new/preview").content.decode()

    assert re.findall(r"(\d+) calls?, depth (\d+)", page) == [("1", "1"), ("8", "1"), ("3", "3"), ("15", "5")]


def test_the_preview_grows_with_the_length_of_a_call(client, served):
    short, long = (
        post(client, fields(sampling__max_tokens=size), "/new/preview").content.decode() for size in ("100", "1000")
    )

    assert total_of(short) < total_of(long)


def total_of(page):
    text = page.partition("<dt>Total tokens</dt><dd>")[2].partition("<")[0]
    return float(text.removesuffix("k")) * (1_000 if text.endswith("k") else 1)


def test_the_preview_tells_faults_at_their_fields(client, served):
    response = post(client, fields(lane__4__params__widths="8, 4"), "/new/preview")

    assert error_at(response, "id_lane-4-params-widths") == "The last width must be 1: its draft is the answer."
    assert "Correct the settings to see the cost." in response.content.decode()


def test_more_calls_than_a_lane_may_make_are_refused_before_they_are_played(client, served):
    texts = fields(pick=["4"], lane__4__params__widths="200, 50, 1", lane__4__params__distiller="per_sample_topk")

    response = post(client, texts)

    sentence = "These settings ask for more than 256 calls, which is the most of one lane. Ask for fewer."
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Run.objects.exists()


def test_a_call_longer_than_the_context_is_warned_of(client, settings):
    from tests.fixtures_model_server import run_model_server

    with run_model_server("--context", "600") as server:
        settings.MODEL_SERVER = dataclasses.replace(settings.MODEL_SERVER, base_url=server.base_url, model="scripted")
        page = post(client, fields(sampling__max_tokens="512"), "/new/preview").content.decode()

    assert re.search(r"A call may need [\d,]+ tokens; the model&#x27;s context holds 600\.", page)


@pytest.mark.parametrize(
    ("does_think", "tokens", "is_warned"), [(True, 512, True), (True, 4096, False), (False, 512, False)]
)
def test_calls_too_short_for_a_model_that_thinks_are_warned_of(client, served, does_think, tokens, is_warned):
    found = Capabilities(model="scripted", findings={"thinking": Finding(is_there=does_think)})
    remember("scripted", "it", found)

    page = post(client, fields(pick=["1"], sampling__max_tokens=str(tokens)), "/new/preview").content.decode()

    forget("scripted")
    assert (f"thinks before it answers; {tokens:,} tokens per call may end in the thought" in page) == is_warned


def test_the_reading_says_what_counts_as_right(client, served):
    page = post(client, fields(answer="1,200", grader="number"), "/new/reading").content.decode()

    assert "Reads <b>1,200</b> as right. Strategies never see the reference." in page


def test_the_reading_refuses_what_the_grader_cannot_read(client, served):
    response = post(client, fields(answer="forty-two", grader="number"), "/new/reading")

    assert error_at(response, "id_answer") == "The reference answer 'forty-two' is not a number."


def test_without_a_reference_lanes_are_not_judged(client, served):
    page = post(client, fields(answer=""), "/new/reading").content.decode()

    assert "Without a reference answer, lanes are not judged." in page
