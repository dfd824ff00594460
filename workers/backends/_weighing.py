"""How likely a given text is: vLLM's prompt log-probabilities, as a request and as an answer."""

from collections.abc import Sequence
from typing import Any

from workers.backends._odds import read_tokens
from workers.backends._reading import read_usage
from workers.backends._text import clean_text
from workers.core.errors import Refused
from workers.core.model import Chunk, Request
from workers.core.values import TokenOdds


def write_weighing(request: Request) -> tuple[str, dict[str, Any]]:
    """Return the path and fields of a request that weighs `request.scored` as the end of its prompt."""
    fields = {
        "model": request.model, "max_tokens": 1, "temperature": 0, "seed": request.seed,
        "prompt_logprobs": request.top_logprobs or 0,
    }  # fmt: skip
    if not request.messages:
        return "completions", {"prompt": clean_text(request.scored), **fields}
    messages = [{"role": message.role, "content": clean_text(message.content)} for message in request.messages]
    if not request.continues:
        messages.append({"role": "assistant", "content": ""})
    messages[-1]["content"] += clean_text(request.scored)
    return "chat/completions", {
        "messages": messages, "continue_final_message": True, "add_generation_prompt": False, **fields
    }  # fmt: skip


def read_weighing(server: str, answer: Any, request: Request) -> Chunk:
    """Return the one chunk of a weighing. Raises Refused when the answer holds no log-probabilities of the prompt."""
    answer = answer if isinstance(answer, dict) else {}
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    entries = answer.get("prompt_logprobs") or choice.get("prompt_logprobs")
    if not isinstance(entries, list):
        raise Refused(f"{server} gave no log-probabilities of the prompt, which this strategy needs.")
    usage = read_usage(answer.get("usage") or {})
    odds = _find_end(_read_entries(entries, request.top_logprobs or 0), request.scored)
    return Chunk(finish_reason="stop", usage=usage, tokens=usage.completion_tokens, odds=odds)


def _read_entries(entries: Sequence[Any], top: int) -> list[TokenOdds]:
    """Return the prompt's tokens but the first, which nothing comes before.

    An entry maps ids to tokens: first the one that stands in the prompt, then the likeliest.
    """
    tokens = []
    for entry in entries:
        found = read_tokens(entry.values() if isinstance(entry, dict) else (), name="decoded_token")
        if found:
            likely = sorted(found, key=lambda alternative: -alternative[1])[:top]
            tokens.append(TokenOdds(*found[0], tuple(likely)))
    return tokens


def _find_end(tokens: Sequence[TokenOdds], text: str) -> tuple[TokenOdds, ...]:
    """Return the last tokens that make up a text; one that begins before it belongs to it.

    Some templates cut white space at the end of a message, some do not.

    >>> tokens = [TokenOdds(token, -1.0) for token in (":", " Par", "is", " ")]
    >>> [[token.token for token in _find_end(tokens[:size], "Paris ")] for size in (3, 4)]
    [[' Par', 'is'], [' Par', 'is', ' ']]
    """
    is_whole = "".join(token.token for token in tokens).endswith(text)
    missing, start = len(text if is_whole else text.rstrip()), len(tokens)
    while missing > 0 and start > 0:
        start -= 1
        missing -= len(tokens[start].token)
    return tuple(tokens[start:])
