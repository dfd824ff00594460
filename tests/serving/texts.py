"""What the model says: words, their log probabilities, and whole texts."""

import random
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from tests.serving.rules import Rule


class Wish(NamedTuple):
    """What a request asks for, of the two shapes of requests."""

    prompt: str
    begun: str
    """What the model is to go on from (`continue_final_message`)."""
    texts: int
    most_tokens: int | None
    alternatives: int | None
    """Log probabilities: None for none, else how many other tokens at each place."""
    prompt_alternatives: int | None
    wants_ids: bool
    seed: Any


class Text(NamedTuple):
    """One text: its tokens, each in a field of the delta, and why it ends."""

    fields: tuple[str, ...]
    words: tuple[str, ...]
    thoughts: int
    """So many tokens, the first ones, are thinking."""
    finish_reason: str

    def join(self, field: str, count: int) -> str:
        """Return what the first `count` tokens say in a field."""
        return "".join(word for name, word in zip(self.fields[:count], self.words, strict=False) if name == field)


@lru_cache(1024)
def split_words(text: str) -> tuple[str, ...]:
    """Return a text's tokens: words, with the white space before each."""
    return tuple(re.findall(r"\s*\S+(?:\s+\Z)?", text))


def read_wish(body: dict[str, Any], *, is_chat: bool) -> Wish:
    """Return what is asked for; both shapes as vLLM reads them."""
    common: dict[str, Any] = {
        "texts": body.get("n") or 1,
        "prompt_alternatives": body.get("prompt_logprobs"),
        "wants_ids": bool(body.get("return_token_ids")),
        "seed": body.get("seed"),
    }
    if not is_chat:
        return Wish(
            prompt=body["prompt"], begun="", most_tokens=body.get("max_tokens", 16),
            alternatives=body.get("logprobs"), **common,
        )  # fmt: skip
    messages = [str(message["content"]) for message in body["messages"]]
    begun = messages[-1] if body.get("continue_final_message") else ""
    return Wish(
        prompt="\n".join(messages), begun=begun,
        most_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        alternatives=body.get("top_logprobs", 0) if body.get("logprobs") else None, **common,
    )  # fmt: skip


def forget_wishes(body: dict[str, Any], *, begins_anew: bool) -> None:
    """Take out of a request what only vLLM knows. llama.cpp goes on from a begun answer unasked; others begin anew."""
    for name in ("prompt_logprobs", "return_token_ids", "continue_final_message", "add_generation_prompt"):
        body.pop(name, None)
    (body.get("stream_options") or {}).pop("continuous_usage_stats", None)
    messages = body.get("messages") or [{}]
    if begins_anew and messages[-1].get("role") == "assistant":
        messages.append({"role": "template", "content": "end of turn, assistant:"})


def drop_thoughts(body: dict[str, Any]) -> None:
    """Take out of begun answers all up to the end of a thought, as the template of DeepSeek-R1 does."""
    for message in body.get("messages", ()):
        if message["role"] == "assistant":
            message["content"] = message["content"].rpartition("</think>")[2]


def find_nonsense(body: dict[str, Any]) -> str:
    """Return vLLM's words about a wish for thinking that makes no sense, or nothing."""
    if body.get("reasoning_effort") not in (None, "none", "low", "medium", "high"):
        return "Input should be 'none', 'low', 'medium' or 'high'"
    if not isinstance(body.get("thinking_token_budget") or 0, int):
        return "`thinking_token_budget` must be a non-negative integer or -1 for unlimited."
    return ""


def write_texts(rule: Rule, wish: Wish, *, is_chat: bool) -> list[Text]:
    """Return the texts to send, cut to the limit."""
    chances = [random.Random(f"{wish.seed}/{wish.prompt}" + f"#{n}" * bool(n)) for n in range(wish.texts)]
    return [_write(rule, _choose(rule, chance), wish, is_chat=is_chat) for chance in chances]


def _choose(rule: Rule, chance: random.Random) -> str:
    if rule.replies:
        return chance.choice(rule.replies)
    is_right = chance.random() < rule.probability
    answer = rule.right if is_right else chance.choice(rule.wrong)
    steps = chance.randint(2, 5)
    lines = "".join(f"Step {n}: look at part {n} of the question again.\n" for n in range(1, steps + 1))
    return f"{lines}So the answer is \\boxed{{{answer}}}."


def _write(rule: Rule, text: str, wish: Wish, *, is_chat: bool) -> Text:
    text = text.removeprefix(wish.begun)
    thinking = rule.thinking if is_chat else ""
    if thinking and rule.thinking_field in ("content", "opened"):
        tag = "<think>" if rule.thinking_field == "content" else ""
        thinking, text = "", f"{tag}{thinking}</think>\n\n{text}"
    thoughts, words = split_words(thinking), split_words(text)
    fields = (rule.thinking_field,) * len(thoughts) + ("content",) * len(words)
    limit = wish.most_tokens or len(fields)
    reason = rule.finish_reason or ("stop" if len(fields) <= limit else "length")
    return Text(fields[:limit], (thoughts + words)[:limit], len(thoughts[:limit]), reason)


# --- log probabilities: invented, but the same every time -----------------------------------------------------


def token_id(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace")) % 50_000


def find_logprob(word: str) -> float:
    return -0.01 - token_id(word) % 100 / 100


def alternatives_to(word: str, count: int) -> list[tuple[str, float]]:
    """Return the likeliest tokens at a place, best first; the one that was written is the best."""
    return [(word + "~" * rank, find_logprob(word) - rank) for rank in range(count)]


def describe_chat(words: Sequence[str], count: int) -> dict[str, Any]:
    """Return log probabilities as chats have them."""
    return {
        "content": [
            {**_token(word, find_logprob(word)), "top_logprobs": [_token(*x) for x in alternatives_to(word, count)]}
            for word in words
        ]
    }  # fmt: skip


def _token(word: str, logprob: float) -> dict[str, Any]:
    return {"token": word, "logprob": logprob, "bytes": list(word.encode("utf-8", "replace"))}


def describe_completion(words: Sequence[str], count: int, offset: int) -> dict[str, Any]:
    """Return log probabilities as completions have them."""
    offsets = [offset + sum(map(len, words[:place])) for place in range(len(words))]
    return {
        "text_offset": offsets,
        "token_logprobs": [find_logprob(word) for word in words],
        "tokens": list(words),
        "top_logprobs": [dict(alternatives_to(word, max(1, count))) for word in words],
    }


def describe_prompt(prompt: str, count: int) -> list[dict[str, Any] | None]:
    """Return vLLM's prompt_logprobs: nothing for the first token, then candidates by token id."""
    words = split_words(prompt)
    return [
        None if place == 0 else {
            str(token_id(other)): {"logprob": logprob, "rank": rank, "decoded_token": other}
            for rank, (other, logprob) in enumerate(alternatives_to(word, max(1, count)), 1)
        }
        for place, word in enumerate(words)
    ]  # fmt: skip
