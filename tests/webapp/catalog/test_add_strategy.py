"""A newcomer adds a strategy: one file, dropped into the folder, and every page knows it."""

import re
import sys

import pytest

import workers.strategies
from tests.webapp.board.builders import make_suite
from tests.webapp.runs.composing import fields, post
from tests.webapp.runs.playing import play, scripted
from webapp.catalog import queries
from webapp.runs.launching import RecipeSpec, start_run
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

NEW_FILE = r'''"""Ask, and ask again.

The second answer counts.

Cost: asks calls. Depth: the same.
Source: this test.
"""

from pydantic import Field

from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer

ASK = "$question Answer in a box."


class Params(StrategyParams):
    """How often."""

    asks: int = Field(2, ge=1, le=9, title="Asks", description="Calls, one after the other.")


EXAMPLE = Example(
    question="What is 6 times 7?", params={}, replies={"draft": (r"\boxed{41}", r"\boxed{42}")},
    answer="42", calls=2, depth=2,
)


@strategy(
    title="Ask Again", short="Again", family="refine", source="this test", params=Params, example=EXAMPLE,
    describe=lambda params: f"{params.asks} asks",
)
async def ask_again(problem, lane, params):
    reply = None
    async with lane.round("Asks"):
        for _ in range(params.asks):
            reply = await lane.ask(fill(ASK, question=problem.question), role="draft", after=reply)
    return Answer.from_reply(reply)
'''


@pytest.fixture
def new_strategy(tmp_path):
    """A file `ask_again.py` in a folder of the package `workers.strategies`."""
    (tmp_path / "ask_again.py").write_text(NEW_FILE)
    workers.strategies.__path__.append(str(tmp_path))
    _forget()
    yield "ask_again"
    workers.strategies.__path__.remove(str(tmp_path))
    sys.modules.pop("workers.strategies.ask_again", None)
    _forget()


def _forget():
    workers.strategies.catalog.cache_clear()
    queries.find_entry.cache_clear()


def test_the_catalog_explains_it(client, new_strategy):
    listed = client.get("/strategies/").content.decode()
    page = client.get("/strategies/ask_again/").content.decode()

    assert "Ask Again" in listed
    assert "The second answer counts." in page
    assert "Asks: 2 drafts. Calls: 2, 2 in sequence." in page
    assert re.search(r"<td>Asks 4</td><td[^>]*>4</td><td[^>]*>4</td>", page)
    assert "<summary>ask</summary>" in page


def test_it_is_composed_run_and_shown(client, served, new_strategy):
    page = client.get("/?strategies=ask_again").content.decode()
    number = re.findall(r'name="lane-(\d+)-strategy" value="ask_again"', page)[0]
    assert f'name="lane-{number}-params-asks" value="2"' in page

    texts = fields()
    number = next(name.split("-")[1] for name, slug in texts.items() if slug == "ask_again")
    texts.setlist("pick", [number])
    texts[f"lane-{number}-params-asks"] = "3"
    response = post(client, texts)
    run = play(Run.objects.get(), scripted({"draft": (r"\boxed{42}",) * 3}))

    assert list(run.lanes.values_list("answer", "calls", "depth")) == [("42", 3, 3)]
    assert "Ask Again" in client.get(response.url).content.decode()
    assert "Ask Again" in client.get("/runs/").content.decode()


def test_it_gets_its_row_on_the_leaderboard(client, new_strategy):
    suite = make_suite(problems=2)
    run = start_run(
        problems=list(suite.problems.order_by("places__position")),
        recipes=[RecipeSpec("ask_again", {}, "scripted", {})],
        suite=suite,
    )
    play(run, scripted({"draft": (r"\boxed{2}",) * 2}))

    page = client.get("/leaderboards/sums/").content.decode()

    assert "Ask Again" in page
    assert "50.0" in page
