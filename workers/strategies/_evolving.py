"""Islands of solutions that a search breeds: who is chosen, who stays, who moves."""

from collections.abc import Iterable, Sequence
from math import exp
from statistics import fmean
from typing import NamedTuple

from workers.core.lane import Chance, LiveLane
from workers.core.prompts import fill
from workers.core.telling import NodeState
from workers.core.values import Answer, Reply
from workers.strategies._judging import ask_judge, quote, read_verdict, say_unread
from workers.strategies._prompts import show_solution

UNKNOWN = 0.5
"""Score of a solution whose verdict cannot be read, when no other is known."""


class Candidate(NamedTuple):
    """A solution on an island, and what its judge says of it."""

    node: str
    """Its name: the draft's key, with the island and the generation of a copy."""
    island: int
    generation: int
    draft: Reply
    judge: Reply | None
    """None when it was not heard."""
    score: float | None
    """From 0 to 1; None when it cannot be read."""

    @property
    def calls(self) -> list[Reply]:
        """Return the calls that wrote and judged it."""
        return [self.draft, *([self.judge] if self.judge else [])]


Island = list[Candidate]


async def ask_judges(
    lane: LiveLane, template: str, question: str, drafts: Sequence[Reply]
) -> dict[str, tuple[Reply | None, float | None]]:
    """Let each draft be judged once, all at the same time; return by draft its judge and its score, see `Candidate`."""
    prompts = [fill(template, question=question, solution=quote(lane, [show_solution(each)])) for each in drafts]
    asked = zip(prompts, drafts, strict=True)
    judges = await lane.gather(
        [ask_judge(lane, prompt, role="judge", most=10, after=draft, temperature=0) for prompt, draft in asked]
    )
    verdicts = [read_verdict(judge, most=10) if judge else None for judge in judges]
    say_unread(lane, verdicts.count(None), len(verdicts))
    scores = [None if verdict is None else verdict / 10 for verdict in verdicts]
    return {draft.key: heard for draft, heard in zip(drafts, zip(judges, scores, strict=True), strict=True)}


