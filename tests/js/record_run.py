"""Writes tests/js/recorded_run.json: six lanes of invented text, played through the real lane.

Run it again (`.venv/bin/python -m tests.js.record_run`) after events or lanes change; it gives the same every time.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from workers.core import events
from workers.core.answers import is_same_answer
from workers.core.asking import LaneSettings
from workers.core.errors import StreamCut
from workers.core.lane import LiveLane
from workers.core.model import Chunk, Request
from workers.core.telling import NodeState
from workers.core.values import Answer, Reply, Sampling, Usage, Writing

QUESTION = (
    r"How many ordered triples $(a, b, c)$ of positive integers satisfy "
    r"$\operatorname{lcm}(a, b, c) = 2^3 \cdot 3^4 \cdot 5^2$ and $\gcd(a, b, c) = 1$?"
)
STEPS = (
    "The exponents of 2, 3 and 5 can be chosen independently, so I count for one prime with exponent $e$ and multiply.",
    "The maximum of the three exponents has to be $e$ and the minimum has to be $0$.",
    r"By inclusion and exclusion $$(e+1)^3 - 2e^3 + (e-1)^3 = 6e.$$",
    "Check with $e = 1$: of the 8 triples of zeros and ones, two are constant, so 6 remain. This agrees.",
    "For e = 2: exponents in {0, 1, 2} with minimum 0 and maximum 2 give 27 - 8 - 8 + 1 = 12, which is again 6e.",
    r"The primes are independent, therefore the number of triples is $18 \cdot 24 \cdot 12$.",
)
NOTES = (
    "- Per prime, exponents need minimum 0 and maximum e.\n- Two counts are claimed: 6e and (e+1)^3 - e^3.\n"
    "- Open: does (e+1)^3 - e^3 respect the gcd?\n- Candidates: 5184 (3 drafts), 42883 (2), 1296, 864\n",
    "- Per prime, exponents need minimum 0 and maximum e.\n- The count is 6e; listed in full for e = 1.\n"
    "- (e+1)^3 - e^3 ignores the gcd, so 42883 is refuted.\n- Candidates: 5184 (2 drafts), 864 (1)\n",
)
THOUGHT = "Hmm, let me see 𝒜 😀. First I should look at one prime at a time."
HOSTILE = (
    '<img src=x onerror="alert(1)"> <script>alert(2)</script> [x](javascript:alert(3)) $\\href{javascript:alert(4)}{x}$'
)


class Storyteller:
    """A model that thinks, writes, stumbles and cuts off as each key tells it."""

    def __init__(self, answers: dict[str, str], *, broken: str = "", restarted: str = "") -> None:
        self._answers = answers
        self._broken = broken
        self._restarted = restarted

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        chance = random.Random(request.seed)
        answer = self._answers.get(request.key, "")
        words = _write(request, answer, chance).split(" ")
        if answer == "cut":
            words = words[:30]
        thought = THOUGHT.split(" ")
        for word in thought if request.role == "draft" else ():
            yield Chunk(thinking=word + " ", tokens=1)
            await asyncio.sleep(0)
        for index in range(0, len(words), 4):
            if request.key == self._restarted and index == 8:
                yield Chunk(restarted="The model server closed the stream after 8 tokens; asking again.")
            if request.key == self._broken and index == 20:
                raise StreamCut("The model server closed the stream after 20 tokens with no finish reason.")
            piece = words[index : index + 4]
            yield Chunk(text=" ".join(piece) + " ", tokens=len(piece))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        usage = Usage(prompt_tokens=len(request.messages[0].content) // 4, completion_tokens=len(words))
        yield Chunk(finish_reason="length" if answer == "cut" else "stop", usage=usage)

    async def count_tokens(self, text: str) -> int:
        return len(text.split())


def _write(request: Request, answer: str, chance: random.Random) -> str:
    if request.role == "distill":
        return NOTES[int(request.key[-1]) - 1].replace("\n", " \n")
    steps = list(STEPS)
    chance.shuffle(steps)
    text = "\n\n".join(steps[: chance.randint(3, 6)])
    if answer == "hostile":
        return f"{HOSTILE}\n\n{text}\n\nAnswer: \\boxed{{5184}}"
    return text if answer in ("cut", "none") else f"{text}\n\nSo the answer is \\boxed{{{answer}}}"


async def _direct(lane: LiveLane) -> Answer:
    async with lane.round("Draft"):
        reply = await lane.ask(QUESTION, role="draft")
    return Answer(text=reply.text, answer=reply.answer)


async def _vote(lane: LiveLane) -> Answer:
    tallies: list[events.Tally] = []
    silent: list[str] = []

    async def count(_index, reply):
        if reply.answer is None:
            silent.append(reply.key)
        else:
            for place, tally in enumerate(tallies):
                if is_same_answer(tally.answer, reply.answer):
                    tallies[place] = events.Tally(answer=tally.answer, calls=(*tally.calls, reply.key))
                    break
            else:
                tallies.append(events.Tally(answer=reply.answer, calls=(reply.key,)))
        lane.tally(tallies, silent, 8)

    async with lane.round("Drafts"):
        await lane.ask_many(QUESTION, times=8, role="draft", each=count)
    best = max(tallies, key=lambda tally: len(tally.calls))
    return Answer(text=best.answer, answer=best.answer, note=f"{len(best.calls)} of 7 votes")


async def _refine(lane: LiveLane) -> Answer:
    reply: Reply | None = None
    for number in range(1, 5):
        async with lane.round(f"Round {number}"):
            text = QUESTION if reply is None else f"{QUESTION}\n\n{reply.text}"
            reply = await lane.ask(text, role="draft" if reply is None else "refine", after=reply)
    assert reply
    lane.note("Round 3 changed the answer; round 4 kept it.")
    return Answer(text=reply.text, answer=reply.answer, note="from round 4")


async def _distill(lane: LiveLane) -> Answer:
    workspace, before = "", None
    for number, width in enumerate((8, 4), 1):
        async with lane.round(f"Round {number}"):
            drafts = await lane.ask_many(f"{QUESTION}\n{workspace}", times=width, role="draft", after=before)
            before = await lane.ask("\n".join(d.text for d in drafts), role="distill", after=drafts, max_tokens=256)
            workspace = await lane.write_workspace(before.text, limit=96, after=before)
    async with lane.round("Refine"):
        final = await lane.ask(f"{QUESTION}\n{workspace}", role="refine", after=before)
    return Answer(text=final.text, answer=final.answer, note="from the last draft")


async def _search(lane: LiveLane) -> Answer:
    """Two levels of a tree: of the nodes of each, the better half is kept; one step is pruned while it is written."""
    lane.place("root", title="The question")
    best, parents, names = Reply("", "", "", "stop", Usage(), None), ["root"], iter("abcdefgh")
    for level in (1, 2):
        async with lane.round(f"Level {level}"):
            children = [(next(names), parent) for parent in parents for _ in range(4 // len(parents))]
            steps = await lane.gather(
                [
                    lane.ask(
                        QUESTION, role="draft", branch=name, after=best if best.key else None,
                        until=_is_long if name == "d" else _never,
                    )
                    for name, _ in children
                ]
            )  # fmt: skip
            values = [(place * 7 % 4) / 4 for place in range(4)]
            for (name, parent), step, value in zip(children, steps, values, strict=True):
                lane.place(name, under=[parent], calls=[step], value=value, level=level)
                lane.score(step, value, by="value")
            kept = sorted(range(4), key=lambda place: -values[place])[:2]
            for place, (name, parent) in enumerate(children):
                leads = level == 2 and place == kept[0]
                state: NodeState = "final" if leads else "kept" if place in kept else "pruned"
                lane.place(name, under=[parent], calls=[steps[place]], value=values[place], level=level, state=state)
            lane.chart("best value", max(values) + level / 10, seen=4 * level, threshold=0.9)
            best, parents = steps[kept[0]], [children[place][0] for place in kept]
    lane.use("calculator", "18 * 24 * 12", "5184", after=best)
    return Answer(text=best.text, answer=best.answer, note="the best leaf")


def _is_long(writing: Writing) -> bool:
    return writing.tokens > 20


def _never(_writing: Writing) -> bool:
    return False


async def _spawn(lane: LiveLane) -> Answer:
    """A line that spawns two children, one of which spawns a third, and goes on with what they found."""
    async with lane.round("Threads"):
        parent = await lane.ask(QUESTION, role="parent", stop=["So the answer"])

        async def second() -> Reply:
            child = await lane.ask(QUESTION, role="child", branch="child-2", after=parent)
            inner = await lane.ask(child.text, role="child", branch="child-2.child-1", after=child)
            return await lane.ask(QUESTION, role="child", branch="child-2", after=[child, inner])

        children = await lane.gather([lane.ask(QUESTION, role="child", branch="child-1", after=parent), second()])
        joined = await lane.ask(QUESTION, role="draft", begun=parent.text, after=[parent, *children])
    return Answer(text=joined.text, answer=joined.answer, note="from the parent's line")


def _keyed(role: str, answers: list[str]) -> dict[str, str]:
    return {f"{role}-{place}": answer for place, answer in enumerate(answers, 1)}


class Recorded(NamedTuple):
    """One lane to play."""

    strategy: str
    title: str
    short: str
    family: str
    describe: str
    solve: Callable[[LiveLane], Awaitable[Answer]]
    model: Storyteller
    calls: int


VOTES = ["5184", "42883", "5184", "1296", "5184", "none", "864", "42883"]
DRAFTS = ["5184", "42883", "5184", "1296", "5184", "cut", "864", "42883", "5184", "5184", "none", "864"]
LANES = (
    Recorded(
        "direct", "Direct", "Direct", "single", "long chain of thought",
        _direct, Storyteller({"draft-1": "hostile"}), 1,
    ),
    Recorded(
        "self_consistency", "Self-consistency", "SC", "vote", "8 votes",
        _vote, Storyteller(_keyed("draft", VOTES), restarted="draft-2"), 8,
    ),
    Recorded(
        "sequential_refinement", "Sequential Refinement", "SR", "refine", "4 rounds",
        _refine, Storyteller({"draft-1": "1728", **_keyed("refine", ["5184", "1296", "1296"])}), 4,
    ),
    Recorded(
        "parallel_distill_refine", "Parallel-Distill-Refine", "PDR", "refine", "widths 8, 4, 1 · workspace 96",
        _distill, Storyteller({**_keyed("draft", DRAFTS), "refine-1": "5184"}, broken="draft-11"), 15,
    ),
    Recorded(
        "tree_of_thoughts", "Tree of Thoughts", "ToT", "search", "2 levels, 4 wide",
        _search, Storyteller({f"{name}.draft-1": "5184" for name in "abcefgh"}), 8,
    ),
    Recorded(
        "adaptive_parallel_reasoning", "Adaptive Parallel Reasoning", "APR", "threads", "2 children",
        _spawn, Storyteller({"draft-1": "5184"}), 6,
    ),
)  # fmt: skip


class Clock:
    """Milliseconds that pass with every look."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 7
        return self.now


