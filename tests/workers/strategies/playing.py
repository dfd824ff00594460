"""Play a strategy with a scripted model, and keep everything that happened."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, overload

from workers.backends.replay import digest_prompt
from workers.backends.scripted import ScriptedModel
from workers.core import events
from workers.core.asking import LaneSettings
from workers.core.assignments import Recorded
from workers.core.errors import ModelError
from workers.core.lane import Equal, LiveLane
from workers.core.model import Chunk, Model, Request
from workers.core.strategy import Strategy
from workers.core.values import Answer, Problem, Sampling

JUDGING_ROLES = ("judge", "compare", "review")
STEPPING_ROLES = ("step",)
QUESTION = "How many primes are below 10?"
Replies = Mapping[str, Sequence[str]]


class Endless(Sequence[str]):
    """As many replies as are asked for."""

    def __init__(self, write: Callable[[int], str]) -> None:
        self._write = write

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        assert isinstance(index, int)
        return self._write(index + 1)

    def __len__(self) -> int:
        return 100_000


class AnyReplies(dict[str, Sequence[str]]):
    """A script that has something to say in every role: `draft-3` says `draft3 … \\boxed{…}`; judges give verdicts.

    A step says something, but no final answer; a parent hands out two tasks at first.
    """

    def get(self, counter: str, default: Any = None) -> Sequence[str]:
        role = counter.rpartition(".")[2]
        turn = " and goes on. So it is. It" if role == "prefix" else " and"  # beginnings are cut at turns
        end = "." if role in STEPPING_ROLES else f"{turn} ends in \\boxed{{{{{{0}}}}}}."
        verdict = "\nVerdict: {0}" if role in JUDGING_ROLES else ""
        tasks = '<spawn>["One task.", "Another."]</spawn>' if role == "parent" else ""
        return Endless(
            lambda number: (
                tasks
                if tasks and number == 1
                else f"{role}{number} names [{number}, 1]" + (end + verdict).format(number % 3)
            )
        )


class ThinkingModel:
    """Sends what a scripted reply says before `</think>` on the thinking channel, as servers with a parser do."""

    def __init__(self, scripted: ScriptedModel) -> None:
        self._scripted = scripted

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        is_thinking = True
        async with aclosing(self._scripted.stream(request)) as chunks:
            async for chunk in chunks:
                thought, end, text = chunk.text.partition("</think>") if is_thinking else ("", "", chunk.text)
                is_thinking = is_thinking and not end
                yield chunk._replace(text=text, thinking=thought)

    async def count_tokens(self, text: str) -> int:
        return await self._scripted.count_tokens(text)


class ReadingJudge:
    """Lets a function of the prompt say what a judge says; everything else is scripted."""

    def __init__(self, scripted: ScriptedModel, judge: Callable[[str], str]) -> None:
        self._scripted = scripted
        self._judge = judge

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        if request.role in JUDGING_ROLES:
            self._scripted.asked.append(request)
            yield Chunk(text=self._judge(request.messages[0].content), tokens=1, finish_reason="stop")
            return
        async with aclosing(self._scripted.stream(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, text: str) -> int:
        return await self._scripted.count_tokens(text)


class Played(NamedTuple):
    """A lane that has ended."""

    answer: Answer | None
    error: BaseException | None
    lane: LiveLane
    events: list[events.Event]
    model: ScriptedModel

    def all_of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def graph(self) -> dict[str, frozenset[str]]:
        """Every call's key, with the keys it came after."""
        return {event.call: frozenset(event.after) for event in self.all_of(events.CallStarted)}

    @property
    def prompts(self) -> dict[str, str]:
        """The first message of every call that has one: a text may be scored after nothing."""
        return {request.key: request.messages[0].content for request in self.model.asked if request.messages}

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """Every fact by its identity, without its time."""
        return {e.identity: e.model_dump(exclude={"at", "marks", "first_token_at"}) for e in self.events if e.is_fact}

    @property
    def journal(self) -> dict[str, Recorded]:
        """What a resumed lane would know: finished calls in the order in which they ended."""
        digests = {request.key: digest_prompt(request) for request in self.model.asked}
        return {
            e.call: Recorded(
                digests[e.call], e.text, e.thinking, e.finish_reason, e.usage, stopped_by=e.stopped_by, odds=e.odds
            )
            for e in self.all_of(events.CallFinished)
        }


class Stage:
    """A lane about to be played."""

    def __init__(
        self,
        strategy: Strategy,
        params: Mapping[str, Any] | None = None,
        *,
        replies: Replies | None = None,
        question: str = QUESTION,
        seed: int = 0,
        arrival: int = 0,
        max_tokens: int = 512,
        budget_tokens: int | None = None,
        faults: Mapping[str, ModelError] | None = None,
        pauses: Collection[str] = (),
        logprobs: Mapping[str, Sequence[float]] | None = None,
        models: Mapping[str, str] | None = None,
        corpus: str | None = None,
        wrap: Callable[[ScriptedModel], Model] = lambda scripted: scripted,
        equal: Equal | None = None,
        settle: bool = False,
        watch: Callable[[events.Event], None] = lambda event: None,
    ) -> None:
        self.strategy = strategy
        self._watch = watch
        self.params = strategy.params.model_validate(params or {})
        self.question = question
        self.events: list[events.Event] = []
        script = AnyReplies() if replies is None else replies
        self.model = ScriptedModel(script, faults=faults, pauses=pauses, logprobs=logprobs, seed=arrival)
        sampling = Sampling(max_tokens=max_tokens)
        settings = LaneSettings(
            1, "scripted", sampling, seed, budget_tokens, models=models or {}, corpus=corpus, settle=settle
        )
        self.lane = LiveLane(
            settings,
            model=wrap(self.model),
            emit=self._listen,
            clock=lambda: len(self.events),
            random=random.Random(seed),
            **({"equal": equal} if equal else {}),
        )

    def _listen(self, event: events.Event, prompt: str | None) -> None:
        self._watch(event)
        self.events.append(event)

    async def solve(self) -> Answer:
        answer: Answer = await self.strategy.solve(Problem(question=self.question), self.lane, self.params)
        return answer

    async def play(self) -> Played:
        """Play to the end, or to the error; a lane that hangs fails here."""
        answer, error = None, None
        try:
            async with asyncio.timeout(30):
                answer = await self.solve()
        except TimeoutError:
            raise
        except Exception as failure:
            error = failure
        return self.ended(answer, error)

    def ended(self, answer: Answer | None = None, error: BaseException | None = None) -> Played:
        return Played(answer, error, self.lane, self.events, self.model)


async def play(strategy: Strategy, params: Mapping[str, Any] | None = None, **settings: Any) -> Played:
    """Play a strategy that must not fail."""
    played = await Stage(strategy, params, **settings).play()
    if played.error:
        raise played.error
    return played


async def play_example(strategy: Strategy, **settings: Any) -> Played:
    example = strategy.example
    script = {"replies": example.replies, "logprobs": example.logprobs}
    return await play(strategy, example.params, question=example.question, **script, **settings)


async def settle() -> None:
    """Let everything run that can run without waiting."""
    for _ in range(3_000):
        await asyncio.sleep(0)
