"""Let drafts vote by the model's own confidence, and end a draft early that falls below the others.

A model that guesses spreads its probability over many tokens. So the log-probabilities of its own words tell something
of a draft before any judge reads it: its lowest stretch above all. Confidence is the negative mean log-probability of
the likeliest tokens at each place; higher is more peaked. It is no probability, and it compares drafts of one problem
and one model only. A wrong answer that the model is sure of is made stronger.

Procedure, `offline`:
1. Write `drafts` drafts, and reduce the confidence of each to a score: by `score` its `mean`, the mean of the last
   `window` tokens (`tail`), the mean of the lowest tenth of all windows (`bottom_windows`), or the lowest window.
2. Only the `kept` percent with the highest scores vote. Each weighs as much as its score; the largest sum wins.
Procedure, `online`:
1. Write `warm_up` drafts. The lowest window that `kept` percent of them reach is the threshold.
2. Write the other drafts, `batch` at once; end each as soon as a full window falls below the threshold: it has no vote.
3. Go through the drafts in order of call as they end. Once an answer holds `consensus` of the weight, end the others,
   and begin no more.
4. The drafts above the threshold vote, those of the warm-up too; each weighs its lowest window.
A draft shorter than one window is a window of its own, and is never ended. If no voter has an answer, all drafts vote.

Cost: drafts calls, ended early or not; warm_up calls if those agree. Depth: 1 call offline; online 1 and one for each
batch, 1 + (drafts - warm_up) / batch, rounded up.
Differs from the paper: smaller numbers, for short answers (there 512 drafts, 16 of them to warm up, windows of 2,048).
Consensus is looked for in order of call, so that the answer does not depend on who is faster; the drafts behind that
point are ended, or do not count. There drafts are drawn one by one from a pool, and consensus saves all that come
after; drafts that are written side by side end together, so a small batch saves tokens and costs time. A draft is ended
by closing its stream: a few tokens more than needed are written.
Reported: the authors' own run of DeepSeek-8B on BRUMO 2025: online 93.3% with 2.7M tokens, the plain vote 90.0% with
5.8M. It can lose, too (from a digest): GPT-OSS-120B, HMMT 2025, 92.9% by vote, 88.9% filtered.
Source: Fu et al. 2025, arXiv:2508.15260.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, grow, strategy
from workers.core.values import Answer, Measure, Problem, Reply, Writing
from workers.strategies._judging import attempt
from workers.strategies._prompts import DRAFT
from workers.strategies._votes import Ballot, Weighed, find_best, find_heaviest, form_blocs

NOISE = 1e-9
"""Windows that are equal but for rounding."""
Score = Literal["mean", "tail", "bottom_windows", "lowest_window"]


class Params(StrategyParams):
    """How many drafts, how confidence is taken, and how many are left out."""

    mode: Literal["online", "offline"] = Field(
        "online",
        title="Mode",
        description="Online ends unsure drafts while they are written; offline drops them later.",
    )
    drafts: int = Field(16, ge=1, le=512, title="Drafts", description="All drafts, those of the warm-up included.")
    warm_up: int = Field(
        4, ge=1, le=64, title="Warm-up", description="Online: drafts that are written whole and set the threshold."
    )
    batch: int = Field(
        64, ge=1, le=512, title="Batch", description="Online: drafts written at once, after which consensus can end it."
    )
    kept: int = Field(
        90,
        ge=1,
        le=100,
        title="Kept, in percent",
        description="The most confident so many vote: 90 is careful, 10 bold; 100 leaves none out.",
    )
    score: Score = Field(
        "tail", title="Score", description="Offline: what a draft's confidence is reduced to. Online it is the lowest."
    )
    window: int = Field(128, ge=8, le=4096, title="Window", description="Tokens of a sliding window, and of the tail.")
    top: int = Field(
        20, ge=1, le=20, title="Alternatives", description="Likeliest tokens that confidence is taken over."
    )
    consensus: float = Field(
        0.95, ge=0.5, le=1, title="Consensus", description="Online: share of the weight at which drawing ends."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"drafts": 5, "warm_up": 3, "kept": 50, "window": 8},
    replies={
        "draft": (
            "17 times 20 is 340, plus 4, \\boxed{344}.",
            "340 + 68 is \\boxed{408}.",
            "About \\boxed{344}.",
            "17 times 24 is 408, so \\boxed{408}.",
            "Perhaps 17 times 24 is near 344, or near 400, I cannot say; \\boxed{344}.",
        )
    },
    answer="408",
    calls=5,
    depth=2,
    logprobs={"draft": (-0.5, -0.1, -0.3, -0.05, -0.4)},
)


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    is_online = params.mode == "online"
    score = f"warm-up {params.warm_up}" if is_online else params.score.replace("_", " ")
    by = f" by {params.batch}" if is_online and params.drafts > params.warm_up + params.batch else ""
    return f"{params.mode} · {params.drafts} drafts{by} · {score} · {params.kept} % kept · window {params.window:,}"


@strategy(
    title="Confidence Voting",
    short="DeepConf",
    family="vote",
    source="arXiv:2508.15260",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"logprobs"}),
    wider=grow("drafts"),
)
async def confidence_voting(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft, leave the unsure out, and vote by confidence."""
    is_online = params.mode == "online"
    size = min(params.warm_up, params.drafts) if is_online else params.drafts
    measure = Measure(top=params.top, window=params.window, tail=params.window)
    prompt, ballot = fill(DRAFT, question=problem.question), Ballot(lane, expected=params.drafts)
    async with lane.round("Warm-up" if is_online else "Drafts"):
        drafts = await lane.ask_many(prompt, times=size, role="draft", measure=measure, each=ballot.cast)
    vote = Vote(lane, drafts, params)
    for draft in drafts:
        await vote.count(draft)
    for start in range(size, params.drafts, params.batch):
        if vote.is_clear:
            break
        async with lane.round("Online"):
            calls = [
                lane.ask(prompt, role="draft", measure=measure, after=drafts, until=vote.is_lost)
                for _ in range(min(params.batch, params.drafts - start))
            ]
            ended = await lane.gather([_follow(call, place, vote, ballot) for place, call in enumerate(calls, start)])
        drafts = [draft for draft in ended if draft] or drafts
    return vote.close() or ballot.winner()


