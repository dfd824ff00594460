"""Count the answers of drafts, merging those that mean the same."""

import asyncio
from collections.abc import Mapping, Sequence
from math import fsum
from statistics import fmean
from typing import Literal, NamedTuple

from workers.core.events import Tally
from workers.core.lane import Equal, LiveLane
from workers.core.values import Answer, Measure, Reply

Selector = Literal["naive", "weighted", "majority"]
"""What chooses among judged drafts: the highest score, the sums of scores by answer, the votes."""


class Bloc(NamedTuple):
    """Drafts that give the same answer."""

    answer: str
    """The earliest spelling."""
    drafts: tuple[Reply, ...]
    """In order of call, never empty."""


class Weighed(NamedTuple):
    """The bloc that a weighted vote chooses."""

    bloc: Bloc
    share: float
    """Its part of all weights, from 0 to 1."""


async def form_blocs(drafts: Sequence[Reply], equal: Equal) -> list[Bloc]:
    """Put every draft that has an answer into the first bloc whose earliest answer equals its own.

    `drafts` stand in order of call; so do the blocs, by their first member. A draft without an answer is in none.
    """
    blocs: list[tuple[str, list[Reply]]] = []
    by_spelling: dict[str, list[Reply]] = {}  # what was spelled so before went into the first that is equal
    for draft in drafts:
        if draft.answer is None:
            continue
        if draft.answer not in by_spelling:
            for answer, members in blocs:
                if await equal(answer, draft.answer):
                    by_spelling[draft.answer] = members
                    break
            else:
                by_spelling[draft.answer] = []
                blocs.append((draft.answer, by_spelling[draft.answer]))
        by_spelling[draft.answer].append(draft)
    return [Bloc(answer, tuple(members)) for answer, members in blocs]


def find_leader(blocs: Sequence[Bloc]) -> Bloc | None:
    """Return the bloc with the most drafts, of tied ones the one whose first draft was called first."""
    return max(blocs, key=lambda bloc: len(bloc.drafts), default=None)


def find_heaviest(blocs: Sequence[Bloc], weights: Mapping[str, float]) -> Weighed | None:
    """Return the bloc whose drafts have the largest sum of weights; of tied ones the larger, then the earlier.

    `weights` are by call and not negative. A draft of unknown weight counts as much as the mean of the known ones.
    Sums, never means: a mean would let one confident draft outvote all others.
    """
    known = [weights[draft.key] for bloc in blocs for draft in bloc.drafts if draft.key in weights]
    mean = fmean(known) if known else 1.0
    # rounded, so that 0.1 + 0.2 and 0.3 are a tie
    sums = [round(fsum(weights.get(draft.key, mean) for draft in bloc.drafts), 9) for bloc in blocs]
    heaviest = max(range(len(blocs)), key=lambda place: (sums[place], len(blocs[place].drafts)), default=None)
    if heaviest is None:
        return None
    return Weighed(blocs[heaviest], sums[heaviest] / (fsum(sums) or 1))


def find_best(drafts: Sequence[Reply], scores: Mapping[str, float]) -> Reply | None:
    """Return the draft with the highest score, of tied ones the first; None when no score is known."""
    known = [draft for draft in drafts if draft.key in scores]
    return max(known, key=lambda draft: scores[draft.key], default=None)


class Ballot:
    """A vote that is counted anew, shown, and offered as the lane's answer, after every draft.

    Drafts that end at the same moment are counted once, together: hundreds may.
    """

    def __init__(self, lane: LiveLane, *, expected: int) -> None:
        """Open a vote of `expected` drafts."""
        self._lane = lane
        self._expected = expected
        self._drafts: dict[int, Reply] = {}
        self._blocs: list[Bloc] = []
        self._counted = 0
        self._counting = asyncio.Lock()

    async def cast(self, index: int, draft: Reply) -> None:
        """Count one more draft; `index` is its place among the calls, whenever it arrives."""
        self._drafts[index] = draft
        async with self._counting:
            if self._counted < len(self._drafts):
                await asyncio.sleep(0)  # whoever ends now is cast too
                await self._count()

    async def _count(self) -> None:
        drafts = list(self.drafts.values())
        self._blocs = await form_blocs(drafts, self._lane.equal)
        self._counted = len(drafts)
        tallies = [Tally(answer=bloc.answer, calls=tuple(d.key for d in bloc.drafts)) for bloc in self._blocs]
        silent = [draft.key for draft in drafts if draft.answer is None]
        self._lane.tally(tallies, silent, self._expected)
        if tallies:
            self._lane.offer(self.winner())

    async def add(self, draft: Reply) -> None:
        """Count one more draft, whose place is behind all others."""
        await self.cast(max(self._drafts, default=-1) + 1, draft)

    @property
    def drafts(self) -> dict[int, Reply]:
        """Return the drafts so far, by their place among the calls, in that order."""
        return {place: self._drafts[place] for place in sorted(self._drafts)}

    @property
    def voters(self) -> list[Reply]:
        """Return the drafts so far that have an answer, in order of call."""
        return [draft for draft in self.drafts.values() if draft.answer is not None]

    @property
    def blocs(self) -> list[Bloc]:
        """Return the drafts so far by their answers, see `form_blocs`."""
        return self._blocs

    def winner(self) -> Answer:
        """Return the leading answer, in the words of its earliest draft; after the first draft was cast."""
        leader = find_leader(self._blocs)
        if leader is None:
            return Answer.from_reply(self._drafts[min(self._drafts)], note="no draft gives an answer")
        votes = sum(len(bloc.drafts) for bloc in self._blocs)
        return Answer.from_reply(leader.drafts[0], note=f"{len(leader.drafts)} of {votes} votes")


async def hold_vote(lane: LiveLane, prompt: str, *, drafts: int, measure: Measure | None = None) -> Ballot:
    """Write drafts of one prompt in parallel, as the lane's first round, and let their answers vote.

    With `measure` their log-probabilities are taken, which the backend must offer.
    """
    ballot = Ballot(lane, expected=drafts)
    async with lane.round("Drafts"):
        await lane.ask_many(prompt, times=drafts, role="draft", measure=measure, each=ballot.cast)
    return ballot


def choose(ballot: Ballot, scores: Mapping[str, float], selector: Selector) -> Answer:
    """Return the draft of the highest score, or the best draft of the answer that has the most scores or votes.

    `scores` are by call, as far as they are known; where none is, the votes decide.
    """
    best = find_best(ballot.voters, scores)
    chosen = find_heaviest(ballot.blocs, scores if selector == "weighted" else {})
    if best is None or chosen is None:
        return ballot.winner()
    if selector == "naive":
        return Answer.from_reply(best, f"score {scores[best.key]:.2f}, best of {len(ballot.voters)}")
    drafts = chosen.bloc.drafts
    unit = "votes" if selector == "majority" else "the scores"
    return Answer.from_reply(find_best(drafts, scores) or drafts[0], f"{chosen.share:.0%} of {unit}")
