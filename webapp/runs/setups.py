"""What the page of a new comparison begins with, as the texts of its form."""

from collections.abc import Iterable

from django.conf import settings
from django.http import QueryDict

from webapp.catalog.forms import write_texts
from webapp.corpora.models import Corpus
from webapp.problems.models import Problem, SuitePlace
from webapp.runs.budgets import Budget, Ending, Equality
from webapp.runs.capabilities import find_lacks
from webapp.runs.forms import MOST_LANES, card_numbers, default_texts
from webapp.runs.models import Recipe, Run, SavedRecipe
from webapp.runs.models_on_server import ServerDown, list_models
from webapp.runs.queries import corpus_names
from workers import strategies
from workers.core.values import Sampling

FIRST_PICKS = ("direct", "self_consistency", "sequential_refinement", "parallel_distill_refine")
MANY_PICKS = (
    *FIRST_PICKS, "best_of_n", "recursive_self_aggregation", "tournament", "sample_scrutinize",
)  # fmt: skip
"""One of each kind that differs in how it spends its tokens."""
STARTER = Problem(question="What is $17 + 25$? Think step by step.", answer="42", grader="boxed_math")


def default_setup() -> QueryDict:
    """Return what somebody sees who has never been here: a problem, four strategies, their defaults."""
    texts = QueryDict(mutable=True)
    texts["model"] = settings.MODEL_SERVER.model
    _write(texts, write_texts(fitting_sampling(), "sampling"))
    _write(texts, write_texts(Budget(), "budget"))
    _write(texts, write_texts(Ending(), "ending"))
    _write(texts, write_texts(Equality(), "equal"))
    place = SuitePlace.objects.select_related("problem").order_by("suite__created_at", "suite_id", "position").first()
    put_problem(texts, place.problem if place else STARTER)
    known = strategies.catalog()
    pick_strategies(texts, [slug for slug in FIRST_PICKS if slug in known] or list(known)[:4])
    return texts


