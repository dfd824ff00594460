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
   one, the large one writes the next token. The text ends when the large model ends it, or after `most_tokens`. After
   `blocks` blocks the large model writes the rest alone, in one call.

Cost: at most 3 * blocks + 1 calls, and 1 for each token that is half a character: 2 calls for a block, and 1 where the
large model writes a token. Depth: as many calls. Over HTTP this saves no time: what counts is how many tokens the large
model left to the small one, told while it goes.
Differs from the paper: the odds are the twenty likeliest of each model, so tests on the large model's own odds are
exact and sums over the small one's are not. The number of blocks is limited. No token is drawn from the large model
behind a block that stands whole. At temperature 0, the default, nothing is left to chance: the two must share a
tokenizer, their texts are compared.
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
from workers.strategies._deferring import Rule, read_draft, read_odds, rule_on
from workers.strategies._prompts import DRAFT

LONGEST_CHARACTER = 4
"""In tokens, where each is a byte."""
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
    blocks: int = Field(
        32, ge=1, le=64, title="Blocks", description="Blocks at most; then the large model writes the rest alone."
    )
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


class Text(NamedTuple):
    """How far the text is, and who wrote it."""

    said: str = ""
    tokens: int = 0
    drafted: int = 0
    accepted: int = 0
    asked: int = 0
    """Calls of the large model."""
    last: tuple[Reply, ...] = ()
    """The call that the next one waits for."""
    is_large_next: bool = False
    """True when the large model must write the next token itself."""

    @property
    def answer(self) -> Answer:
        """Return the text as far as it goes."""
        note = f"{self.accepted} of {self.drafted} drafted tokens stand"
        return Answer(text=self.said.strip(), answer=extract_answer(self.said), note=note)


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
    deeper=lambda size: {"most_tokens": 32 * size, "blocks": 4 * size},
)
async def speculative_cascade(problem: Problem, lane: LiveLane, params: Params) -> Answer:
    """Draft a block, check it, go on from what stands."""
    prompt, text, has_ended = fill(DRAFT, question=problem.question), Text(), False
    async with lane.round("Cascade"):
        for _ in range(params.blocks):
            text = await _write_block(lane, prompt, text, params)
            if text.is_large_next:
                text, has_ended = await _write_token(lane, prompt, text, params)
            percent = 100 * text.accepted / max(1, text.drafted)
            lane.chart("Drafted tokens that stand, in percent", percent, seen=text.tokens)
            lane.offer(text.answer)
            if has_ended or text.tokens >= params.most_tokens:
                break
    if not has_ended and text.tokens < params.most_tokens:
        async with lane.round("Rest"):
            text, _ = await _write(lane, prompt, text, params, params.most_tokens - text.tokens)
        lane.note(f"After {params.blocks} blocks the large model wrote the rest alone.")
    lane.note(f"{text.answer.note}. The large model was asked {text.asked} times for {text.tokens} tokens.")
    return text.answer


async def _write_block(lane: LiveLane, prompt: str, text: Text, params: Params) -> Text:
    """Draft the next tokens, check them, and add those that stand."""
    size = min(params.block, params.most_tokens - text.tokens)
    measure = Measure(keep=size)
    block = await lane.ask(
        prompt, role="block", model="small", begun=text.said, max_tokens=size, temperature=params.temperature,
        top_p=1, measure=measure, after=text.last,
    )  # fmt: skip
    if not block.continued.strip():  # templates cut white space off, and then there is nothing to weigh
        return text._replace(last=(block,), is_large_next=True)
    check = await lane.ask(
        prompt, role="check", model="large", begun=text.said, scored=block.continued, measure=measure, after=block
    )
    return _judge(lane, block, check, params, text._replace(last=(check,), asked=text.asked + 1))


def _judge(lane: LiveLane, block: Reply, check: Reply, params: Params, text: Text) -> Text:
    """Add the tokens of a block that stand, and the one that takes the next one's place."""
    pairs, stands = list(zip(block.measured.kept, check.measured.kept, strict=False)), ""

    def add(accepted: int, instead: str = "", *, is_large_next: bool) -> Text:
        return text._replace(
            said=text.said + stands + instead, tokens=text.tokens + accepted + bool(instead),
            drafted=text.drafted + len(pairs), accepted=text.accepted + accepted, is_large_next=is_large_next,
        )  # fmt: skip

    for place, (small, large) in enumerate(pairs):
        if small.token != large.token or not block.continued.startswith(stands + small.token):
            return add(place, is_large_next=True)
        q, p = read_draft(small, params.temperature), read_odds(large, params.temperature)
        accepted, instead = rule_on(params.rule, params.alpha, q, p)
        if instead and lane.random.random() >= accepted[small.token]:
            token = _draw(lane, instead)
            is_end = not token or _MARK.fullmatch(token) is not None
            return add(place, "" if is_end else token, is_large_next=is_end)
        stands += small.token
    return add(len(pairs), is_large_next=stands != block.continued or not block.is_truncated)


async def _write_token(lane: LiveLane, prompt: str, text: Text, params: Params) -> tuple[Text, bool]:
    """Let the large model write the next token, or the character that it begins; say whether it ends the text."""
    text, reply = await _write(lane, prompt, text, params, 1)
    if not reply.continued and reply.is_truncated:  # half a character is no text, and no end
        text, reply = await _write(lane, prompt, text, params, LONGEST_CHARACTER)
    return text, not reply.continued


async def _write(lane: LiveLane, prompt: str, text: Text, params: Params, most: int) -> tuple[Text, Reply]:
    """Let the large model go on alone."""
    reply = await lane.ask(
        prompt, role="write", model="large", begun=text.said, max_tokens=most, temperature=params.temperature,
        top_p=1, after=text.last,
    )  # fmt: skip
    said, tokens = text.said + reply.continued, text.tokens + reply.usage.completion_tokens * bool(reply.continued)
    return text._replace(said=said, tokens=tokens, asked=text.asked + 1, last=(reply,), is_large_next=False), reply


def _draw(lane: LiveLane, spread: Mapping[str, float]) -> str:
    """Draw a token as likely as it is."""
    left = lane.random.random()
    for token, share in spread.items():
        left -= share
        if left < 0:
            return token
    return token
