"""`manage.py find_weights`: weights for the models of Best of Infinity, from drafts that were graded."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.problems.models import Suite
from webapp.runs.models import Call
from workers.core.answers import normalize_answer
from workers.strategies import catalog
from workers.strategies._ensemble import Leads, find_mix

STRATEGIES = ("direct", "self_consistency")
"""Those whose drafts are all written by one model, without reading each other."""
RIGHT = ""
"""Stands for every answer that was graded right, in whatever words."""
WHOLE = 1000

Shares = dict[int, dict[str, float]]
"""By problem and answer: the part of one model's drafts that give it."""


class Command(BaseCommand):
    """manage.py find_weights starter-60 small-model large-model."""

    help = (
        "Finds how to mix models so that the vote of endlessly many drafts is right on most problems of a suite, from "
        "the graded drafts of Direct and Self-consistency there. Use the weights on other problems."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("suite", help="Slug of the suite.")
        parser.add_argument("models", nargs="+", help="Two or three models, as the model server names them.")

    def handle(self, *_args: Any, suite: str, models: Sequence[str], **_options: Any) -> None:
        most = len(catalog()["best_of_infinity"].models)
        if not 2 <= len(set(models)) == len(models) <= most:
            raise CommandError(f"Name two to {most} different models.")
        latest = Suite.objects.filter(slug=suite).order_by("version").last()
        if latest is None:
            raise CommandError(f"There is no suite {suite!r}.")
        shares = [read_shares(latest, model) for model in models]
        known = sorted(set.intersection(*map(set, shares)))
        if not known:
            raise CommandError("No problem of the suite has graded drafts of each model: run Self-consistency on it.")
        questions = [leads for problem in known if (leads := find_leads([each[problem] for each in shares]))]
        mix = find_mix(questions, len(models))
        self.stdout.write(f"{len(known)} problems with drafts of each model.")
        for place, model in enumerate(models):
            alone = sum(all(lead[place] >= 0 for lead in leads) for leads in questions)
            self.stdout.write(f"{model} alone solves {alone}; weight {round(mix.weights[place] * WHOLE)}")
        self.stdout.write(f"Mixed they solve {mix.solved}, by a margin of {mix.margin:.3f} at least.")


def read_shares(suite: Suite, model: str) -> Shares:
    """Return what the model's drafts say; one without an answer or a verdict counts among the drafts."""
    calls = Call.objects.filter(
        role="draft", state="done", lane__recipe__model=model, lane__recipe__strategy__in=STRATEGIES,
        lane__run__suite=suite,
    )  # fmt: skip
    counts = defaultdict[int, Counter[str | None]](Counter)
    for problem, answer, ruling in calls.values_list("lane__problem_id", "answer", "ruling"):
        if answer is None or ruling not in ("right", "wrong", "unreadable"):
            counts[problem][None] += 1
        else:
            counts[problem][RIGHT if ruling == "right" else normalize_answer(answer).casefold()] += 1
    return {
        problem: {answer: count / said.total() for answer, count in said.items() if answer is not None}
        for problem, said in counts.items()
    }


def find_leads(shares: Sequence[dict[str, float]]) -> Leads:
    """Return a problem's leads by wrong answer and model; none when no model ever finds the right answer."""
    if not any(share.get(RIGHT) for share in shares):
        return []
    right = [share.get(RIGHT, 0.0) for share in shares]
    wrong = sorted({answer for share in shares for answer in share} - {RIGHT})
    return [
        tuple(own - share.get(answer, 0.0) for own, share in zip(right, shares, strict=True)) for answer in wrong
    ] or [tuple(right)]
