"""The object that a strategy works with: it asks the model, and tells everybody what happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, TypeVar, Unpack

from workers.core import events
from workers.core.answers import compare_plainly, is_same_answer
from workers.core.asking import After, LaneSettings, Wishes, find_measure, write_request
from workers.core.call import LiveCall
from workers.core.errors import BudgetSpent, CorpusGone, ModelError, StrategyError
from workers.core.ledger import NEVER, sum_up
from workers.core.model import Message, Model, estimate_tokens
from workers.core.telling import NodeState
from workers.core.values import Answer, Reply, Writing

SOLUTION_ROLES = frozenset({"draft", "refine"})
"""Roles whose text is offered as a full solution: an answer is read out of it."""

Equal = Callable[[str, str], Awaitable[bool]]
Outcome = TypeVar("Outcome")


class Chance(Protocol):
    """The part of `random.Random` that strategies may use."""

    def sample(self, population: Sequence[int], k: int) -> list[int]:
        """Draw k distinct members."""
        ...

    def random(self) -> float:
        """Draw from [0, 1)."""
        ...


async def _is_plainly_equal(one: str, other: str) -> bool:
    return is_same_answer(one, other)


class LiveLane:
    """One recipe at work on one problem.

    `emit` takes every event in order; `clock` gives milliseconds since the run began; `equal` is asked whether two
    answers mean the same when spelling and numbers cannot tell (the worker's knows mathematics).
    """

    def __init__(  # noqa: PLR0913  # all that comes from outside
        self,
        settings: LaneSettings,
        *,
        model: Model,
        emit: Callable[[events.Event, str | None], None],
        clock: Callable[[], int],
        random: Chance,
        equal: Equal = _is_plainly_equal,
    ) -> None:
        """Take everything that comes from outside: model, listener, time, chance."""
        self.settings = settings
        self.random = random
        self.clock = clock
        self.best: Answer | None = None
        self.leaving = ""
        """Why the lane is left to another worker; then open calls are given up, not cancelled."""
        self._model = model
        self._emit = emit
        self._equal = equal
        self._equalities: dict[tuple[str, str], bool] = {}
        self._shortened: dict[tuple[str, int], str] = {}
        self._calls: list[LiveCall] = []
        self._ends: dict[str, Reply] = {}
        self._spent = 0
        self._asked = self._promised = 0
        self._positions: Counter[str] = Counter()
        self._round = 0
        self._rounds = 0
        self._told: Counter[str] = Counter()

    # --- asking -------------------------------------------------------------------------------------------

    def ask(
        self, prompt: str | Sequence[Message], *, role: str, **wishes: Unpack[Wishes]
    ) -> Coroutine[Any, Any, Reply]:
        """Ask the model once and return its reply; raises ModelError when the call cannot be completed.

        The call's key is reserved here, before anything is awaited, so keys never depend on who is faster.
        """
        branch = wishes.get("branch", "")
        counter = f"{branch}.{role}" if branch else role
        self._positions[counter] += 1
        key = f"{counter}-{self._positions[counter]}"
        if self._is_beyond_play(prompt):
            return self._end_play()
        model = self.settings.models.get(wishes.get("model", ""), self.settings.model_name)
        request = write_request(self.settings, prompt, key=key, role=role, model=model, wishes=wishes)
        goes_on = next((call for call in self._calls if call.request.key == branch), None) if branch else None
        call = LiveCall(
            self.settings.lane, request, self._round,
            _keys(wishes.get("after")), offers_solution=role in SOLUTION_ROLES and not wishes.get("scored"),
            given_up=self.settings.given_up.get(key, NEVER), thread=goes_on.thread if goes_on else branch,
            other_model=model if model != self.settings.model_name else "", measure=find_measure(wishes),
        )  # fmt: skip
        return self._run(call, wishes.get("until"))

    def expect(self, calls: int) -> None:
        """Say how many calls follow at once: a play that may not have them ends before anything is made of them."""
        most = self.settings.most_calls
        if most is not None and self._asked + calls > most:
            self._asked += calls
            raise BudgetSpent("The play is asked for more than it may be.")

    def _is_beyond_play(self, prompt: str | Sequence[Message]) -> bool:
        """Say whether a play is asked for more than it may be; nothing of it is kept, or it could fill the memory."""
        limits = self.settings
        if limits.most_calls is None:
            return False
        self._asked += 1
        self._promised += estimate_tokens(prompt if isinstance(prompt, str) else "".join(m.content for m in prompt))
        is_too_long = limits.budget_tokens is not None and self._promised > limits.budget_tokens
        return self._asked > limits.most_calls or is_too_long

    async def _end_play(self) -> Reply:
        raise BudgetSpent("The play is asked for more than it may be.")

    async def ask_each(
        self,
        prompts: Sequence[str],
        *,
        role: str,
        each: Callable[[int, Reply], Awaitable[None]] | None = None,
        **wishes: Unpack[Wishes],
    ) -> list[Reply]:
        """Ask all prompts at the same time; return the replies in the order of the prompts; see `gather`."""
        if not prompts:
            raise StrategyError(f"Role '{role}' asks nothing: the list of prompts is empty.")
        return await self.gather([self.ask(text, role=role, **wishes) for text in prompts], each=each)

    async def ask_many(
        self,
        prompt: str,
        *,
        times: int,
        role: str,
        each: Callable[[int, Reply], Awaitable[None]] | None = None,
        **wishes: Unpack[Wishes],
    ) -> list[Reply]:
        """Ask the same prompt several times at once, each with its own seed; see `ask_each`."""
        return await self.ask_each([prompt] * times, role=role, each=each, **wishes)

    async def gather(
        self,
        calls: Sequence[Coroutine[Any, Any, Outcome]],
        *,
        each: Callable[[int, Outcome], Awaitable[None]] | None = None,
    ) -> list[Outcome]:
        """Run calls made by `ask`, or coroutines that await one, at the same time; return what they give, in order.

        A call that fails is left out (it is shown as failed); when all fail, the first failure is raised.
        `each` hears of every outcome as it comes, with its index.
        """
        outcomes = await _run_all([_attempt(call, index, each) for index, call in enumerate(calls)])
        completed = [outcome for outcome in outcomes if not isinstance(outcome, ModelError)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, ModelError)]
        if failures and not completed:
            raise failures[0]
        return completed

    async def shorten(self, text: str, limit: int) -> str:
        """Return the end of a text, at most `limit` tokens of it: the end holds the answer."""
        if (text, limit) not in self._shortened:  # many calls may read the same draft, and counting asks the server
            self._shortened[text, limit] = await self._cut(text, limit)
        return self._shortened[text, limit]

    async def _cut(self, text: str, limit: int) -> str:
        if len(text.encode()) <= limit:  # a token is at least one byte
            return text
        size = await self._model.count_tokens(text)
        while size > limit:
            keep = min(len(text) - 1, int(len(text) * limit / size * 0.97))
            text = text[len(text) - keep :] if keep > 0 else ""
            size = await self._model.count_tokens(text) if text else 0
        return text

    async def equal(self, one: str, other: str) -> bool:
        """Say whether two answers mean the same; mathematics is asked once for each pair."""
        if (one, other) not in self._equalities:
            plainly = compare_plainly(one, other)
            self._equalities[one, other] = await self._equal(one, other) if plainly is None else plainly
        return self._equalities[one, other]

    def read_corpus(self) -> str:
        """Return the text of the corpus that the params name. Raises CorpusGone."""
        if self.settings.corpus is None:
            raise CorpusGone("The corpus of this lane was deleted. Upload the same text again, and continue the run.")
        return self.settings.corpus

    # --- telling ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def round(self, name: str) -> AsyncIterator[None]:
        """Group what follows under a name; everything in it has ended when it closes."""
        self._rounds += 1
        index = self._round = self._rounds
        self.emit(events.RoundOpened(lane=self.settings.lane, at=self.clock(), index=index, name=name))
        yield
        self.emit(events.RoundClosed(lane=self.settings.lane, at=self.clock(), index=index))
        self._round = 0

    async def write_workspace(self, text: str, *, limit: int, after: After = None) -> str:
        """Show the text that is carried to the next round, cut to `limit` tokens, and return it."""
        shortened = await self.shorten(text, limit)
        index = self._count("workspace")
        size = min(await self._model.count_tokens(shortened), limit)
        self.emit(
            events.WorkspaceWritten(
                lane=self.settings.lane, at=self.clock(), index=index, round=self._round,
                text=shortened, tokens=size, limit=limit, after=_keys(after),
            )
        )  # fmt: skip
        if len(shortened) < len(text):
            self.note(f"Workspace {index} was cut to its last {size} tokens; the limit is {limit}.")
        return shortened

    def tally(self, tallies: Sequence[events.Tally], silent: Sequence[str], expected: int) -> None:
        """Show how the votes stand."""
        self.emit(
            events.VotesCounted(
                lane=self.settings.lane, at=self.clock(), round=self._round,
                tallies=tuple(tallies), silent=tuple(silent), expected=expected,
            )
        )  # fmt: skip

    def score(self, draft: Reply, value: float, *, by: str) -> None:
        """Show what a judge, named by its call's key, thinks of a draft: 0 (wrong) to 1 (right)."""
        self.emit(events.CandidateScored(lane=self.settings.lane, at=self.clock(), call=draft.key, value=value, by=by))

    def place(  # noqa: PLR0913  # what a node may be; most is left out by most
        self,
        node: str,
        *,
        under: Sequence[str] = (),
        calls: Sequence[Reply] = (),
        title: str = "",
        value: float | None = None,
        state: NodeState = "open",
        group: str = "",
        level: int = 0,
    ) -> None:
        """Show a node of a tree, or a member of a population; placed again, it has a new state."""
        self.emit(
            events.NodePlaced(
                lane=self.settings.lane, at=self.clock(), index=self._count("node"), node=node, under=tuple(under),
                calls=_keys(calls), title=title, value=value, state=state, group=group, level=level,
            )
        )  # fmt: skip

    def chart(self, name: str, value: float, *, seen: int, threshold: float | None = None) -> None:
        """Show one more value of a statistic, e.g. of what decides when to stop."""
        self.emit(
            events.StatisticTaken(
                lane=self.settings.lane, at=self.clock(), index=self._count("statistic"), name=name, value=value,
                seen=seen, threshold=threshold,
            )
        )  # fmt: skip

    def use(self, tool: str, question: str, result: str, *, after: After = None) -> None:
        """Show that a tool which is no model was asked something, and what it gave."""
        self.emit(
            events.ToolUsed(
                lane=self.settings.lane, at=self.clock(), index=self._count("tool"), tool=tool, input=question,
                output=result, after=_keys(after),
            )
        )  # fmt: skip

    def note(self, text: str) -> None:
        """Tell the reader of the lane something, e.g. that a selection was unreadable and what was done."""
        self.emit(events.NoteTaken(lane=self.settings.lane, at=self.clock(), index=self._count("note"), text=text))

    def _count(self, kind: str) -> int:
        self._told[kind] += 1
        return self._told[kind]

    def offer(self, answer: Answer) -> None:
        """Keep the best answer so far: the lane gives it if it is stopped before its end."""
        self.best = answer

    @property
    def ends(self) -> list[Reply]:
        """Return the finished calls for which no other finished call has waited."""
        return list(self._ends.values())

    @property
    def has_too_many_calls(self) -> bool:
        """Say whether a play was asked for more calls than it may be."""
        most = self.settings.most_calls
        return most is not None and self._asked > most

    def ledger(self) -> events.Ledger:
        """Return what the lane has cost so far."""
        return sum_up(call.spent() for call in self._calls)

    def emit(self, event: events.Event, prompt: str | None = None) -> None:
        """Tell everybody; `prompt` is the text behind a CallStarted's hash."""
        self._emit(event, prompt)

    # --- one call -----------------------------------------------------------------------------------------

    async def _run(self, call: LiveCall, until: Callable[[Writing], bool] | None) -> Reply:
        self._spend(call.tokens_so_far)
        self._calls.append(call)
        self.emit(call.started(self.clock()), call.prompt_text)
        try:
            return await self._listen(call, until)
        except ModelError as error:
            self.emit(call.failed(self.clock(), str(error)))
            raise
        except (asyncio.CancelledError, BudgetSpent):
            at = self.clock()
            self.emit(call.give_up(at, self.leaving) if self.leaving else call.cancelled(at))
            raise
        except Exception:  # a fault of ours: the lane tells of it, and no call stays open
            self.emit(call.failed(self.clock(), "A fault of ours ended it; the worker's log has the details."))
            raise

    async def _listen(self, call: LiveCall, until: Callable[[Writing], bool] | None) -> Reply:
        async with aclosing(self._model.stream(call.request)) as stream:  # closing stops the server's work
            async for chunk in stream:
                before = call.tokens_so_far
                for event in call.take(chunk, self.clock()):
                    self.emit(event)
                spent = call.tokens_so_far - before
                if call.is_complete:  # it is kept, even if it is one token too many
                    self._spent += spent
                    continue
                self._spend(spent)
                if until is not None and until(call.so_far()):
                    call.prune()
                    break
        reply, finished = call.finish(self.clock())
        for waited in call.after:
            self._ends.pop(waited, None)
        self._ends[reply.key] = reply
        self.emit(finished)
        return reply

    def _spend(self, tokens: int) -> None:
        self._spent += tokens
        limit = self.settings.budget_tokens
        if limit is not None and self._spent > limit:
            raise BudgetSpent(f"The lane has used its {limit:,} tokens.")


def _keys(after: After) -> tuple[str, ...]:
    if after is None:
        return ()
    return (after.key,) if isinstance(after, Reply) else tuple(reply.key for reply in after)


async def _attempt(
    call: Coroutine[Any, Any, Outcome], index: int, each: Callable[[int, Any], Awaitable[None]] | None
) -> Outcome | ModelError:
    try:
        outcome = await call
    except ModelError as error:
        return error
    if each is not None:
        await each(index, outcome)
    return outcome


async def _run_all(attempts: Sequence[Coroutine[Any, Any, Outcome]]) -> list[Outcome]:
    """Run all; if one raises, cancel and await the rest, then raise that one alone."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(attempt) for attempt in attempts]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
