"""Saving a recipe under a name, using it again, comparing several: by the page and by the JSON interface."""

import html
import re

import pytest

from tests.webapp.runs.composing import error_at, fields, post
from tests.webapp.runs.playing import make_run, play
from webapp.runs.budgets import MOST_CALLS
from webapp.runs.launching import RecipeSpec
from webapp.runs.models import Recipe, Run, SavedRecipe
from webapp.runs.queries import describe_recipe
from webapp.runs.saving import save_recipe

pytestmark = pytest.mark.django_db(transaction=True)


def save(name="Wide vote", strategy="self_consistency", params=None, **sampling):
    return save_recipe(
        name=name, spec=RecipeSpec(strategy, {"drafts": 5} if params is None else params, "scripted", sampling)
    )


def texts(response):
    return html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))


# --- saving ----------------------------------------------------------------------------------------------------


def test_a_card_is_saved_with_all_its_settings(client, served):
    form = fields(sampling__max_tokens="300", lane__2__params__drafts="5", lane__2__sampling__temperature="0.2")
    form["lane-2-name"], form["do"] = "  Wide   vote ", "save:2"

    page = post(client, form)

    saved = SavedRecipe.objects.get()
    assert (saved.name, saved.recipe.strategy, saved.recipe.model) == ("Wide vote", "self_consistency", "scripted")
    assert saved.recipe.params == {"drafts": 5}
    assert saved.recipe.sampling == {"temperature": 0.2, "top_p": 0.95, "max_tokens": 300}
    assert "Saved as  Wide vote ." in texts(page)
    assert not Run.objects.exists()


def test_saving_the_same_again_changes_nothing(client, served):
    form = fields(do="save:2", lane__2__name="Wide vote")

    post(client, form)
    page = post(client, form)

    assert SavedRecipe.objects.count() == 1
    assert "Saved as" in texts(page)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Give the recipe a name."),
        (" \t ", "Give the recipe a name."),
        ("x" * 81, "The name has 81 letters; the most is 80. Shorten it."),
        ("nul\0", "The name holds a letter that cannot be shown. Delete it."),
        ("wide VOTE", "‘Wide vote’ is another recipe, of Self-consistency. Choose another name."),
    ],
    ids=["empty", "blank", "long", "nul", "taken"],
)
def test_a_name_that_will_not_do_is_refused_at_its_field(client, served, name, sentence):
    save()

    page = post(client, fields(do="save:1", lane__1__name=name))

    assert error_at(page, "id_lane-1-name") == sentence
    assert SavedRecipe.objects.count() == 1


def test_a_card_with_a_fault_is_not_saved(client, served):
    page = post(client, fields(do="save:2", lane__2__name="Many", lane__2__params__drafts="many"))

    assert error_at(page, "id_lane-2-name") == "Correct the settings first; nothing was saved."
    assert not SavedRecipe.objects.exists()


# --- using again -----------------------------------------------------------------------------------------------


def test_a_saved_recipe_is_added_to_a_comparison_and_run_as_it_was_saved(client, served):
    saved = save(temperature=0.1)
    form = fields(pick=["1"], saved=str(saved.pk), do="use")

    page = post(client, form).content.decode()
    number = re.findall(r'name="lane-(\d+)-name"[^>]* value="Wide vote"', page)[0]
    lane = f"lane-{number}-"
    form.pop("do")
    form.setlist("card", [*form.getlist("card"), number])
    form.setlist("pick", ["1", number])
    form[f"{lane}strategy"] = "self_consistency"
    typed = re.findall(rf'name="{lane}([\w-]+)" value="([^"]*)"', page)
    chosen = re.findall(
        rf'<select name="{lane}([\w-]+)"[^>]*>(?:\s*<option[^>]*>[^<]*</option>)*?\s*<option value="([^"]*)" selected',
        page,
    )
    for name, value in (*typed, *chosen):
        form[lane + name] = value
    post(client, form)

    used = Run.objects.get().lanes.get(column=2).recipe
    assert used == saved.recipe


def test_ticked_recipes_are_compared(client, served):
    first, second = save(), save("Narrow vote", params={"drafts": 3}, max_tokens=99)

    page = client.get(f"/?recipe={second.pk}&recipe={first.pk}&recipe=999&recipe=x").content.decode()

    assert re.findall(r'-params-drafts" value="(\d+)"', page)[:2] == ["3", "5"]
    assert re.findall(r'name="lane-\d+-name"[^>]* value="([^"]+)"', page) == ["Narrow vote", "Wide vote"]


def test_a_recipe_whose_strategy_is_gone_is_shown_and_not_used(client, served):
    saved = save()
    Recipe.objects.filter(pk=saved.recipe_id).update(strategy="gone")

    page = client.get("/recipes/")

    assert "cannot be used any more: the strategy has changed" in texts(page)
    assert "disabled" in page.content.decode()
    assert client.get(f"/?recipe={saved.pk}").status_code == 200


# --- the list --------------------------------------------------------------------------------------------------


def test_the_list_says_what_recipes_cost_and_how_their_lanes_went(client, served):
    save(params={"drafts": 3})
    save("Unused", "direct", {})
    play(make_run(("self_consistency", {"drafts": 3})))

    rows = [texts_of_row(row) for row in re.findall(r'<tr id="recipe-.*?</tr>', page_of(client), re.S)]

    assert rows[0][:3] == [
        "Unused Direct",
        "long chain of thought T 0.8 · top-p 0.95 · tokens per call 512",
        "scripted",
    ]
    assert rows[0][6:9] == ["–", "–", "–"]
    assert rows[1][0] == "Wide vote Self-consistency"
    assert (rows[1][3], rows[1][6]) == ("3", "1 of 1")


