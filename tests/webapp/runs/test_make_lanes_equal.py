"""Lanes that spend alike: eight strategies, a budget, a run."""

import re

import pytest

from tests.webapp.runs.composing import error_at, fields, page_errors, post
from webapp.runs.budgets import ENOUGH, Goal
from webapp.runs.fitting import LONGEST_CALL, SHORTEST_CALL, Place, find_presets, fit
from webapp.runs.models import Run
from webapp.runs.queries import describe_recipe, estimate_recipe
from workers.core.values import Sampling
from workers.strategies import catalog

pytestmark = pytest.mark.django_db
PLACE = Place(question_bytes=100, context_tokens=None)
SAMPLING = Sampling(max_tokens=1024)
PRESETS = {preset.name: preset.goal for preset in find_presets(SAMPLING, 100) if preset.size != "medium"}


def texts_of(page):
    """Return what the form of a page would send, as far as buttons change it."""
    texts = fields()
    for tag, name in re.findall(r'(<input[^>]*name="([a-z]+-[\w-]+)"[^>]*>)', page):
        if 'type="checkbox"' not in tag:
            value = re.search(r'value="([^"]*)"', tag)
            texts[name] = value[1] if value else ""
    texts["equal-axis"] = re.findall(r'<option value="(\w+)" selected', page.partition('name="equal-axis"')[2])[0]
    texts.setlist("card", re.findall(r'name="card" value="(\d+)"', page))
    texts.setlist("pick", re.findall(r'name="pick" value="(\d+)"[^>]* checked', page))
    return texts


def press(client, texts, button):
    texts["do"] = button
    page = post(client, texts).content.decode()
    return texts_of(page), page


def estimates(run):
    lanes = run.lanes.select_related("recipe", "problem")
    return [describe_recipe(lane.recipe, lane.problem.question)["estimate"] for lane in lanes]


# --- three clicks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("button", "axis"),
    [("equal:total_tokens:small", "total_tokens"), ("equal:critical_path:medium", "critical_path_tokens")],
)
def test_eight_strategies_spend_alike_after_three_clicks(client, served, button, axis):
    picked, _ = press(client, fields(), "many")
    equal, _ = press(client, picked, button)
    response = post(client, equal)

    run = Run.objects.get()
    assert response.status_code == 302
    goal = int(equal["equal-tokens"].replace(",", ""))
    spent = [estimate[axis] for estimate in estimates(run)]
    assert len(spent) == 8
    assert all(ENOUGH * goal <= tokens <= goal for tokens in spent)


def test_the_cap_is_the_budget_where_totals_are_equal(client, served):
    equal, _ = press(client, fields(), "equal:total_tokens:medium")

    assert equal["budget-tokens"] == equal["equal-tokens"]


def test_the_cap_lets_every_lane_come_to_its_end_where_totals_differ(client, served):
    capped, _ = press(client, fields(), "equal:total_tokens:small")
    _, page = press(client, capped, "equal:critical_path:large")

    assert "may end it early" not in page


def test_a_cap_below_the_cost_of_a_lane_is_warned_of(client, served):
    page = post(client, fields(budget__tokens="3,000"), "/new/preview").content.decode()

    assert "The cap of 3,000 tokens may end it early." in page


# --- what is said ----------------------------------------------------------------------------------------------


def test_a_strategy_that_cannot_spend_so_much_says_so(client, small_context):
    _, page = press(client, fields(), "equal:total_tokens:large")

    assert re.search(r"It cannot spend more than 2,\d{3} of [\d,]+ tokens\.", page)


def test_a_strategy_that_cannot_spend_so_little_says_so(client, served):
    _, page = press(client, fields(pick=["4"], equal__axis="total_tokens", equal__tokens="200"), "equal")

    assert re.search(r"It cannot spend less than [\d,]+ tokens, which is more than 200\.", page)


def test_a_lane_that_was_changed_since_says_so(client, served):
    equal, page = press(client, fields(pick=["2"]), "equal:total_tokens:medium")
    assert "Fit the lanes again" not in page

    equal["lane-2-params-drafts"] = "3"
    page = post(client, equal, "/new/preview").content.decode()

    assert re.search(r"Not fitted: it spends [\d,]+ of [\d,]+ tokens\. Fit the lanes again\.", page)


def test_budgets_follow_the_length_of_a_call(client, served):
    short, long = (smallest(client, fields(sampling__max_tokens=length)) for length in ("512", "2,048"))

    assert long > 3 * short


def smallest(client, texts):
    page = post(client, texts, "/new/preview").content.decode()
    return float(re.findall(r'id="total_tokens-small-tokens"[^>]*>([\d.]+)k<', page)[0])


