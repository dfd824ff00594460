"""Make lanes spend alike: in a form, by its buttons Small, Medium, Large and Fit; or as recipes of a program."""

from django.http import QueryDict

from webapp.catalog.forms import write_texts
from webapp.runs.budgets import Goal
from webapp.runs.fitting import Fitted, Place, fit
from webapp.runs.forms import Card, ComparisonForm
from webapp.runs.launching import BadRecipe, RecipeSpec, check_recipe
from webapp.runs.models_on_server import list_models, shortest_context
from webapp.runs.previews import explain_unequal, question_bytes, shared_sampling
from workers.core.values import Sampling
from workers.strategies import catalog


def equalize(form: ComparisonForm, texts: QueryDict, goal: Goal) -> None:
    """Write into the texts the settings with which each picked lane comes closest to the goal, and the goal itself.

    Cards whose settings are wrong stay as they are; their faults stand at their fields. The cap on a lane follows:
    it is the goal where total tokens are equal, and lets every lane come to its end where they differ.
    """
    texts["equal-axis"], texts["equal-tokens"] = goal.axis, f"{goal.tokens:,}"
    fitted = [_fit_card(form, texts, card, goal) for card in form.picked if card.params.is_valid()]
    dearest = max((one.estimate.total_tokens for one in fitted if one), default=0)
    cap = form.budget.values.get("tokens")
    if goal.axis == "total_tokens":
        texts["budget-tokens"] = f"{max(goal.tokens, dearest):,}"
    elif cap is not None and cap < dearest:
        texts["budget-tokens"] = f"{dearest:,}"


def _fit_card(form: ComparisonForm, texts: QueryDict, card: Card, goal: Goal) -> Fitted | None:
    place = Place(question_bytes(form), form.context_of(card))
    shared = shared_sampling(form)
    fitted = fit(card.strategy, card.params.values, shared, goal, place)
    if fitted:
        params = card.strategy.params.model_validate(fitted.params)
        for name, text in write_texts(params, f"{card.prefix}-params").items():
            texts[name] = text
        length = fitted.sampling.max_tokens
        texts[f"{card.prefix}-sampling-max_tokens"] = "" if length == shared.max_tokens else f"{length:,}"
    return fitted


def equalize_spec(spec: RecipeSpec, goal: Goal, question: str) -> tuple[RecipeSpec, str]:
    """Return the recipe that comes closest to the goal, and a sentence if it cannot spend as much.

    Raises BadRecipe if it is wrong, or cannot spend as little; ServerDown.
    """
    recipe = check_recipe(spec)
    strategy, sampling = catalog()[recipe.strategy], Sampling.model_validate(recipe.sampling)
    context = shortest_context(strategy.list_writers(recipe.model, recipe.models), list_models())
    place = Place(len(question.encode("utf-8", "replace")), context)
    fitted = fit(strategy, recipe.params, sampling, goal, place)
    if fitted is None:
        return spec, ""
    params = strategy.params.model_validate(fitted.params).model_dump(mode="json")
    fitted_spec = spec._replace(params=params, sampling=fitted.sampling.model_dump())
    if goal.is_met(fitted.estimate):
        return fitted_spec, ""
    sentence = explain_unequal(goal, fitted.estimate, fitted.estimate)
    if not goal.allows(fitted.estimate):
        raise BadRecipe({strategy.slug: [sentence]})
    return fitted_spec, f"{strategy.slug}: {sentence}"