def test_a_recipe_too_large_for_a_lane_is_shown_as_far_as_it_was_played(client, served):
    save(strategy="process_evaluation", params={"drafts": 64, "steps": 32, "verdicts": 16})

    assert client.get("/recipes/").status_code == 200
    told = client.get("/api/v1/recipes").json()
    assert "Wide vote" in str(told)
    [words] = [describe_recipe(saved.recipe, "Why?")["estimate"] for saved in SavedRecipe.objects.all()]
    assert words["is_cut"]
    assert words["calls"] <= MOST_CALLS


def page_of(client):
    return client.get("/recipes/").content.decode()


def texts_of_row(row):
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)[1:]
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in cells]


def test_an_empty_list_says_where_recipes_are_saved(client, served):
    assert "No recipe is saved yet." in texts(client.get("/recipes/"))
    assert "A saved recipe" not in texts(client.get("/"))


def test_the_list_asks_the_database_no_more_for_more_recipes(client, served, django_assert_num_queries):
    for number in range(5):
        save(f"Vote {number}", params={"drafts": number + 1})

    with django_assert_num_queries(2):
        client.get("/recipes/")


def test_a_recipe_is_renamed(client, served):
    saved = save()

    response = client.post(f"/recipes/{saved.pk}/rename", {"name": "WIDE vote"}, follow=True)

    assert "The recipe is called ‘WIDE vote’ now." in texts(response)
    assert SavedRecipe.objects.get().name == "WIDE vote"


def test_a_name_that_is_taken_is_refused_beside_the_recipe(client, served):
    save()
    other = save("Other", "direct", {})

    response = client.post(f"/recipes/{other.pk}/rename", {"name": "wide vote"})

    assert response.status_code == 422
    assert "‘Wide vote’ is another recipe, of Self-consistency." in texts(response)
    assert 'value="wide vote"' in response.content.decode()
    assert set(SavedRecipe.objects.values_list("name", flat=True)) == {"Other", "Wide vote"}


def test_a_deleted_recipe_leaves_its_runs_alone(client, served):
    saved = save(params={"drafts": 3})
    run = play(make_run(("self_consistency", {"drafts": 3})))

    response = client.post(f"/recipes/{saved.pk}/delete", follow=True)

    assert "‘Wide vote’ is deleted. Runs with it stay as they are." in texts(response)
    assert run.lanes.get().recipe.params == {"drafts": 3}
    assert client.post(f"/recipes/{saved.pk}/delete").status_code == 404


# --- for programs ----------------------------------------------------------------------------------------------


def send(client, path, body, method="post"):
    response = getattr(client, method)(f"/api/v1{path}", body, content_type="application/json")
    return response.status_code, response.json() if response.content else None


def test_programs_save_list_rename_and_delete(client, served):
    status, saved = send(client, "/recipes", {"name": "Quick", "strategy": "direct", "sampling": {"max_tokens": 64}})
    assert status == 201
    assert {name: saved[name] for name in ("name", "strategy", "params", "model", "models")} == {
        "name": "Quick", "strategy": "direct", "params": {}, "model": "scripted", "models": {},
    }  # fmt: skip
    assert saved["sampling"] == {"temperature": 0.8, "top_p": 0.95, "max_tokens": 64}

    path = f"/recipes/{saved['id']}"
    assert send(client, path, {"name": "Quicker"}, "patch")[1]["name"] == "Quicker"
    assert client.get("/api/v1/recipes").json() == [client.get(f"/api/v1{path}").json()]
    assert send(client, path, None, "delete") == (204, None)
    assert client.get(f"/api/v1{path}").status_code == 404


def test_programs_hear_why_a_recipe_is_not_saved(client, served):
    save()

    taken = send(client, "/recipes", {"name": "wide vote", "strategy": "direct"})
    nameless = send(client, "/recipes", {"name": " ", "strategy": "direct"})
    wrong = send(client, "/recipes", {"name": "Other", "strategy": "direct", "params": {"drafts": 1}})

    assert taken == (409, {"detail": "‘Wide vote’ is another recipe, of Self-consistency. Choose another name."})
    assert nameless == (422, {"detail": "Give the recipe a name."})
    assert wrong[0] == 422
    assert SavedRecipe.objects.count() == 1


def test_programs_run_a_saved_recipe_by_its_name(client, served):
    saved = save()
    body = {"problem": {"question": "What is 6 times 7?"}, "recipes": [{"saved": "wide vote"}, {"strategy": "direct"}]}

    status, run = send(client, "/runs", body)

    assert status == 201
    assert [lane["strategy"] for lane in run["lanes"]] == ["self_consistency", "direct"]
    assert Run.objects.get().lanes.get(column=1).recipe == saved.recipe


@pytest.mark.parametrize(
    ("lane", "sentence"),
    [
        ({"saved": "gone"}, "There is no saved recipe 'gone'; GET /api/v1/recipes lists them."),
        (
            {"saved": "Wide vote", "params": {"drafts": 2}},
            "A lane with the saved recipe 'Wide vote' takes all from it: leave out the rest.",
        ),
    ],
    ids=["unknown", "mixed"],
)
def test_programs_hear_why_a_saved_recipe_is_not_run(client, served, lane, sentence):
    save()

    answer = send(client, "/runs", {"problem": {"question": "What is 6 times 7?"}, "recipes": [lane]})

    assert answer == (422, {"detail": sentence})
