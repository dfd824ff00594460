"""A worked example as a run: the real lane, database and Redis, with a model that says what the example says."""

import asyncio
from collections.abc import AsyncGenerator

from tests.webapp.runs.playing import lane_ids, work
from webapp.problems.models import Problem
from webapp.runs.launching import RecipeSpec, start_run
from workers.backends.scripted import ScriptedModel
from workers.core.model import Chunk, Request
from workers.core.strategy import Strategy

NEIGHBORS = ("direct", "self_consistency")
REST_SECONDS = 0.15
TRIES = 20
"""Seeds to try: the example's replies fit the chance with which it was played, and perhaps no other."""


def run_example(strategy: Strategy) -> str:
    """Run the example beside its neighbors; return the run's id.

    Raises ValueError if no seed gives the example's answer.
    """
    example = strategy.example
    problem = Problem.objects.create(question=example.question, answer=example.answer or "", grader=_grader(strategy))
    recipes = [
        RecipeSpec(strategy.slug, dict(example.params), "scripted", {}),
        *(RecipeSpec(slug, {}, "scripted", {}) for slug in NEIGHBORS if slug != strategy.slug),
    ]
    drafts = ScriptedModel({"draft": (rf"I think it is \boxed{{{example.answer}}}.",) * 64})
    for seed in range(1, TRIES + 1):
        run = start_run(problems=[problem], recipes=recipes, seed=seed)
        first, *others = lane_ids(run)
        asyncio.run(work(run, [first], Paced(example.replies, logprobs=example.logprobs)))
        asyncio.run(work(run, others, drafts))
        if run.lanes.order_by("column")[0].answer == example.answer:
            return run.id
    raise ValueError(f"With no seed from 1 to {TRIES} the example of {strategy.slug} gives its own answer.")


class Paced(ScriptedModel):
    """Rests after each piece, so that the lane has a time."""

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().stream(request):
            yield chunk
            await asyncio.sleep(REST_SECONDS)


def _grader(strategy: Strategy) -> str:
    answer = strategy.example.answer or ""
    if answer.replace(".", "", 1).lstrip("-").isdecimal():
        return "number"
    return "boxed_math" if "\\" in answer else "exact"
