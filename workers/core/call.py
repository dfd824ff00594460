"""One request to a model while it is being answered: its text so far, and the events it gives rise to."""

import hashlib
from collections.abc import Iterator

from workers.core import events
from workers.core.answers import extract_answer
from workers.core.errors import Refused, StreamCut
from workers.core.ledger import NEVER, CallState, GivenUp, Spent
from workers.core.model import Chunk, Request, estimate_prompt
from workers.core.odds import Meter
from workers.core.values import FinishReason, Measure, Odds, Reply, Usage, Writing

MARK_EVERY_MS = 40


class LiveCall:
    """The state of one call. Gives events; sends none."""

    def __init__(  # noqa: PLR0913  # what it is, and what it was
        self,
        lane: int,
        request: Request,
        round_index: int,
        after: tuple[str, ...],
        *,
        offers_solution: bool,
        given_up: GivenUp = NEVER,
        thread: str = "",
        other_model: str = "",
        measure: Measure | None = None,
    ) -> None:
        """Begin with nothing written; workers before may have given some attempts up."""
        self.request = request
        self.state: CallState = "running"
        self.prompt_text = request.prompt_text
        self.estimated_prompt_tokens = estimate_prompt(request)
        self._lane = lane
        self._round = round_index
        self.after = after
        self._offers_solution = offers_solution
        self.thread = thread
        self._other_model = other_model
        self._measure = measure
        self._started_at = 0
        self._finish_reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._given_up = given_up
        self._answer: str | None = None
        self._clear()

    def _clear(self) -> None:
        self._parts: dict[events.Channel, list[str]] = {"answer": [], "thinking": []}
        self._units: dict[events.Channel, int] = {"answer": 0, "thinking": 0}
        self._tokens = 0
        self._characters = 0
        self._first_token_at: int | None = None
        self._marks: list[tuple[int, int]] = []
        self._counted_prompt_tokens = 0
        self._stopped_by = ""
        self._meter = Meter(self._measure) if self._measure else None
        self._measured: Odds | None = None

    @property
    def tokens_so_far(self) -> int:
        """Return prompt and completion tokens until now; the prompt is estimated until the server counts it."""
        prompt = self._counted_prompt_tokens or self.estimated_prompt_tokens
        return (self._usage.total_tokens if self._usage else prompt + self._tokens) + self._given_up.total_tokens

    @property
    def is_complete(self) -> bool:
        """Say whether the stream gave a finish reason."""
        return self._finish_reason is not None

    def started(self, at: int) -> events.CallStarted:
        """Return the event of the request being sent."""
        self._started_at = at
        return events.CallStarted(
            lane=self._lane, at=at, call=self.request.key, round=self._round, role=self.request.role,
            prompt=hashlib.sha256(self.prompt_text.encode()).hexdigest(), seed=self.request.seed,
            max_tokens=self.request.max_tokens, after=self.after, thread=self.thread, model=self._other_model,
        )  # fmt: skip

    def take(self, chunk: Chunk, at: int) -> Iterator[events.CallRestarted | events.TextDelta]:
        """Take in the next piece of the stream; yield the events it gives rise to."""
        if chunk.restarted:
            yield self.give_up(at, chunk.restarted)
        self._tokens += chunk.tokens
        self._counted_prompt_tokens = chunk.prompt_tokens or self._counted_prompt_tokens
        self._finish_reason = chunk.finish_reason or self._finish_reason
        self._usage = chunk.usage or self._usage
        self._stopped_by = chunk.stopped_by or self._stopped_by
        self._measured = chunk.measured or self._measured
        if self._meter and chunk.odds:
            self._meter.take(chunk.odds)
        if chunk.thinking:
            yield self._delta("thinking", _make_storable(chunk.thinking), at)
        if chunk.text:
            yield self._delta("answer", _make_storable(chunk.text), at)

    def give_up(self, at: int, error: str) -> events.CallRestarted:
        """Throw away what was written: the request is sent again, by this worker or by another."""
        lost, retry = self._count(), self._given_up.retries + 1
        self._given_up = GivenUp(
            retry, self._given_up.tokens + lost.completion_tokens, self._given_up.prompt_tokens + lost.prompt_tokens
        )
        self._usage = None
        self._clear()
        return events.CallRestarted(
            lane=self._lane, at=at, call=self.request.key, retry=retry, error=error,
            abandoned_tokens=lost.completion_tokens, abandoned_prompt_tokens=lost.prompt_tokens,
        )  # fmt: skip

    def _delta(self, channel: events.Channel, text: str, at: int) -> events.TextDelta:
        start = self._units[channel]
        self._parts[channel].append(text)
        self._units[channel] += len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
        self._characters += len(text)
        if self._first_token_at is None:
            self._first_token_at = at
        since = at - self._started_at
        if self._marks and since - self._marks[-1][0] < MARK_EVERY_MS:
            self._marks[-1] = (self._marks[-1][0], self._characters)
        else:
            self._marks.append((since, self._characters))
        return events.TextDelta(
            lane=self._lane, at=at, call=self.request.key, channel=channel, start=start, text=text,
            tokens=self._tokens,
        )  # fmt: skip

    def so_far(self) -> Writing:
        """Return what is written until now."""
        return Writing(lambda: self._text("answer"), self._tokens, self._meter.lowest_window if self._meter else None)

    def prune(self) -> None:
        """End the text here: the strategy needs no more of it."""
        self._finish_reason = "pruned"

    def finish(self, at: int) -> tuple[Reply, events.CallFinished]:
        """End the call. Raises StreamCut unless the stream said why it ended, Refused without the odds asked for."""
        if self._finish_reason is None:
            raise StreamCut(
                f"The model server closed the stream after {self._tokens} tokens with no finish reason; "
                "the text is kept as cut off."
            )
        odds = self._find_odds()
        self.state = "done"
        text, thinking, usage = self._text("answer"), self._text("thinking"), self._count()
        begun = self.request.messages[-1].content if self.request.continues else ""
        self._answer = extract_answer(begun + text) if self._offers_solution else None
        reply = Reply(
            self.request.key, text, thinking, self._finish_reason, usage, self._answer, self._stopped_by, odds
        )
        return reply, events.CallFinished(
            lane=self._lane, at=at, call=self.request.key, text=text, thinking=thinking, answer=self._answer,
            finish_reason=self._finish_reason, usage=usage, first_token_at=self._first_token_at,
            marks=tuple(self._marks), retries=self._given_up.retries, stopped_by=self._stopped_by, odds=odds,
        )  # fmt: skip

    def _find_odds(self) -> Odds | None:
        odds = self._measured or (self._meter.sum_up() if self._meter else None)
        if odds and not odds.tokens and (self._tokens or self.request.scored):
            raise Refused("The model server gave no log-probabilities, which this strategy needs.")
        return odds

    def failed(self, at: int, error: str) -> events.CallFailed:
        """End the call as broken, keeping what was written."""
        self.state = "failed"
        return events.CallFailed(
            lane=self._lane, at=at, call=self.request.key, error=error, text=self._text("answer"),
            thinking=self._text("thinking"), usage=self._count(),
        )  # fmt: skip

    def cancelled(self, at: int) -> events.CallCancelled:
        """End the call as stopped on purpose, keeping what was written."""
        self.state = "cancelled"
        return events.CallCancelled(
            lane=self._lane, at=at, call=self.request.key, text=self._text("answer"),
            thinking=self._text("thinking"), usage=self._count(),
        )  # fmt: skip

    def spent(self) -> Spent:
        """Return the call's part of the ledger."""
        is_lost = self._offers_solution and (self._finish_reason == "length" or self._answer is None)
        wasted = self.state in ("failed", "cancelled") or (self.state == "done" and is_lost)
        return Spent(self.request.key, self.after, self._count(), self.state, wasted, self._given_up)

    def _text(self, channel: events.Channel) -> str:
        return "".join(self._parts[channel])

    def _count(self) -> Usage:
        """Return the server's count, or our own of what was streamed when it gave none."""
        if self._usage:
            return self._usage
        estimated = self.estimated_prompt_tokens if self._tokens or self._finish_reason else 0
        return Usage(prompt_tokens=self._counted_prompt_tokens or estimated, completion_tokens=self._tokens)


def _make_storable(text: str) -> str:
    """Return the text with U+FFFD for NUL, which PostgreSQL refuses, and for lone surrogates, which UTF-8 does."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
