"""A strategy searches an uploaded corpus: chosen by name, kept by digest, the same whatever happens to it later."""

import html
import re

import pytest

from tests.webapp.runs.composing import error_at, fields, post
from tests.webapp.runs.playing import make_run, play, scripted
from webapp.corpora.importing import import_corpus
from webapp.corpora.models import Corpus
from webapp.runs.continuing import continue_run
from webapp.runs.launching import BadRecipe
from webapp.runs.models import Event, Recipe, Run
from webapp.runs.queries import describe_recipe, estimate_recipe
from workers.core.values import Sampling

pytestmark = pytest.mark.django_db(transaction=True)

NORLAND = "Olaf is king.\n\nAda is queen.\n\nNorland lives on fish."
REPLIES = {"rewrite": ["The queen of Norland"], "draft": [r"It is \boxed{42}."]}


@pytest.fixture
def corpus():
    return import_corpus(content=NORLAND.encode(), name="Norland").corpus


def search(corpus, **params):
    return make_run(("retrieve_and_reason", {"corpus": corpus, "passages": 2, **params}))


def test_a_corpus_is_chosen_on_the_page_and_searched(client, served, corpus):
    form = fields(pick=["1"], lane__1__strategy="retrieve_and_reason", lane__1__params__corpus=corpus.reference)
    form |= {"lane-1-params-passages": "2", "lane-1-params-rewrite": "on"}

    page = post(client, form)

    run = Run.objects.get()
    assert page.status_code == 302
    assert Recipe.objects.get().params["corpus"] == corpus.reference
    play(run, scripted(REPLIES))
    [used] = Event.objects.filter(kind="tool_used").values_list("body", flat=True)
    assert [line.split("  ", 1)[1] for line in used["output"].splitlines()] == [
        "Ada is queen.", "Norland lives on fish.",
    ]  # fmt: skip
    assert run.lanes.get().answer_note == "2 of 3 passages read"


def test_the_page_offers_every_corpus_by_name(client, served, corpus):
    page = client.get("/?strategies=retrieve_and_reason").content.decode()

    assert f'<option value="{corpus.reference}">Norland · 3 passages</option>' in page


def test_a_run_is_begun_anew_with_the_same_corpus(client, served, corpus):
    run = search("Norland")

    page = client.get(f"/?from={run.pk}").content.decode()

    assert f'<option value="{corpus.reference}" selected>' in page


def test_programs_name_a_corpus_or_its_reference(corpus):
    search("norland")
    search(corpus.reference)

    [recipe] = Recipe.objects.all()
    assert recipe.params["corpus"] == corpus.reference
    assert describe_recipe(recipe, "?")["describe"] == "2 of ‘Norland’ · rewritten"


def test_an_unknown_corpus_is_refused(corpus):
    with pytest.raises(BadRecipe) as refused:
        search("Sudland")

    assert refused.value.field_errors == {
        "params.corpus": ["There is no corpus ‘Sudland’. Upload it first, or name one that is there."]
    }


def test_a_run_does_not_see_another_text_of_the_same_name(corpus):
    run = search("Norland")
    corpus.delete()
    import_corpus(content=b"Everything is different.", name="Norland")

    play(run, scripted(REPLIES))

    lane = run.lanes.get()
    assert (lane.status, lane.error) == (
        "failed", "The corpus of this lane was deleted. Upload the same text again, and continue the run.",
    )  # fmt: skip


def test_a_text_that_is_uploaded_again_lets_the_run_go_on(corpus):
    run = search("Norland")
    corpus.delete()
    play(run, scripted(REPLIES))

    import_corpus(content=NORLAND.encode(), name="Norland, once more")
    continue_run(run=run)
    play(run, scripted(REPLIES))

    assert (run.lanes.get().status, run.lanes.get().answer) == ("finished", "42")


def test_a_deleted_corpus_is_missed_on_the_page(client, served, corpus):
    form = fields(pick=["1"], lane__1__strategy="retrieve_and_reason", lane__1__params__corpus=corpus.reference)
    form |= {"lane-1-params-passages": "2"}
    corpus.delete()

    page = post(client, form)

    assert error_at(page, "id_lane-1-params-corpus") == (
        "The corpus ‘Norland’ is not there any more. Choose another one."
    )
    assert not Run.objects.exists()


def test_a_run_with_a_deleted_corpus_is_still_shown(client, served, corpus):
    run = play(search("Norland"), scripted(REPLIES))
    Corpus.objects.all().delete()

    page = client.get(f"/r/{run.pk}/")

    assert page.status_code == 200
    assert r"2 of \u2018Norland\u2019" in page.content.decode()


def test_the_cost_counts_the_passages_that_are_rated_and_read(corpus):
    def cost(**params):
        recipe = search("Norland", **params).lanes.get().recipe
        settings = '{"corpus": "%s", "passages": %d, "rated": %d}' % (  # noqa: UP031  # braces
            recipe.params["corpus"], recipe.params["passages"], recipe.params["rated"],
        )  # fmt: skip
        return estimate_recipe("retrieve_and_reason", settings, Sampling(), 40)

    assert cost(rated=0).calls == 2
    assert cost(rated=20).calls == 2 + 3  # it has three passages
    assert cost(passages=3).total_tokens > cost(passages=1).total_tokens


def test_a_corpus_page_leads_to_a_run_that_searches_it(client, served, corpus):
    link = re.search(r'href="(/\?strategies=[^"]+)"', client.get(f"/corpora/{corpus.pk}/").content.decode())
    assert link

    page = client.get(html.unescape(link[1])).content.decode()

    assert f'<option value="{corpus.reference}" selected>' in page
    assert client.get("/?strategies=direct&corpus=99").status_code == 404
