"""From what a strategy wishes to the request that a model is sent."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypedDict

from workers.core.ledger import GivenUp
from workers.core.model import Message, Request
from workers.core.values import Effort, Measure, Reply, Sampling, Writing

After = Reply | Sequence[Reply] | None


class Wishes(TypedDict, total=False):
    """What a call may ask for besides its prompt."""

    after: After
    """The calls that this one waited for."""
    max_tokens: int | None
    """Fewer than the recipe's."""
    temperature: float | None
    """Instead of the recipe's."""
    top_p: float | None
    """Instead of the recipe's."""
    stop: Sequence[str]
    """Strings that end the text; the one that fired is the reply's `stopped_by`, if the server says so."""
    begun: str
    """The answer as far as it is written: the model goes on from its end. Needs `continuing`."""
    scored: str
    """Write nothing: say how likely this text is after the prompt and `begun`. Needs `prompt_logprobs`."""
    compared: Sequence[str]
    """Write nothing: say how near each of these texts is to the prompt, in `similarities`. Needs `embeddings`."""
    measure: Measure | None
    """Reduce the text's log-probabilities to the reply's `odds`. Needs `logprobs`."""
    until: Callable[[Writing], bool]
    """Asked after each piece; once it says yes, the call ends and the reply is pruned."""
    branch: str
    """A concurrent part of the lane with counters of its own, e.g. `child-2`, so that keys stay the same.

    Named by a call's key, it goes on from that call, and is shown where that one is.
    """
    model: str
    """The part that answers, of those that the strategy declares; the recipe may give it a model of its own."""
    effort: Effort | None
    """How hard a reasoning model is wished to think. Needs `reasoning_effort`."""
    thinking_tokens: int | None
    """Most tokens of thinking. Needs `thinking_budget`."""


class LaneSettings(NamedTuple):
    """What a lane is given besides its model."""

    lane: int
    model_name: str
    sampling: Sampling
    seed: int
    budget_tokens: int | None = None
    """Most tokens (prompt and completion, all calls) the lane may use."""
    given_up: Mapping[str, GivenUp] = {}
    """By call: the attempts of workers before."""
    models: Mapping[str, str] = {}
    """By part of the strategy: the model that plays it, where it is not `model_name`."""
    corpus: str | None = None
    """The text of the corpus that the params name; None where they name none, or one that was deleted."""
    is_estimate: bool = False
    """Nothing that is read or written is real: where it decides what a lane costs, take what costs most."""
    settle: bool = False
    """Where no answer or verdict can be read, ask once more for that alone; needs `continuing`."""
    most_calls: int | None = None
    """Of a play without a model server: the calls that may be asked for."""


def write_request(  # noqa: PLR0913  # keywords
    settings: LaneSettings, prompt: str | Sequence[Message], *, key: str, role: str, model: str, wishes: Wishes
) -> Request:
    """Return the request: the recipe's sampling, where nothing else is wished; never more tokens than the recipe's."""
    sampling, measure, begun = settings.sampling, find_measure(wishes), wishes.get("begun", "")
    temperature, top_p, most = wishes.get("temperature"), wishes.get("top_p"), wishes.get("max_tokens")
    if isinstance(prompt, str):
        prompt = (Message("user", prompt),) if prompt else ()
    return Request(
        key=key,
        role=role,
        messages=(*prompt, Message("assistant", begun)) if begun else tuple(prompt),
        model=model,
        temperature=sampling.temperature if temperature is None else temperature,
        top_p=sampling.top_p if top_p is None else top_p,
        max_tokens=min(most or sampling.max_tokens, sampling.max_tokens),
        seed=derive_seed(settings.seed, key),
        stop=tuple(wishes.get("stop", ())),
        continues=bool(begun),
        scored=wishes.get("scored", ""),
        compared=tuple(wishes.get("compared", ())),
        top_logprobs=measure.top if measure else None,
        effort=wishes.get("effort"),
        thinking_tokens=wishes.get("thinking_tokens"),
    )


def find_measure(wishes: Wishes) -> Measure | None:
    """Return what is to be measured; a text that is scored is always measured."""
    return wishes.get("measure") or (Measure(top=0) if wishes.get("scored") else None)


def derive_seed(seed: int, key: str) -> int:
    """Return the seed of one call, from the lane's seed and the call's key; fits in 31 bits."""
    digest = hashlib.sha256(f"{seed}/{key}".encode()).digest()
    return int.from_bytes(digest[:4]) & 0x7FFF_FFFF
