"""Let a small model write, and a large one check it token by token, as strictly as is wished.

Speculative decoding makes a large model faster and changes nothing: a small one drafts, the large one takes over where
it would have written something else. But often what the small model writes is as good. A speculative cascade leaves a
token to the small model where a rule says so, and so trades quality for calls of the large model, token by token.

Procedure:
1. The small model writes the next `block` tokens, with the odds of each.
2. The large model weighs them, all at once: its own odds at each place.
3. Go through them. By `rule` and its lenience `alpha`, a token stands, or the large model's takes its place and the
   rest of the block is dropped (q and p are the odds of the small and of the large model):
   `v3`: it stands if its p is at least 1 - alpha of the greatest p. `v2`: … if its p is at least the greatest less
   alpha. `v1`: … if its q is. `chow`: all stands where the greatest q is at least 1 - alpha. `diff`: … at least the
   greatest p less alpha. `opt`: … less alpha times the distance of the two. `lossy`: it stands with probability
   p / ((1 - alpha) q), as in lossy speculative decoding.
4. Where the small model ends its text, drafts only white space, or divides the text into other tokens than the large
   one, the large one writes the next token. The text ends when the large model ends it, or after `most_tokens`.

Cost: 2 calls for each block, and 1 for each time that the large model writes. Depth: as many calls. Over HTTP this
saves no time: what counts is how many tokens the large model left to the small one, told while it goes.
Differs from the paper: the odds are the twenty likeliest of each model, so tests on the large model's own odds are
exact and sums over the small one's are not. No token is drawn from the large model behind a block that stands whole. At
temperature 0, the default, nothing is left to chance: the two must share a tokenizer, their texts are compared.
Reported: 1.85 to 2.6 times lower latency at the large model's quality, from a digest; weaker on Gemma than on T5.
Source: Narasimhan et al. 2024, arXiv:2405.19261.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field

from workers.core.answers import extract_answer
from workers.core.lane import LiveLane
from workers.core.prompts import fill
from workers.core.strategy import Example, StrategyParams, strategy
from workers.core.values import Answer, Measure, Problem, Reply
from workers.strategies._deferring import Rule, read_odds, rule_on
from workers.strategies._prompts import DRAFT

_MARK = re.compile(r"\s*<[|/]?\w+\|?>\s*")
"""What looks like the token that ends a text, e.g. `</s>`: only the model itself can tell."""


class Params(StrategyParams):
    """How much is drafted at once, and how much of it may stand."""

    rule: Rule = Field("v3", title="Rule", description="Which drafted tokens stand.")
    alpha: float = Field(
        0.3,
        ge=-4,
        le=4,
        title="Lenience",
        description="More leaves more to the small model; from 0 to 1 for most rules.",
    )
    block: int = Field(8, ge=1, le=64, title="Block", description="Tokens that the small model drafts at once.")
    most_tokens: int = Field(256, ge=8, le=4096, title="Most tokens", description="Tokens after which the text ends.")
    temperature: float = Field(
        0, ge=0, le=2, title="Temperature", description="Of both models; 0 leaves nothing to chance."
    )


EXAMPLE = Example(
    question="What is 17 times 24?",
    params={"most_tokens": 18},
    replies={
        "block": ("17 times 20 is 340, and 17 times", " is 68: together \\boxed{408}."),
        "check": ("", ""),
        "write": (" 4", ""),
    },
    answer="408",
    calls=6,
    depth=6,
)


class Step(NamedTuple):
    """What one block adds."""

    text: str
    tokens: int
    drafted: int
    accepted: int
    is_large_next: bool
    """True when the large model must write the next token itself."""


def describe(params: Params) -> str:
    """Return the parameters in a few words."""
    words = [f"{params.rule}, lenience {params.alpha:g}", f"blocks of {params.block}", f"{params.most_tokens:,} tokens"]
    words += [f"temperature {params.temperature:g}"] * (params.temperature > 0)
    return " · ".join(words)


@strategy(
    title="Speculative Cascade",
    short="SpecCas",
    family="single",
    source="arXiv:2405.19261",
    params=Params,
    example=EXAMPLE,
    describe=describe,
    needs=frozenset({"logprobs", "prompt_logprobs", "continuing"}),
    models={"small": "Drafts the tokens.", "large": "Checks them, and writes those that do not stand."},
    deeper=lambda size: {"most_tokens": 32 * size},
)
async def speculative_cascade(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft a block, check it, go on from what stands."""
    prompt, text, last, has_ended = fill(DRAFT, question=problem.question), "", list[Reply](), False
    written = drafted = accepted = asked = 0
    async with lane.round("Cascade"):
        while written < params.most_tokens and not has_ended:
            size = min(params.block, params.most_tokens - written)
            step, last = await _write_block(lane, prompt, text, size, params, last)
            text += step.text
            drafted, accepted, asked = drafted + step.drafted, accepted + step.accepted, asked + bool(step.drafted)
            written += step.tokens
            if step.is_large_next:
                reply = await lane.ask(
                    prompt, role="write", model="large", begun=text, max_tokens=1, temperature=params.temperature,
                    top_p=1, after=last,
                )  # fmt: skip
                text, last, asked = text + reply.text, [reply], asked + 1
                has_ended = not reply.text and not reply.is_truncated  # half a character is no text, and no end
                written += not has_ended
            lane.chart("Drafted tokens that stand, in percent", 100 * accepted / max(1, drafted), seen=written)
            note = f"{accepted} of {drafted} drafted tokens stand"
            lane.offer(Answer(text=text, answer=extract_answer(text), note=note))
    lane.note(f"{note}. The large model was asked {asked} times for {written} tokens.")
    return Answer(text=text.strip(), answer=extract_answer(text), note=note)