async def record() -> dict[str, Any]:
    """Play all lanes at once and return facts, events and the estimate of each."""
    log: list[events.Event] = []
    clock = Clock()
    await asyncio.gather(*(_play(place, lane, log, clock) for place, lane in enumerate(LANES, 1)))
    log.append(events.RunEnded(lane=0, at=clock(), status="finished"))
    return {"facts": _facts(), "events": [event.model_dump(mode="json") for event in _resume(log)]}


async def _play(place: int, recipe: Recorded, log: list[events.Event], clock: Clock) -> None:
    settings = LaneSettings(lane=10 + place, model_name="invented", sampling=Sampling(), seed=place)

    def emit(event: events.Event, _prompt: str | None = None) -> None:
        log.append(event)

    lane = LiveLane(settings, model=recipe.model, emit=emit, clock=clock, random=random.Random(place))
    emit(events.LaneStarted(lane=settings.lane, at=clock()))
    answer = await recipe.solve(lane)
    emit(events.AnswerGiven(lane=settings.lane, at=clock(), is_partial=False, **answer.model_dump()))
    verdict = {"ruling": "right" if answer.answer == "5184" else "wrong", "expected": "5184", "grader": "number"}
    emit(events.VerdictReached(lane=settings.lane, at=clock(), explanation="Compared as numbers.", **verdict))
    end = {"ledger": lane.ledger(), "seconds": clock() / 1000, "stopped_by": ""}
    emit(events.LaneFinished(lane=settings.lane, at=clock(), **end))