async def _follow(call: Coroutine[Any, Any, Reply], place: int, vote: "Vote", ballot: Ballot) -> Reply | None:
    draft = await attempt(call)
    if draft and not draft.is_pruned:
        await ballot.cast(place, draft)
    await vote.hear(place, draft)
    return draft


class Vote:
    """Weighs drafts by their confidence, in order of call, until one answer holds enough of the weight."""

    def __init__(self, lane: LiveLane, warm_up: Sequence[Reply], params: Params) -> None:
        """Set the threshold, by the drafts of the warm-up alone."""
        self.is_clear = False
        """An answer holds enough of the weight: nothing more needs to be written."""
        self._lane = lane
        self._score: Score = "lowest_window" if params.mode == "online" else params.score
        self._line = float(np.percentile([rate(draft, self._score) for draft in warm_up], 100 - params.kept)) - NOISE
        self._consensus = params.consensus - NOISE
        self._kept: list[Reply] = []
        self._weights: dict[str, float] = {}
        self._chosen: Weighed | None = None
        self._ended: dict[int, Reply | None] = {}
        self._next = params.warm_up
        self._counting = asyncio.Lock()

    def is_lost(self, writing: Writing) -> bool:
        """Say whether a draft need not be written to its end."""
        lowest = writing.lowest_window
        return self.is_clear or (lowest is not None and lowest < self._line)

    async def hear(self, place: int, draft: Reply | None) -> None:
        """Count a draft as soon as all that were called before it are counted; None is one that failed."""
        async with self._counting:
            self._ended[place] = draft
            while self._next in self._ended and not self.is_clear:
                if ended := self._ended[self._next]:
                    await self.count(ended)
                self._next += 1

    async def count(self, draft: Reply) -> None:
        """Weigh one more draft."""
        self._weights[draft.key] = confidence = rate(draft, self._score)
        self._lane.chart("Confidence", confidence, seen=len(self._weights), threshold=self._line)
        if draft.is_pruned or confidence < self._line:
            return
        self._kept.append(draft)
        self._chosen = find_heaviest(await form_blocs(self._kept, self._lane.equal), self._weights)
        self.is_clear = bool(self._chosen and self._chosen.share >= self._consensus)

    def close(self) -> Answer | None:
        """Return the answer that holds most of the weight; None when no voter has an answer."""
        left_out = len(self._weights) - len(self._kept)
        self._lane.note(f"{left_out} of {len(self._weights)} drafts were less confident than {self._line:.2f}.")
        if self._chosen is None:
            return None
        drafts, share = self._chosen.bloc.drafts, self._chosen.share
        note = f"{share:.0%} of the confidence, {len(drafts)} of {len(self._kept)} votes"
        return Answer.from_reply(find_best(drafts, self._weights) or drafts[0], note)


def rate(draft: Reply, score: Score) -> float:
    """Return a draft's confidence, reduced to one number."""
    odds = draft.measured
    return {
        "mean": odds.confidence,
        "tail": odds.tail_confidence,
        "bottom_windows": odds.bottom_windows,
        "lowest_window": odds.lowest_window,
    }[score]