async def _write_block(  # noqa: PLR0913  # the state of the text
    lane: LiveLane, prompt: str, text: str, size: int, params: Params, last: list[Reply]
) -> tuple[Step, list[Reply]]:
    """Draft the next tokens and check them; return what they add, and the last call."""
    measure = Measure(keep=size)
    block = await lane.ask(
        prompt, role="block", model="small", begun=text, max_tokens=size, temperature=params.temperature,
        top_p=1, measure=measure, after=last,
    )  # fmt: skip
    if not block.text.strip():  # templates cut white space off, and then there is nothing to weigh
        return Step("", 0, 0, 0, is_large_next=True), [block]
    check = await lane.ask(
        prompt, role="check", model="large", begun=text, scored=block.text, measure=measure, after=block
    )
    return _judge(lane, block, check, params), [check]


def _judge(lane: LiveLane, block: Reply, check: Reply, params: Params) -> Step:
    """Return the tokens of a block that stand, and the one that takes the next one's place."""
    pairs = list(zip(block.measured.kept, check.measured.kept, strict=False))
    stands, size = "", len(pairs)
    for place, (small, large) in enumerate(pairs):
        if small.token != large.token or not block.text.startswith(stands + small.token):
            return Step(stands, place, size, place, is_large_next=True)
        q, p = read_odds(small, params.temperature), read_odds(large, params.temperature)
        accepted, instead = rule_on(params.rule, params.alpha, q, p)
        if instead and lane.random.random() >= accepted[small.token]:
            token = _draw(lane, instead)
            if _MARK.fullmatch(token):
                return Step(stands, place, size, place, is_large_next=True)
            return Step(stands + token, place + 1, size, place, is_large_next=False)
        stands += small.token
    return Step(stands, size, size, size, is_large_next=stands != block.text or not block.is_truncated)


def _draw(lane: LiveLane, spread: Mapping[str, float]) -> str:
    """Draw a token as likely as it is."""
    left = lane.random.random()
    for token, share in spread.items():
        left -= share
        if left < 0:
            return token
    return token
