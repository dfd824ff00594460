"""Change a form so that its lanes spend alike: the buttons Small, Medium, Large and Fit."""

from django.http import QueryDict

from webapp.catalog.forms import write_texts
from webapp.runs.budgets import Goal
from webapp.runs.fitting import Fitted, Place, fit
from webapp.runs.forms import Card, ComparisonForm
from webapp.runs.previews import question_bytes, shared_sampling


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
