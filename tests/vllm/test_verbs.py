"""What vLLM can do beyond a chat, in the shapes that the strategies to come rely on."""

import asyncio
import math

from tests.vllm.server import MODEL, Vllm

USER = [{"role": "user", "content": "Count."}]
CHAT = "/v1/chat/completions"


def test_n_choices_are_counted_together(vllm: Vllm) -> None:
    before = asyncio.run(vllm.wait_idle())

    answer = vllm.ask(CHAT, messages=USER, n=3, max_tokens=5, temperature=1.0)

    assert sorted(choice["index"] for choice in answer["choices"]) == [0, 1, 2]
    assert 3 <= answer["usage"]["completion_tokens"] <= 15
    grown = asyncio.run(vllm.wait_idle()).since(before)
    assert (grown.prompt_tokens, grown.written_tokens) == (
        3 * answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"],
    )  # fmt: skip


def test_twenty_alternatives_come_with_every_token(vllm: Vllm) -> None:
    answer = vllm.ask(CHAT, messages=USER, max_tokens=4, temperature=0, logprobs=True, top_logprobs=20)

    tokens = answer["choices"][0]["logprobs"]["content"]
    assert len(tokens) == answer["usage"]["completion_tokens"]
    for token in tokens:
        likely = [alternative["logprob"] for alternative in token["top_logprobs"]]
        assert len(likely) == 20
        assert token["logprob"] == max(likely)
        assert 0 < sum(map(math.exp, likely)) <= 1.001


def test_more_alternatives_are_refused(vllm: Vllm) -> None:
    answer = vllm.ask(CHAT, messages=USER, max_tokens=1, logprobs=True, top_logprobs=21)

    assert answer["error"]["code"] == 400


def test_a_text_is_scored_under_a_prefix(vllm: Vllm) -> None:
    """Prompt logprobs: one entry for each token but the first, several prompts in one request."""
    answer = vllm.ask(
        "/v1/completions", prompt=["The capital of France is Paris", "The capital of France is Bread"],
        max_tokens=1, prompt_logprobs=0,
    )  # fmt: skip

    paris, bread = ([score_of(entry) for entry in choice["prompt_logprobs"]] for choice in answer["choices"])
    assert len(paris) + len(bread) == answer["usage"]["prompt_tokens"]
    assert paris[0] is bread[0] is None
    assert paris[1:5] == bread[1:5]
    assert (paris[5] or 0) > sum(score or 0 for score in bread[5:])


def score_of(entry: dict[str, dict[str, float]] | None) -> float | None:
    return None if entry is None else next(iter(entry.values()))["logprob"]


def test_a_partly_written_answer_is_continued(vllm: Vllm) -> None:
    begun = [*USER, {"role": "assistant", "content": "one, two, three, four, five, six,"}]
    fields = {"max_tokens": 4, "temperature": 0}

    went_on = vllm.ask(CHAT, messages=begun, continue_final_message=True, add_generation_prompt=False, **fields)
    anew = vllm.ask(CHAT, messages=begun, **fields)

    assert went_on["choices"][0]["message"]["content"].startswith(" seven")
    assert went_on["usage"]["prompt_tokens"] < anew["usage"]["prompt_tokens"]


def test_tokenize_counts_a_chat_as_usage_does(vllm: Vllm) -> None:
    counted = vllm.ask("/tokenize", messages=USER)
    answer = vllm.ask(CHAT, messages=USER, max_tokens=1, return_token_ids=True)

    assert counted["count"] == answer["usage"]["prompt_tokens"]
    assert counted["tokens"] == answer["prompt_token_ids"]
    assert len(answer["choices"][0]["token_ids"]) == 1
    assert answer["model"] == MODEL


def test_the_stop_string_that_fired_is_told(vllm: Vllm) -> None:
    fields = {"messages": [{"role": "user", "content": "Count from 1 to 9, with commas."}], "temperature": 0}
    stopped = vllm.ask(CHAT, max_tokens=60, stop=["nowhere", "5"], **fields)["choices"][0]

    assert (stopped["finish_reason"], stopped["stop_reason"]) == ("stop", "5")
