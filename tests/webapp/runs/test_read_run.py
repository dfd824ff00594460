"""Reading a run without scripts: how it ended, and all that was written."""

import pytest
from django.test import Client

from tests.webapp.runs.playing import make_run, play
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)
DISTILLING = ("parallel_distill_refine", {"widths": [2, 1]})


@pytest.fixture
def ended() -> Run:
    return play(make_run("direct", DISTILLING))


def test_the_page_says_how_every_lane_ended(ended, client: Client):
    html = client.get(f"/r/{ended.id}/").content.decode()

    still = html[html.index("<noscript>") : html.index("</noscript>")]
    assert still.count("<tr>") == 1 + 2
    assert "Parallel-Distill-Refine" in still and ">42<" in still and "Right" in still
    assert f"/r/{ended.id}/text" in still


def test_the_text_has_every_draft_and_workspace(ended, client: Client):
    html = client.get(f"/r/{ended.id}/text").content.decode()

    assert html.count(r"It is \boxed{42}.") == 3
    assert html.count(r"Still \boxed{42}.") == 1
    assert html.count("Workspace 1") == 1
    assert html.index("Direct") < html.index("draft-1") < html.index("Workspace 1")


def test_model_text_is_only_text(client: Client):
    run = make_run(question="<script>alert(1)</script>")

    html = client.get(f"/r/{run.id}/text").content.decode()

    assert "<script>alert" not in html
    assert "Nothing is written yet." in html


def test_of_a_run_with_several_rows_one_is_read(client: Client):
    run = make_run(repeats=2)

    assert client.get(f"/r/{run.id}/text?row=1&repeat=2").status_code == 200
    assert client.get(f"/r/{run.id}/text").status_code == 302
    assert client.get(f"/r/{run.id}/text?row=9").status_code == 404