def _resume(log: list[events.Event]) -> list[events.Event]:
    """Take lane 14 over in its first round: open texts start again, as a second worker would write them."""
    opened = next(place for place, event in enumerate(log) if event.lane == 14 and event.kind == "call_finished")
    at = log[opened].at + 1
    again = [event for event in log[:opened] if event.lane == 14 and event.kind == "text_delta" and event.at < at]
    ended = {event.call for event in log[: opened + 1] if event.lane == 14 and event.kind == "call_finished"}
    repeats = [event.model_copy(update={"at": at + 1}) for event in again if event.call not in ended]
    return [*log[: opened + 1], events.LaneResumed(lane=14, at=at, fence=2), *repeats, *log[opened + 1 :]]


def _facts() -> dict[str, object]:
    run = {
        "id": "recorded", "title": "Ordered triples", "status": "running", "created_at": "2026-11-22T14:02:00Z",
        "started_at": "2026-11-22T14:02:01Z", "ended_at": None, "seed": 1,
        "budget_tokens": None, "budget_seconds": None,
    }  # fmt: skip
    problem = {"question": QUESTION, "answer": "5184", "grader": "number"}
    return {"run": run, "problem": problem, "lanes": [_lane(place, lane) for place, lane in enumerate(LANES, 1)]}


def _lane(place: int, recipe: Recorded) -> dict[str, object]:
    estimate = {"calls": recipe.calls, "depth": 1, "total_tokens": 4096, "critical_path_tokens": 2048}
    is_search = recipe.family == "search"
    return {
        "id": 10 + place, "column": place, "row": 1, "repeat": 1, "status": "queued", "strategy": recipe.strategy,
        "title": recipe.title, "short": recipe.short, "family": recipe.family, "describe": recipe.describe,
        "params": {}, "model": "invented", "sampling": Sampling().model_dump(), "estimate": estimate,
        "shows": {"nodes": is_search, "statistics": ["best value"] * is_search},
    }  # fmt: skip


if __name__ == "__main__":
    recorded = asyncio.run(record())
    lines = ",\n".join(json.dumps(event, ensure_ascii=False) for event in recorded["events"])
    facts = json.dumps(recorded["facts"], ensure_ascii=False)
    Path(__file__).with_name("recorded_run.json").write_text(f'{{"facts": {facts}, "events": [\n{lines}\n]}}\n')
