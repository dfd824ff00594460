"""Run one lane: strategy, answer, verdict. Whatever goes wrong in it becomes an event and stays in it."""

import asyncio
import random
import traceback
from collections.abc import Callable
from typing import Any, Literal

import structlog

from workers.core import events
from workers.core.asking import LaneSettings, derive_seed
from workers.core.assignments import LaneWork
from workers.core.errors import BudgetSpent, ReasoningError
from workers.core.lane import Equal, LiveLane
from workers.core.model import Model
from workers.core.values import Answer, Problem, Sampling, Verdict
from workers.graders import catalog as graders
from workers.strategies import catalog as strategies
from workers.strategies._settling import settle_answer

log = structlog.get_logger(__name__)
MAX_GRADED_ANSWERS = 64
REPLAY_SECONDS = 1.0
STOPPED_GRADE_SECONDS = 0.8
"""How long a stopped lane waits for the verdict on its best answer."""


class LaneRun:
    """A lane at work. `stop()` ends it on a person's word, `hand_over()` leaves it to another worker."""

    def __init__(
        self,
        work: LaneWork,
        *,
        model: Model,
        emit: Callable[[events.Event, str | None], None],
        clock: Callable[[], int],
        equal: Equal,
    ) -> None:
        """Prepare; nothing happens before `start`."""
        self._work = work
        self._emit = emit
        self._clock = clock
        self._drafts: dict[str, str] = {}
        self._is_stopped = False
        self._is_abandoned = False
        self._has_begun = False
        self._has_solved = False
        self._task: asyncio.Task[None] | None = None
        self._lane = LiveLane(
            LaneSettings(
                work.lane,
                work.model_name,
                Sampling.model_validate(work.sampling),
                work.seed,
                work.budget_tokens,
                work.given_up,
                work.models,
                work.corpus,
                settle=work.settle,
            ),
            model=model,
            emit=self._listen,
            clock=clock,
            random=random.Random(derive_seed(work.seed, "random")),  # repeatable on purpose
            equal=equal,
        )

    def start(self) -> asyncio.Task[None]:
        """Begin; the task ends when the lane has ended or was abandoned."""
        self._task = asyncio.create_task(self._run())
        return self._task

    def stop(self) -> None:
        """End the lane now, keeping what it has; a lane that has its answer is left to be graded."""
        if self._task is not None and not self._is_stopped:
            self._is_stopped = True
            if self._has_begun and not self._has_solved:
                self._task.cancel()

    def hand_over(self) -> None:
        """Leave the lane to another worker; how its open calls end is told, and nothing more."""
        self._lane.leaving = "The worker was told to stop; another went on."
        if self._task is not None:
            self._task.cancel()

    def abandon(self) -> None:
        """Leave the lane to another worker, who has it already; nothing more is told of it."""
        self._is_abandoned = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        work, began = self._work, self._clock()
        if work.is_resumed:
            self._listen(events.LaneResumed(lane=work.lane, at=began, fence=work.fence))
        self._listen(events.LaneStarted(lane=work.lane, at=began))
        ending: events.LaneFinished | events.LaneFailed | events.LaneCancelled
        self._has_begun = True
        try:
            if self._is_stopped:
                raise asyncio.CancelledError
            ending = await self._solve(began)
        except asyncio.CancelledError:
            if self._is_abandoned or self._lane.leaving or not self._is_stopped:
                raise
            asyncio.current_task().uncancel()  # type: ignore[union-attr]  # inside a task there is one
            await self._give_best()
            ending = events.LaneCancelled(lane=work.lane, at=self._clock(), **self._costs(began))
        except Exception as error:  # the lane's edge: neighbours go on
            ending = self._fail(error, began)
            await self._give_best()
        self._listen(ending)
        log.info(ending.kind, seconds=ending.seconds, calls=ending.ledger.calls, tokens=ending.ledger.total_tokens)

    async def _solve(self, began: int) -> events.LaneFinished:
        stopped_by: Literal["", "budget", "deadline"] = ""
        strategy = strategies()[self._work.strategy]
        params = strategy.params.model_validate(self._work.params)
        answer: Answer | None = None
        try:
            async with asyncio.timeout(self._seconds_left()):
                answer = await strategy.solve(Problem(question=self._work.question), self._lane, params)
                if self._work.settle:
                    answer = await self._settle(answer)
        except (BudgetSpent, TimeoutError) as limit:
            if answer is None:  # else the strategy had come to its end, and there was not enough left to settle it
                answer, stopped_by = self._lane.best, "budget" if isinstance(limit, BudgetSpent) else "deadline"
        self._has_solved = True
        at, costs = self._clock(), self._costs(began)  # grading costs the lane no time
        await self._give(answer or Answer(text="", note="none when it ended"), is_partial=bool(stopped_by))
        return events.LaneFinished(lane=self._work.lane, at=at, stopped_by=stopped_by, **costs)

    async def _settle(self, answer: Answer) -> Answer:
        """Return the answer; if nobody can read it, with an end that the model is asked for once more."""
        self._lane.offer(self._lane.best or answer)
        if await self._can_read(answer) or self._is_stopped:
            return answer
        grader = graders().get(self._work.grader)
        settled = await settle_answer(
            self._lane, self._work.question, answer, kind=grader.answer_kind if grader else ""
        )
        return settled if settled and await self._can_read(settled) else answer

    async def _can_read(self, answer: Answer) -> bool:
        """Say whether the grader finds an answer; whether it is right is not told to the lane."""
        if not self._work.reference and not self._work.grader_input:
            return answer.answer is not None
        self._has_solved = True  # who stops the lane now lets this answer be graded
        try:
            verdict = await self._grade(answer.text, answer.answer)
        finally:
            self._has_solved = False
        return verdict.ruling != "unreadable"

    def _seconds_left(self) -> float | None:
        """Return what workers before have left of the lane's seconds, and a moment to repeat what they did."""
        budget = self._work.budget_seconds
        return None if budget is None else max(REPLAY_SECONDS, budget - self._work.worked_ms / 1000)

    async def _give_best(self) -> None:
        """Give the best answer until now, of a lane that did not come to its end; none if one was given."""
        if self._lane.best is not None and not self._has_solved:
            self._has_solved = True
            await self._give(self._lane.best, is_partial=True)

    async def _give(self, answer: Answer, *, is_partial: bool) -> None:
        work = self._work
        self._listen(
            events.AnswerGiven(
                lane=work.lane, at=self._clock(), text=answer.text, answer=answer.answer, note=answer.note,
                is_partial=is_partial,
            )
        )  # fmt: skip
        if not work.reference and not work.grader_input:
            return
        verdict = await self._grade(answer.text, answer.answer)
        self._listen(
            events.VerdictReached(
                lane=work.lane, at=self._clock(), ruling=verdict.ruling, explanation=verdict.explanation,
                expected=verdict.expected or work.reference, grader=work.grader,
            )
        )  # fmt: skip
        await self._grade_drafts()

    async def _grade_drafts(self) -> None:
        """Tell of every draft whether it was right, for readers; equal spellings are graded once."""
        rulings: dict[str, Verdict] = {}
        for call, answer in self._drafts.items():
            if self._is_stopped:
                return
            if answer not in rulings:
                if len(rulings) == MAX_GRADED_ANSWERS:
                    continue
                rulings[answer] = await self._grade(f"\\boxed{{{answer}}}", answer)
            ruling = rulings[answer].ruling
            self._listen(events.DraftGraded(lane=self._work.lane, at=self._clock(), call=call, ruling=ruling))

    async def _grade(self, text: str, answer: str | None) -> Verdict:
        limit = STOPPED_GRADE_SECONDS if self._is_stopped else None  # the graders have limits of their own
        try:
            grader = graders()[self._work.grader]
            async with asyncio.timeout(limit):
                return await asyncio.to_thread(
                    grader.grade, text, answer, self._work.reference, self._work.grader_input
                )
        except TimeoutError:
            return Verdict(ruling="ungraded", explanation="The lane was stopped before the grader had ruled.")
        except Exception as error:  # the answer is as good as it was
            _log_fault("grader_broke", error)
            return Verdict(ruling="ungraded", explanation=f"The grader broke: {type(error).__name__}.")

    def _fail(self, error: Exception, began: int) -> events.LaneFailed:
        if isinstance(error, ReasoningError):
            words = str(error)
        else:
            _log_fault("lane_broke", error)
            words = f"A fault of ours ended the lane: {type(error).__name__}. The worker's log has the details."
        return events.LaneFailed(lane=self._work.lane, at=self._clock(), error=words, **self._costs(began))

    def _costs(self, began: int) -> dict[str, Any]:
        worked_ms = self._work.worked_ms + self._clock() - began
        return {"ledger": self._lane.ledger(), "seconds": round(worked_ms / 1000, 3)}

    def _listen(self, event: events.Event, prompt: str | None = None) -> None:
        if isinstance(event, events.CallFinished) and event.answer is not None:
            self._drafts[event.call] = event.answer
        is_ours = not self._lane.leaving or isinstance(event, events.CallEvent)
        if is_ours and not self._is_abandoned:
            self._emit(event, prompt)


def _log_fault(what: str, error: Exception) -> None:
    """Log a fault of ours: what it says may quote a model; where it happened does not."""
    log.error(what, error=type(error).__name__, where="".join(traceback.format_tb(error.__traceback__)))
