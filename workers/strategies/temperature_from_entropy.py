"""Find the temperature at which the model's drafts are still sound, and vote at that temperature.

A vote needs drafts that differ, and a high temperature makes them differ; too high a one makes them nonsense. Between
the two, entropy begins to explode: its logarithm, first bending down as the temperature rises, bends up. That turning
point can be seen without a single known answer.

Procedure:
1. Write `samples` drafts at each temperature: `step`, twice that, and so on up to `hottest`. They may be cut off.
2. At each temperature, take the mean entropy over the tokens of a draft, and the mean of that over the drafts.
3. Take the logarithm, smoothed over three neighbors if `smoothing`, and its second derivative by central differences.
   The first temperature but the ends where that is positive is the turning point; without one, the last but the end.
4. Write `drafts` drafts at the turning point, and let them vote; or, by `best_of_n`, 0.1 above it, and let a judge
   choose the best of them.

Cost: samples for each temperature + drafts calls, and as many verdicts as there are answers for best_of_n.
Depth: 2 calls, 3 for best_of_n.
Differs from the paper: a turning point is that of a model and a kind of task; here one problem must do, so there are
fewer temperatures, and the curve is smoothed. Servers give few alternatives, before temperature: entropy is taken over
these, as if there were no others, at the draft's temperature; so it is too low where it is high. Top-p is 1 for all.
Reported: MBPP, from a digest: for 11 of 13 models the temperature lies among the best, 0.6% below the best one on
average.
Source: Du et al. 2025, arXiv:2502.05234.
"""

from collections.abc import Mapping, Sequence
from math import log
from statistics import fmean
from typing import Literal

from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Measure, Problem, Reply
from workers.strategies._judging import SCORE, ask_for_verdicts
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Ballot, find_best

HOTTEST = 1.4
"""Beyond it, text falls apart."""
LEAST_ENTROPY = 1e-9
FLAT = 1e-9
"""A second derivative below this is none: what is straight must not bend by rounding."""


class Params(StrategyParams):
    """Which temperatures are tried, how often, and what follows."""

    step: float = Field(
        0.2, ge=0.1, le=0.2, title="Step", description="The lowest temperature, and from one to the next."
    )
    hottest: float = Field(1.4, ge=0.6, le=1.5, title="Hottest", description="The highest temperature that is tried.")
    samples: int = Field(4, ge=1, le=32, title="Samples", description="Drafts at each temperature.")
    sample_tokens: int = Field(
        256, ge=16, le=4096, title="Longest sample", description="Tokens after which a sample is cut off."
    )
    smoothing: bool = Field(
        default=True, title="Smoothing", description="Take the mean of three neighbors: few samples are noisy."
    )
    drafts: int = Field(8, ge=1, le=256, title="Drafts", description="Drafts at the temperature that was found.")
    form: Literal["vote", "best_of_n"] = Field(
        "vote", title="Choose by", description="Let the drafts vote, or a judge choose, at a temperature 0.1 higher."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"hottest": 1.0, "samples": 1, "smoothing": False, "drafts": 2},
    replies={
        "draft": (
            "340 + 68 is \\boxed{408}.",
            "340 + 68 is \\boxed{408}.",
            "340 + 68, so \\boxed{408}.",
            "17 times 20 plus 4 is \\boxed{344}.",
            "Blue \\boxed{7} of and",
            "It is \\boxed{408}.",
            "\\boxed{408}, for 340 + 68.",
        ),
    },
    answer="408",
    calls=7,
    depth=2,
    logprobs={"draft": (-0.02, -0.3, -0.4, -0.45, -0.69, -0.4, -0.4)},
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    heats = f"{params.samples} at each of {len(list_temperatures(params.step, params.hottest))} temperatures"
    heats += "" if params.smoothing else ", not smoothed"
    return f"{heats} · {'vote' if params.form == 'vote' else 'best'} of {params.drafts}"