async def show_judged(lane: LiveLane, candidates: Sequence[Candidate], limit: int) -> list[str]:
    """Return each solution with what its judge says, all in `limit` tokens, in equal shares; see `lay_out`."""
    share = max(32, limit // (2 * len(candidates)) - 8) if candidates else 0
    texts = [(show_solution(each.draft), each.judge.solution if each.judge else "(Nothing.)") for each in candidates]
    return [
        f"{await lane.shorten(solution, share)}\n\nWhat a judge says of it:\n{await lane.shorten(words, share)}"
        for solution, words in texts
    ]


def rate(candidates: Sequence[Candidate]) -> list[float]:
    """Return the scores, an unknown one as the mean of those that are known."""
    known = [each.score for each in candidates if each.score is not None]
    mean = fmean(known) if known else UNKNOWN
    return [mean if each.score is None else each.score for each in candidates]


def rank(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates, best first, of tied ones the earlier."""
    scores = rate(candidates)
    return [candidates[place] for place in sorted(range(len(candidates)), key=lambda place: -scores[place])]


def weigh(scores: Sequence[float], spread: float) -> list[float]:
    """Return the Boltzmann probabilities of scores: they grow by e for each `spread`; they add up to 1.

    >>> [round(chance, 4) for chance in weigh([-10, -4, -2, 0], 1)]
    [0.0, 0.0159, 0.1173, 0.8668]
    """
    weights = [exp((score - max(scores)) / spread) for score in scores]
    return [weight / sum(weights) for weight in weights]


def choose(random: Chance, candidates: Sequence[Candidate], size: int, spread: float) -> list[Candidate]:
    """Draw `size` different candidates, the better ones more often; all of them where there are fewer."""
    left, chosen = list(candidates), list[Candidate]()
    scores = rate(left)
    while left and len(chosen) < size:
        point, place = random.random(), 0
        for place, chance in enumerate(weigh(scores, spread)):  # noqa: B007  # the last one, should rounding end early
            point -= chance
            if point < 0:
                break
        chosen.append(left.pop(place))
        scores.pop(place)
    return chosen


def find_worst(islands: Sequence[Island], number: int) -> list[int]:
    """Return the places of the `number` islands with the lowest mean score, in their order; an empty one is lowest."""
    means = [fmean(rate(island)) if island else -1.0 for island in islands]
    return sorted(sorted(range(len(islands)), key=means.__getitem__)[:number])


def distinct(calls: Iterable[Reply]) -> list[Reply]:
    """Return each call once."""
    return list({call.key: call for call in calls}.values())


class World:
    """The islands and all that ever lived on them, shown as it changes; the best is the lane's offer."""

    def __init__(self, lane: LiveLane, islands: int) -> None:
        """Begin with empty islands."""
        self.lane = lane
        self.islands: list[Island] = [[] for _ in range(islands)]
        self.waited: list[Reply] = []
        """The calls that the next generation waits for."""
        self._everyone: list[Candidate] = []
        self._silent: Answer | None = None

    @property
    def best_score(self) -> float:
        """Return the highest score that a judge gave, 0 when there is none."""
        return max((each.score for each in self._everyone if each.score is not None), default=0.0)

    def find_best(self, number: int) -> list[Candidate]:
        """Return the best of all that ever lived, no text twice."""
        by_text = dict[str, Candidate]()
        for each in rank(self._everyone):
            by_text.setdefault(each.draft.solution, each)
        return list(by_text.values())[:number]

    def hear(self, drafts: Iterable[Reply]) -> None:
        """Offer the best solution, as soon as one has an answer."""
        self._silent = self._silent or Answer.from_reply(next(iter(drafts)), "no draft gives an answer")
        if self._everyone:
            self.lane.offer(self._find_answer())

    def add(self, child: Candidate, parents: Sequence[Candidate]) -> None:
        """Let a new solution live on its island, unless its text is there already."""
        if child.judge and child.score is not None:
            self.lane.score(child.draft, child.score, by=child.judge.key)
        if self._settle(child):
            self._everyone.append(child)
            self._show(child, under=parents)

    def migrate(self, place: int, number: int, generation: int) -> None:
        """Copy the best of an island to the next one, those of the last to the first."""
        target = (place + 1) % len(self.islands)
        if target != place:
            self._copy(rank(self.islands[place])[:number], target, generation)

    def reset(self, elites: Sequence[Candidate], number: int, generation: int) -> None:
        """Let elites take the place of everyone on the islands with the lowest scores."""
        for place in find_worst(self.islands, number):
            for each in self.islands[place]:
                self._show(each, state="pruned")
            self.islands[place] = []
            self._copy(elites, place, generation)

    def finish(self) -> Answer:
        """Show which solution is the answer, and return it."""
        if self._everyone:
            self._show(rank(self._everyone)[0], state="final")
        return self._find_answer()

    def _find_answer(self) -> Answer:
        if not self._everyone:
            assert self._silent
            return self._silent
        best, size = rank(self._everyone)[0], len(self._everyone)
        words = f"the first of {size}, unscored" if best.score is None else f"score {best.score:.2f}, best of {size}"
        return Answer.from_reply(best.draft, words)

    def _copy(self, candidates: Sequence[Candidate], place: int, generation: int) -> None:
        for each in candidates:
            copy = each._replace(node=f"{each.draft.key}/{place + 1}/{generation}", island=place, generation=generation)
            if self._settle(copy):
                self._show(copy, under=[each])

    def _settle(self, newcomer: Candidate) -> bool:
        island = self.islands[newcomer.island]
        is_new = all(each.draft.solution != newcomer.draft.solution for each in island)
        island += [newcomer] * is_new
        return is_new

    def _show(self, each: Candidate, *, under: Sequence[Candidate] = (), state: NodeState = "open") -> None:
        self.lane.place(
            each.node, under=[parent.node for parent in under], calls=each.calls, title=each.draft.answer or "",
            value=each.score, state=state, group=f"Island {each.island + 1}", level=each.generation - 1,
        )  # fmt: skip
