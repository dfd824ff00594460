"""Measure how often a model is right on a suite in a single draft.

Asks the model server that the settings name for `--drafts` drafts of each problem, with the prompt of the strategy
`direct` and the default sampling, and rules on each with the problem's own grader. Stores nothing. So were the
figures in the starter suites' descriptions found: a suite tells strategies apart only if its problems are neither
always nor never solved.
"""

import asyncio
import json
import math
from collections import Counter
from typing import Any, NamedTuple

import aiohttp
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.problems.models import SuitePlace
from webapp.problems.queries import places_of, versions_of
from workers.core.answers import extract_answer
from workers.core.prompts import fill
from workers.core.values import Sampling
from workers.graders import catalog as graders
from workers.strategies import catalog as strategies


class Draft(NamedTuple):
    """One draft, ruled on."""

    ruling: str
    answer: str | None
    tokens: int


class Command(BaseCommand):
    """manage.py measure_suite SLUG [--drafts 8] [--max-tokens 512] [--streams 16]."""

    help = "Measure how often the model is right on each problem of a suite, in a single draft."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--drafts", type=int, default=8, help="of each problem")
        parser.add_argument("--max-tokens", type=int, default=Sampling().max_tokens)
        parser.add_argument("--streams", type=int, default=16, help="requests at once")

    def handle(self, *args: Any, **options: Any) -> None:
        versions = versions_of(options["slug"])
        if not versions:
            raise CommandError(f"There is no suite {options['slug']!r}.")
        self.sampling = Sampling(max_tokens=options["max_tokens"])
        places = list(places_of(versions[0]))
        try:
            measured = asyncio.run(self._measure(places, options["drafts"], options["streams"]))
        except (aiohttp.ClientError, OSError) as error:
            raise CommandError(f"The model server does not answer: {error}.") from error
        self._sum_up(versions[0].name, measured)

    async def _measure(self, places: list[SuitePlace], drafts: int, streams: int) -> list[list[Draft]]:
        key = settings.MODEL_SERVER.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        free = asyncio.Semaphore(streams)
        connector = aiohttp.TCPConnector(force_close=True, limit=0)  # llama.cpp closes idle connections soon
        patience = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=patience) as session:
            model = settings.MODEL_SERVER.model or await _first_model(session)
            return await asyncio.gather(*(self._measure_one(session, free, model, place, drafts) for place in places))

    async def _measure_one(
        self, session: aiohttp.ClientSession, free: asyncio.Semaphore, model: str, place: SuitePlace, drafts: int
    ) -> list[Draft]:
        async def ask(seed: int) -> Draft:
            async with free:
                return await _draft(session, _request(place.problem.question, model, self.sampling, seed), place)

        found = await asyncio.gather(*(ask(seed) for seed in range(1, drafts + 1)))
        answers = Counter(str(draft.answer)[:24] for draft in found).most_common(4)
        got = ", ".join(f"{answer} ×{times}" for answer, times in answers)
        question, wanted = place.problem.question[:44], place.problem.answer[:24]
        self.stdout.write(f"{place.position:3} {_share(found)} {question!r} wants {wanted!r}, got {got}")
        return list(found)

    def _sum_up(self, name: str, measured: list[list[Draft]]) -> None:
        drafts = [draft for one in measured for draft in one]
        between = sum(0 < sum(draft.ruling == "right" for draft in one) < len(one) for one in measured)
        rulings = Counter(draft.ruling for draft in drafts)
        self.stdout.write(f"{name}: right {_share(drafts)} of {len(drafts)} drafts ({dict(rulings)}).")
        self.stdout.write(f"{between} of {len(measured)} problems were solved sometimes, but not always.")
        self.stdout.write(f"{sum(draft.tokens for draft in drafts) / max(1, len(drafts)):.0f} tokens per draft.")


def _request(question: str, model: str, sampling: Sampling, seed: int) -> dict[str, Any]:
    prompt = fill(strategies()["direct"].prompts["DRAFT"], question=question)
    messages = [{"role": "user", "content": prompt}]
    return {"model": model, "messages": messages, "seed": seed, "stream": False, **sampling.model_dump()}


async def _first_model(session: aiohttp.ClientSession) -> str:
    async with session.get(f"{settings.MODEL_SERVER.base_url}/models") as response:
        response.raise_for_status()
        return str((await response.json())["data"][0]["id"])


async def _draft(session: aiohttp.ClientSession, request: dict[str, Any], place: SuitePlace) -> Draft:
    async with session.post(f"{settings.MODEL_SERVER.base_url}/chat/completions", json=request) as response:
        response.raise_for_status()
        reply = json.loads(await response.read())
    text = reply["choices"][0]["message"]["content"] or ""
    answer = extract_answer(text)
    problem = place.problem
    grade = graders()[problem.grader].grade
    verdict = await asyncio.to_thread(grade, text, answer, problem.answer, problem.grader_input)
    return Draft(verdict.ruling, answer, reply["usage"]["completion_tokens"])


def _share(drafts: list[Draft]) -> str:
    """Return the share of right drafts in percent, with its 95 % Wilson interval."""
    total, z = len(drafts), 1.96
    rate = sum(draft.ruling == "right" for draft in drafts) / total
    middle = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return f"{rate:4.0%} ({max(0, middle - half):.0%} to {min(1, middle + half):.0%})"
