"""One answer being written: a stream of events, or a whole one, in the shape of chats or of completions."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from tests.serving import texts
from tests.serving.http import Exchange
from tests.serving.rules import Rule
from tests.serving.texts import Text, Wish

BLOCK = 64
"""Tokens of each text in one write when there is no pace to keep."""


class Entry:
    """What is recorded of one request; `describe` gives it as JSON."""

    def __init__(self, number: int, body: dict[str, Any], wish: Wish, exchange: Exchange) -> None:
        self.number = number
        self.body = body
        self.wish = wish
        self.prompt_tokens = len(texts.split_words(wish.prompt))
        self.cached_tokens = 0
        self.has_key = "authorization" in exchange.headers
        self.peer = exchange.peer
        self.open_before = 0
        self.at = time.monotonic()
        self.ended_at = 0.0
        self.ended = ""
        self.texts: list[Text] = []
        self.sent: list[int] = []
        """Tokens sent, of each text."""

    def end(self, how: str) -> None:
        if not self.ended:
            self.ended, self.ended_at = how, time.monotonic()

    @property
    def tokens(self) -> int:
        return sum(self.sent)

    @property
    def thinking_tokens(self) -> int:
        return sum(min(text.thoughts, sent) for text, sent in zip(self.texts, self.sent, strict=True))

    def describe(self) -> dict[str, Any]:
        first, sent = (self.texts[0], self.sent[0]) if self.texts else (Text((), (), 0, ""), 0)
        names = ("number", "body", "prompt_tokens", "cached_tokens", "has_key", "peer", "open_before", "tokens",
                 "thinking_tokens", "at", "ended_at", "ended")  # fmt: skip
        return {name: getattr(self, name) for name in names} | {
            "prompt": self.wish.prompt,
            "text": first.join("content", sent),
            "thinking": first.join("reasoning", sent) + first.join("reasoning_content", sent),
        }


class Answering:
    """Writes the answer to one request."""

    def __init__(self, rule: Rule, exchange: Exchange, entry: Entry, *, is_chat: bool) -> None:
        self.rule = rule
        self.exchange = exchange
        self.entry = entry
        self.is_chat = is_chat
        self.wish = entry.wish
        self.texts = entry.texts = texts.write_texts(rule, entry.wish, is_chat=is_chat)
        self.sent = entry.sent = [0] * len(self.texts)
        self.stop = self.longest
        options = entry.body.get("stream_options") or {}
        self.counts_while_writing = bool(options.get("continuous_usage_stats")) and rule.has_usage
        self.counts_at_end = bool(options.get("include_usage")) and rule.has_usage
        kind = "chat.completion.chunk" if is_chat else "text_completion"
        self.about = {
            "id": f"{'chatcmpl' if is_chat else 'cmpl'}-{entry.number}", "object": kind, "created": 0,
            "model": entry.body["model"],
        }  # fmt: skip
        self.head = b"data: " + json.dumps(self.about).encode()[:-1] + b","
        self.is_plain = is_chat and self.wish.alternatives is None and not self.wish.wants_ids

    @property
    def longest(self) -> int:
        return max((len(text.words) for text in self.texts), default=0)

    # --- a stream -----------------------------------------------------------------------------------------

    async def stream(self, stop_after: int | None = None) -> None:
        """Send the events at their pace; all, or those of the first tokens of each text."""
        self.exchange.begin_stream()
        if self.is_chat:
            roles = (self._event(place, b'{"role":"assistant","content":""}') for place in range(len(self.texts)))
            await self._send(b"".join(roles))
        self.stop = self.longest if stop_after is None else min(stop_after, self.longest)
        sent = 0
        async for due in self._pace(self.stop):
            await self._send(b"".join(self._tokens(sent, due)))
            sent = due

    async def end(self) -> None:
        """Send what ends a stream."""
        finishes = (
            self._event(place, b"{}" if self.is_chat else b"", finish=text.finish_reason)
            for place, text in enumerate(self.texts)
        )
        parts = [*finishes]
        if self.counts_at_end:
            parts.append(self.head + b'"choices":[],"usage":%b}\n\n' % self._usage())
        await self._send(b"".join(parts) + b"data: [DONE]\n\n")
        self.exchange.end()

    async def _send(self, data: bytes) -> None:
        if data:
            await self.exchange.send(data)

    async def _pace(self, count: int):
        """Yield how many tokens are due by now, until all are."""
        rule, done = self.rule, 0
        if not rule.tokens_per_second:
            for done in range(BLOCK, count + BLOCK, BLOCK):
                yield min(done, count)
                await asyncio.sleep(0)  # others have streams too
            return
        started, due = time.monotonic(), self._due_times(count)
        while done < count:
            now = time.monotonic() - started
            ready = done
            while ready < count and due[ready] <= now:
                ready += 1
            if ready > done:
                done = ready
                yield done
            if done < count:
                wake = max(due[done], min(now + rule.rest_seconds, due[-1]))
                await asyncio.sleep(max(0.0, started + wake - time.monotonic()))

    def _due_times(self, count: int) -> list[float]:
        """Return when each token comes, in seconds after the first."""
        rule = self.rule
        if not rule.jitter:
            return [number / rule.tokens_per_second for number in range(count)]
        chance = random.Random(self.entry.number)
        return [(number + rule.jitter * chance.random()) / rule.tokens_per_second for number in range(count)]

    def _tokens(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the events of tokens `begin` to `end`, the texts in turn."""
        together = self.rule.tokens_per_event
        for number in range(begin, end):
            for place, text in enumerate(self.texts):
                last = len(text.words) - 1
                if number > last:
                    continue
                self.sent[place] = number + 1
                if (number + 1) % together == 0 or number in (last, self.stop - 1):
                    yield self._words(place, text, number - number % together, number + 1)

    def _words(self, place: int, text: Text, begin: int, end: int) -> bytes:
        if self.rule.is_stamped:
            return self._event(place, b'{"content":" %.4f"}' % time.time())
        if self.is_plain and end - begin == 1:
            return self._event(place, b"{%b:%b}" % (encode(text.fields[begin]), encode(text.words[begin])))
        words, fields = text.words[begin:end], text.fields[begin:end]
        names = dict.fromkeys(fields)
        joined = {name: "".join(word for word, f in zip(words, fields, strict=True) if f == name) for name in names}
        extra: dict[str, Any] = {"token_ids": [texts.token_id(word) for word in words]} if self.wish.wants_ids else {}
        if self.is_chat:
            logprobs = self._logprobs(words, begin, text)
            return self._event(place, json.dumps(joined).encode(), logprobs=logprobs, extra=extra)
        return self._event(place, encode("".join(words)), logprobs=self._logprobs(words, begin, text), extra=extra)

    def _logprobs(self, words: tuple[str, ...], begin: int, text: Text) -> dict[str, Any] | None:
        count = self.wish.alternatives
        if count is None:
            return None
        if self.is_chat:
            return texts.describe_chat(words, count)
        return texts.describe_completion(words, count, sum(map(len, text.words[:begin])))

    def _event(
        self, place: int, said: bytes, *, finish: str = "", logprobs: Any = None, extra: dict[str, Any] | None = None
    ) -> bytes:
        fields = b'"delta":%b' % said if self.is_chat else b'"text":%b' % (said or b'""')
        usage = b',"usage":' + self._usage() if self.counts_while_writing else b""
        event = b'%b"choices":[{"index":%d,%b,"logprobs":%b,"finish_reason":%b%b}]%b}\n\n' % (
            self.head, place, fields, b"null" if logprobs is None else json.dumps(logprobs).encode(),
            json.dumps(finish).encode() if finish else b"null",
            b"," + json.dumps(extra).encode()[1:-1] if extra else b"", usage,
        )  # fmt: skip
        return event * 2 if self.rule.fault == "twice" else event

    def _usage(self) -> bytes:
        entry, tokens = self.entry, self.entry.tokens
        return (
            b'{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}'
            b',"completion_tokens_details":{"reasoning_tokens":%d}}'
        ) % (
            entry.prompt_tokens, entry.prompt_tokens + tokens, tokens, entry.cached_tokens, entry.thinking_tokens
        )  # fmt: skip

    # --- a whole answer -----------------------------------------------------------------------------------

    async def write_silently(self) -> None:
        """Wait as long as writing takes."""
        async for due in self._pace(self.longest):
            self.sent[:] = [min(due, len(text.words)) for text in self.texts]
        self.sent[:] = [len(text.words) for text in self.texts]

    def answer_whole(self) -> None:
        """Answer without a stream."""
        answer = self.about | {
            "object": "chat.completion" if self.is_chat else "text_completion",
            "choices": [self._choice(place, text) for place, text in enumerate(self.texts)],
            "usage": json.loads(self._usage()),
        }
        if self.wish.prompt_alternatives is not None:
            described = texts.describe_prompt(self.wish.prompt, self.wish.prompt_alternatives)
            for holder in [answer] if self.is_chat else answer["choices"]:
                holder["prompt_logprobs"] = described
        self.exchange.answer(200, json.dumps(answer))  # not orjson: texts may hold half characters

    def _choice(self, place: int, text: Text) -> dict[str, Any]:
        choice: dict[str, Any] = {
            "index": place, "logprobs": self._logprobs(text.words, 0, text), "finish_reason": text.finish_reason,
        }  # fmt: skip
        if self.wish.wants_ids:
            choice["token_ids"] = [texts.token_id(word) for word in text.words]
        if not self.is_chat:
            return choice | {"text": "".join(text.words)}
        message = {"role": "assistant", "content": text.join("content", len(text.words))}
        for field in ("reasoning", "reasoning_content"):
            if thought := text.join(field, len(text.words)):
                message[field] = thought
        return choice | {"message": message}


@lru_cache(65_536)
def encode(text: str) -> bytes:
    return json.dumps(text).encode()