# --- one's own budget ------------------------------------------------------------------------------------------


def test_lanes_are_fitted_to_any_number_of_tokens(client, served):
    equal, _ = press(client, fields(equal__axis="critical_path", equal__tokens="3,000"), "equal")
    post(client, equal)

    assert all(2_700 <= estimate["critical_path_tokens"] <= 3_000 for estimate in estimates(Run.objects.get()))


def test_an_axis_without_tokens_is_refused(client, served):
    response = post(client, fields(equal__axis="total_tokens", equal__tokens=""))

    assert error_at(response, "id_equal-tokens") == "Enter how many tokens, or press Small, Medium or Large."
    assert not Run.objects.exists()


def test_free_lanes_stay_as_they_are(client, served):
    before = fields(equal__tokens="3,000")
    after, _ = press(client, before.copy(), "equal")

    assert after["lane-2-params-drafts"] == before["lane-2-params-drafts"]


def test_a_card_with_a_fault_is_left_alone(client, served):
    equal, page = press(client, fields(lane__4__params__widths="8, 4"), "equal:total_tokens:small")

    assert equal["lane-4-params-widths"] == "8, 4"
    assert "The last width must be 1" in page


def test_buttons_that_nobody_drew_change_nothing(client, served):
    _, page = press(client, fields(), "equal:moon:huge")

    assert page_errors(post(client, fields(do="equal:moon:huge"))) == []
    assert 'aria-pressed="true"' not in page


def test_pressing_one_after_the_other_comes_to_the_same(client, served):
    once, _ = press(client, fields(), "equal:total_tokens:large")
    deep, _ = press(client, fields(), "equal:critical_path:large")
    twice, _ = press(client, deep, "equal:total_tokens:large")

    assert {name: twice[name] for name in twice if name.startswith("lane-")} == {
        name: once[name] for name in once if name.startswith("lane-")
    }


# --- for programs ----------------------------------------------------------------------------------------------


def ask(client, equal, *slugs):
    body = {"problem": {"question": "What is 6 times 7?"}, "recipes": [{"strategy": slug} for slug in slugs]}
    response = client.post("/api/v1/runs", body | {"equal": equal}, content_type="application/json")
    return response.status_code, response.json()


def test_programs_make_lanes_equal_too(client, served):
    status, body = ask(client, {"axis": "total_tokens", "tokens": 6_000}, "direct", "self_consistency", "tournament")

    run = Run.objects.get()
    assert (status, body["notes"], run.budget_tokens) == (201, [], 6_000)
    assert all(5_400 <= estimate["total_tokens"] <= 6_000 for estimate in estimates(run))


def test_programs_hear_what_a_strategy_cannot_spend(client, small_context):
    more = ask(client, {"axis": "total_tokens", "tokens": 6_000}, "direct", "self_consistency")
    less = ask(client, {"axis": "critical_path", "tokens": 100}, "parallel_distill_refine")

    assert more[0] == 201
    assert more[1]["notes"] == ["direct: It cannot spend more than 2,048 of 6,000 tokens."]
    assert less[0] == 422
    assert re.match(r"parallel_distill_refine: It cannot spend less than \d+ tokens", less[1]["detail"])
    assert Run.objects.count() == 1


# --- every strategy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", catalog().values(), ids=catalog())
@pytest.mark.parametrize("goal", PRESETS.values(), ids=PRESETS)
def test_every_strategy_meets_every_preset_or_cannot(strategy, goal):
    fitted = fit(strategy, strategy.params().model_dump(), SAMPLING, goal, PLACE)

    assert fitted
    if goal.spent(fitted.estimate) > goal.tokens:
        assert fitted.sampling.max_tokens == SHORTEST_CALL
    elif not goal.is_met(fitted.estimate):
        longer = with_calls_of_twice_the_length(strategy, fitted)
        assert not goal.allows(longer) or goal.spent(longer) <= goal.spent(fitted.estimate)


def with_calls_of_twice_the_length(strategy, fitted):
    text = strategy.params.model_validate(fitted.params).model_dump_json()
    sampling = fitted.sampling.model_copy(update={"max_tokens": min(LONGEST_CALL, 2 * fitted.sampling.max_tokens)})
    return estimate_recipe(strategy.slug, text, sampling, PLACE.question_bytes)


@pytest.mark.parametrize("strategy", catalog().values(), ids=catalog())
def test_no_call_passes_the_context(strategy):
    goal = Goal("total_tokens", 40_000)

    fitted = fit(strategy, strategy.params().model_dump(), SAMPLING, goal, Place(100, 4_096))

    assert fitted
    assert fitted.estimate.peak_context <= 4_096