@strategy(
    title="Temperature from Entropy",
    short="TURN",
    family="vote",
    source="arXiv:2502.05234",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"logprobs"}),
    wider=grow("drafts"),
)
async def temperature_from_entropy(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Sweep the temperatures, find the turning point, and draft there."""
    prompt = fill(DRAFT, question=problem.question)
    temperatures = list_temperatures(params.step, params.hottest)
    sweep = Ballot(lane, expected=len(temperatures) * params.samples)
    async with lane.round("Sweep"):
        calls = [
            lane.ask(
                prompt, role="draft", temperature=temperature, top_p=1, max_tokens=params.sample_tokens,
                measure=Measure(temperature=temperature),
            )
            for temperature in temperatures
            for _ in range(params.samples)
        ]  # fmt: skip
        await lane.gather(calls, each=sweep.cast)
    turn = _find_turn(lane, temperatures, sweep.drafts, params)
    temperature = turn if params.form == "vote" else min(HOTTEST, round(turn + 0.1, 9))
    vote = Ballot(lane, expected=params.drafts)
    async with lane.round("Drafts"):
        samples = list(sweep.drafts.values())
        await lane.ask_many(
            prompt, times=params.drafts, role="draft", temperature=temperature, top_p=1, after=samples, each=vote.cast
        )
    if params.form == "vote":
        winner = vote.winner()
        return winner.model_copy(update={"note": f"{winner.note}, at temperature {temperature:g}"})
    return await _choose(lane, problem.question, vote)


def list_temperatures(step: float, hottest: float) -> list[float]:
    """Return the temperatures of the sweep.

    >>> list_temperatures(0.2, 1.0)
    [0.2, 0.4, 0.6, 0.8, 1.0]
    """
    return [round(step * number, 9) for number in range(1, int(hottest / step + 1e-9) + 1)]


def find_turning_point(entropies: Sequence[float], *, is_smoothed: bool) -> int:
    """Return the place of the first inner temperature at which the log-entropy is convex; else the last inner one.

    `entropies` are in nats, at temperatures of one distance.

    >>> find_turning_point([0.1, 0.2, 0.3, 0.4, 0.9, 2.7], is_smoothed=False)
    3
    """
    logs = [log(max(entropy, LEAST_ENTROPY)) for entropy in entropies]
    inner = range(1, len(logs) - 1)
    if is_smoothed:  # the ends stay: what is straight remains so
        logs = [fmean(logs[place - 1 : place + 2]) if place in inner else value for place, value in enumerate(logs)]
    bends = _differ(_differ(logs))
    return next((place for place in inner if bends[place] > FLAT), max(0, len(logs) - 2))


def _differ(values: Sequence[float]) -> list[float]:
    """Return central differences; one-sided ones at the ends."""
    last = len(values) - 1
    neighbors = [(max(0, place - 1), min(last, place + 1)) for place in range(len(values))]
    return [(values[after] - values[before]) / max(1, after - before) for before, after in neighbors]


def _find_turn(lane: LiveLane, temperatures: Sequence[float], samples: Mapping[int, Reply], params: Params) -> float:
    """Return the temperature of the turning point; one without a sample that says anything is left out."""
    entropies: dict[float, float] = {}
    for number, temperature in enumerate(temperatures):
        places = range(number * params.samples, (number + 1) * params.samples)
        found = [samples[place].measured for place in places if place in samples]
        values = [odds.mean_entropy for odds in found if odds.tokens]
        if values:
            entropies[temperature] = fmean(values)
            lane.chart("Entropy in nats, by temperature", entropies[temperature], seen=number + 1)
    turn = list(entropies)[find_turning_point(list(entropies.values()), is_smoothed=params.smoothing)]
    told = ", ".join(f"{entropy:.3f} at {temperature:g}" for temperature, entropy in entropies.items())
    lane.note(f"Entropy for each token: {told}. It turns at {turn:g}.")
    return turn


async def _choose(lane: LiveLane, question: str, vote: Ballot) -> Answer:
    """Return the draft that a judge likes best."""
    if len(vote.voters) < 2:
        return vote.winner()
    async with lane.round("Judge"):
        verdicts = await ask_for_verdicts(lane, SCORE, question=question, drafts=vote.voters, times=1, most=10)
    best = find_best(vote.voters, verdicts.scores)
    if best is None:
        return vote.winner()
    return Answer.from_reply(best, f"score {verdicts.scores[best.key]:.2f}, best of {len(vote.voters)}")
