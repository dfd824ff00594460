"""Keep a population of solutions, and rewrite all of it again and again, each time from a few of its members.

One rewrite may lose what was right. Many rewrites, each reading a few solutions drawn by chance, spread good ideas
through the population, until most members are better than the drafts it began with.

Procedure:
1. Population 1: `population` drafts of the bare problem, which cannot see each other.
2. For each member of the next population, draw `sample` distinct solutions by chance and ask for one solution better
   than each of them. The new population replaces the old one whole: nothing is scored, nothing is kept.
3. Repeat until there have been `rounds` populations.
4. Return the majority answer of the last one, or a random member.
With several islands, each reads its own solutions only; islands merge in pairs, at equal intervals, until one is left.

Cost: population * rounds calls. Depth: rounds calls.
Differs from the paper: the paper reports a random member; the majority is the default here. Solutions are read without
the thinking that led to them, and keep their end where they are too long. With one solution to read, the prompt is that
of Sequential Refinement. The prompts are our own.
Reported: Qwen3-4B-Instruct-2507, 16 solutions, 4 read, 10 rounds: AIME 2025 73.2%, HMMT 2025 47.6%; a vote of 160:
68.3% and 35.0%; one draft: 43.9% and 27.2%. On SuperGPQA the vote wins, 48.2% to 47.4%.
Source: Venkatraman et al. 2025, arXiv:2509.26626; islands are those of the authors' RSAgent, here as parts of the
population.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Problem, Reply
from workers.strategies._prompts import AGGREGATE, DRAFT, REFINE, draw, lay_out, show_solution
from workers.strategies._votes import Ballot


class Params(StrategyParams):
    """How many solutions, how many a rewrite reads, how often."""

    population: int = Field(
        4, ge=1, le=64, title="Population", description="Solutions in each round, those of all islands together."
    )
    sample: int = Field(
        2, ge=1, le=16, title="Solutions read", description="Solutions that each rewrite reads; at most an island has."
    )
    rounds: int = Field(
        3, ge=1, le=16, title="Populations", description="Populations one after the other, the drafts included."
    )
    islands: int = Field(
        1, ge=1, le=8, title="Islands", description="Parts that do not mix at first: 2, 4 or 8; 1 lets all mix."
    )
    answer: Literal["majority", "random_member"] = Field(
        "majority", title="Answer", description="What is taken from the last population."
    )
    reading_tokens: int = Field(
        4096, ge=128, le=131_072, title="Reading", description="Most tokens of solutions that a rewrite reads."
    )

    @field_validator("sample")
    @classmethod
    def _check_sample(cls, sample: int, info: ValidationInfo) -> int:
        if sample > (population := info.data.get("population", sample)):
            raise ValueError(f"A population of {population} has no {sample} solutions to read.")
        return sample

    @field_validator("islands")
    @classmethod
    def _check_islands(cls, islands: int, info: ValidationInfo) -> int:
        stages = islands.bit_length()
        if islands & (islands - 1):
            raise ValueError("Islands merge in pairs: use 1, 2, 4 or 8.")
        if info.data.get("population", islands) % islands:
            raise ValueError(f"The population cannot be split into {islands} equal islands.")
        if info.data.get("population", 0) // islands < info.data.get("sample", 0):
            raise ValueError("An island has fewer solutions than each rewrite reads.")
        if info.data.get("rounds", stages) % stages:
            raise ValueError(f"{islands} islands merge at equal intervals: use a multiple of {stages} populations.")
        return islands


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"population": 3, "sample": 2, "rounds": 2},
    replies={
        "draft": ("17 times 20 is 340, plus 4, \\boxed{344}.", "340 + 68 is \\boxed{408}.", "About \\boxed{400}."),
        "refine": (
            "17 times 4 is 68, so \\boxed{408}.",
            "Not 4 but 68 is added: \\boxed{408}.",
            "340 + 64, \\boxed{404}.",
        ),
    },
    answer="408",
    calls=6,
    depth=2,
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"population {params.population}", f"reads {params.sample}", f"{params.rounds} rounds"]
    words += [f"{params.islands} islands"] * (params.islands > 1)
    words += ["random member"] * (params.answer == "random_member")
    return " · ".join(words)


@strategy(
    title="Recursive Self-Aggregation",
    short="RSA",
    family="refine",
    source="arXiv:2509.26626",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    wider=grow("population"),
    deeper=grow("rounds"),
)
async def recursive_self_aggregation(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft a population, then rewrite it round after round."""
    prompts: list[str] = [fill(DRAFT, question=problem.question)] * params.population
    read: list[list[Reply]] = [[]] * params.population
    for number in range(1, params.rounds + 1):
        ballot = Ballot(lane, expected=params.population)
        async with lane.round(f"Population {number}"):
            role = "draft" if number == 1 else "refine"
            calls = [lane.ask(prompt, role=role, after=after) for prompt, after in zip(prompts, read, strict=True)]
            await lane.gather(calls, each=ballot.cast)
        _show(lane, ballot.drafts, read, params, number)
        if number < params.rounds:
            read = _draw_sets(lane, ballot.drafts, params, number)
            prompts = [await _write_prompt(lane, problem.question, solutions, params) for solutions in read]
    if params.answer == "majority":
        return ballot.winner()
    member = draw(lane, list(ballot.drafts.values()), 1)[0]
    return Answer.from_reply(member, note="a random member")


def _show(
    lane: LiveLane, drafts: Mapping[int, Reply], read: Sequence[Sequence[Reply]], params: Params, number: int
) -> None:
    """Show the members of a population, each under what it has read."""
    islands = _find_islands(params, number)
    for place, draft in drafts.items():
        group = f"Island {islands[place] + 1}" if params.islands > 1 else ""
        under = [solution.key for solution in read[place]]
        lane.place(draft.key, under=under, calls=[draft], title=draft.answer or "", group=group, level=number - 1)


def _find_islands(params: Params, number: int) -> list[int]:
    """Return the island of each place in a population."""
    merges = (number - 1) * params.islands.bit_length() // params.rounds
    size = params.population // (params.islands >> merges)
    return [place // size for place in range(params.population)]


def _draw_sets(lane: LiveLane, drafts: Mapping[int, Reply], params: Params, number: int) -> list[list[Reply]]:
    """Draw what each member of the next population reads: some of its own island, or of all if that has failed."""
    islands = _find_islands(params, number + 1)
    members = {island: [drafts[place] for place in drafts if islands[place] == island] for island in islands}
    return [draw(lane, members[island] or list(drafts.values()), params.sample) for island in islands]


async def _write_prompt(lane: LiveLane, question: str, solutions: Sequence[Reply], params: Params) -> str:
    if len(solutions) == 1:
        return fill(REFINE, question=question, solution=show_solution(solutions[0]))
    shown = await lay_out(lane, solutions, params.reading_tokens)
    return fill(AGGREGATE, question=question, count=len(solutions), solutions=shown)