def fitting_sampling() -> Sampling:
    """Return the default sampling, with texts so short that a prompt holds several of them."""
    try:
        context = list_models()[0].context_tokens
    except ServerDown:
        context = None
    return Sampling(max_tokens=max(64, min(4096, context // 8))) if context else Sampling()


def setup_of_run(run: Run) -> QueryDict:
    """Return the texts that would start the same run again."""
    texts = default_setup()
    lanes = list(run.lanes.select_related("recipe", "problem").filter(row=1, repeat=1))
    put_problem(texts, lanes[0].problem)
    shared = lanes[0].recipe
    texts["model"] = shared.model
    _write(texts, write_texts(shared.sampling, "sampling"))
    limits = Budget(tokens=run.budget_tokens, seconds=run.budget_seconds, seed=run.seed)
    _write(texts, write_texts(limits, "budget"))
    texts["ending-settle"] = _say_settle(shared)
    put_recipes(texts, [lane.recipe for lane in lanes])
    return texts


def put_problem(texts: QueryDict, problem: Problem) -> None:
    """Fill in a stored problem."""
    for name in ("question", "answer", "grader"):
        texts[name] = getattr(problem, name)
    texts["problem"] = str(problem.pk or "")


def pick_strategies(texts: QueryDict, slugs: Iterable[str]) -> None:
    """Pick one card each of these strategies, and nothing else."""
    known = strategies.catalog()
    _clear_cards(texts)
    numbers = []
    for slug in slugs:
        if slug in known:
            numbers.append(_put_card(texts, slug))
    texts.setlist("pick", numbers)


def put_corpus(texts: QueryDict, corpus: Corpus) -> None:
    """Let every picked card that can search this corpus."""
    for number in texts.getlist("pick"):
        strategy = strategies.catalog()[str(texts[f"lane-{number}-strategy"])]
        for name in corpus_names(strategy.params):
            texts[f"lane-{number}-params-{name}"] = corpus.reference


def pick_many(texts: QueryDict, model: str) -> None:
    """Pick eight strategies, a card of each: the most telling ones of those that the model can run."""
    complete(texts)
    cards: dict[str, str] = {}
    for number in card_numbers(texts):
        cards.setdefault(str(texts.get(f"lane-{number}-strategy")), number)
    known = strategies.catalog()
    usable = [slug for slug in dict.fromkeys((*MANY_PICKS, *cards)) if slug in known and slug in cards]
    able = [slug for slug in usable if not find_lacks(known[slug].needs, model)]
    texts.setlist("pick", [cards[slug] for slug in able[:MOST_LANES]])
    put_picked_first(texts)


def complete(texts: QueryDict) -> None:
    """Fill in what is missing: fields that are newer than the texts, and a card for every strategy that has none."""
    _fill(texts, write_texts(Sampling(), "sampling"))
    _fill(texts, write_texts(Budget(), "budget"))
    _fill(texts, write_texts(Ending(), "ending"))
    _fill(texts, write_texts(Equality(), "equal"))
    for number in card_numbers(texts):
        strategy = strategies.catalog().get(str(texts.get(f"lane-{number}-strategy")))
        if strategy:
            _fill(texts, default_texts(strategy, number))
    shown = {texts.get(f"lane-{number}-strategy") for number in card_numbers(texts)}
    for slug in strategies.catalog():
        if slug not in shown:
            _put_card(texts, slug)


def put_picked_first(texts: QueryDict) -> None:
    """Move the cards that are not picked behind those that are."""
    picked = set(texts.getlist("pick"))
    texts.setlist("card", sorted(card_numbers(texts), key=lambda number: number not in picked))


def add_card(texts: QueryDict, number: str) -> None:
    """Add a card like the one with this number, right behind it, and pick it."""
    order = card_numbers(texts)
    if number not in order:
        return
    new = _free_number(texts)
    old_prefix, new_prefix = f"lane-{number}-", f"lane-{new}-"
    for name in [name for name in texts if name.startswith(old_prefix)]:
        texts.setlist(new_prefix + name.removeprefix(old_prefix), texts.getlist(name))
    order.insert(order.index(number) + 1, new)
    texts.setlist("card", order)
    texts.setlist("pick", [*texts.getlist("pick"), new])


def drop_card(texts: QueryDict, number: str) -> None:
    """Take a card away."""
    for name in ("card", "pick"):
        texts.setlist(name, [other for other in texts.getlist(name) if other != number])


def put_recipes(texts: QueryDict, recipes: Iterable[Recipe]) -> None:
    """Pick a card for each of these recipes, and nothing else."""
    _clear_cards(texts)
    for recipe in recipes:
        add_recipe(texts, recipe)


def put_saved(texts: QueryDict, saved: Iterable[SavedRecipe]) -> None:
    """Pick a card for each of these saved recipes, and nothing else."""
    _clear_cards(texts)
    for one in saved:
        add_recipe(texts, one.recipe, one.name)


def add_recipe(texts: QueryDict, recipe: Recipe, name: str = "") -> None:
    """Add a picked card with the settings of a recipe; one whose strategy is gone is left out.

    Where they are as the shared ones the fields of the card stay empty.
    """
    if recipe.strategy not in strategies.catalog():
        return
    number = _put_card(texts, recipe.strategy)
    _write(texts, write_texts(recipe.params, f"lane-{number}-params"))
    texts[f"lane-{number}-model"] = "" if recipe.model == texts.get("model") else recipe.model
    for part, model in recipe.models.items():
        texts[f"lane-{number}-models-{part}"] = model
    for field, text in write_texts(recipe.sampling, "sampling").items():
        texts[f"lane-{number}-{field}"] = "" if text == texts.get(field) else text
    texts[f"lane-{number}-ending-settle"] = (
        "" if (settle := _say_settle(recipe)) == texts.get("ending-settle") else settle
    )
    texts[f"lane-{number}-name"] = name
    texts.appendlist("pick", number)


def _say_settle(recipe: Recipe) -> str:
    return "on" if recipe.settle else "off"


def _put_card(texts: QueryDict, slug: str) -> str:
    number = _free_number(texts)
    _write(texts, default_texts(strategies.catalog()[slug], number))
    texts.setlist("card", [*card_numbers(texts), number])
    return number


def _clear_cards(texts: QueryDict) -> None:
    for name in [name for name in texts if name in ("card", "pick") or name.startswith("lane-")]:
        del texts[name]


def _free_number(texts: QueryDict) -> str:
    return str(1 + max((int(number) for number in card_numbers(texts)), default=0))


def _fill(texts: QueryDict, values: dict[str, str]) -> None:
    """Write what has no text yet; a box that is not ticked sends none, so boxes stay."""
    _write(texts, {name: text for name, text in values.items() if name not in texts and text not in ("true", "false")})


def _write(texts: QueryDict, values: dict[str, str]) -> None:
    for name, value in values.items():
        texts[name] = value
