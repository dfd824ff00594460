"""The pages about strategies, made from the strategy files alone."""

import json
import re

import pytest

from workers import strategies

pytestmark = pytest.mark.django_db  # for what a strategy did here


@pytest.mark.parametrize("slug", strategies.catalog())
def test_every_strategy_has_a_page(client, slug):
    strategy = strategies.catalog()[slug]

    page = client.get(f"/strategies/{slug}/").content.decode()

    assert f'<h1 class="article__title">{strategy.title}</h1>' in page
    assert f'href="/?strategies={slug}"' in page
    for name in strategy.params.model_fields:
        assert f'<td class="mono nowrap">{name}</td>' in page
    for name in strategy.prompts:
        assert f"<summary>{name.lower()}</summary>" in page
    assert f"<b>{strategy.example.answer}</b>" in page


@pytest.mark.parametrize("slug", strategies.catalog())
def test_a_page_holds_the_whole_play_of_its_example(client, slug):
    page = client.get(f"/strategies/{slug}/").content.decode()

    play = json.loads(re.findall(r'<script id="example-play" type="application/json">(.*?)</script>', page)[0])
    kinds = [event["kind"] for event in play["events"]]
    assert (kinds[0], kinds[-2:]) == ("lane_started", ["answer_given", "lane_finished"])
    assert kinds.count("call_started") == strategies.catalog()[slug].example.calls
    assert {event["lane"] for event in play["events"]} == {play["facts"]["id"]}
    assert play["facts"]["shows"]["nodes"] == ("node_placed" in kinds)


@pytest.mark.parametrize(
    ("slug", "pruned"), [("confidence_voting", ["draft-5"]), ("deep_prune", ["prefix-1", "prefix-2", "prefix-3"])]
)
def test_an_example_is_cut_where_the_strategy_cuts_it(client, slug, pruned):
    page = client.get(f"/strategies/{slug}/").content.decode()

    play = json.loads(re.findall(r'<script id="example-play" type="application/json">(.*?)</script>', page)[0])
    ended = [event for event in play["events"] if event["kind"] == "call_finished"]
    assert [event["call"] for event in ended if event["finish_reason"] == "pruned"] == pruned
    assert page.count('mini__draft" data-state="pruned"') == len(pruned)


def test_an_unknown_strategy_is_not_found(client):
    assert client.get("/strategies/telepathy/").status_code == 404


def test_the_list_is_filtered_by_words(client):
    page = client.get("/strategies/?q=distill").content.decode()

    table = page.split("<table")[1]
    assert re.findall(r'href="/strategies/(\w+)/"', table) == ["parallel_distill_refine"]


def test_a_filter_without_a_hit_says_so(client):
    assert "No strategy matches “zebra”" in client.get("/strategies/?q=zebra").content.decode()


def test_costs_are_those_of_the_played_strategy(client):
    page = client.get("/strategies/parallel_distill_refine/").content.decode()

    rows = re.findall(r'<td(?: class="strong")?>([^<]+)</td><td class="num">(\d+)</td><td class="num">(\d+)</td>', page)
    assert rows[0] == ("Defaults", "9", "5")
    assert ("Distill by random k", "7", "3") in rows
    assert ("Distill by per sample topk", "10", "5") in rows


def test_a_docstring_cannot_inject_html(client, monkeypatch):
    from webapp.catalog.documentation import read_documentation

    blocks = read_documentation("Sum.\n\nCost: <script>alert(1)</script> `x` calls.")

    assert blocks[0].label == "Cost"
    assert [piece.text for piece in blocks[0].pieces] == ["<script>alert(1)</script> ", "x", " calls."]


def test_a_procedure_may_have_cases():
    from webapp.catalog.documentation import read_documentation

    first, other = read_documentation("Sum.\n\nProcedure, `offline`:\n1. Ask.\nProcedure, `online`:\n1. Wait.\n2. Ask.")

    assert [first.label, other.label] == ["Procedure", "Procedure"]
    assert [piece.text for piece in first.pieces] == ["offline", ":"]
    assert (len(first.items), len(other.items)) == (1, 2)
