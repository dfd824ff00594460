"""A small model's tokens stand where the rule leaves them to it, and the large model writes the rest."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from math import log
from typing import Any

import pytest

from tests.workers.strategies.playing import Played, Stage, play
from workers.backends.scripted import ScriptedModel
from workers.core.events import NoteTaken, StatisticTaken
from workers.core.model import Chunk, Request
from workers.core.values import TokenOdds, Usage
from workers.strategies import catalog

SPECCAS = catalog()["speculative_cascade"]
END = "</s>"
Table = Mapping[str, Mapping[str, float]]
"""The word before to the probabilities of the next; the first word comes after an empty one."""

SMALL: Table = {
    "": {"the": 0.9, "a": 0.1}, "the": {"cat": 0.6, "dog": 0.4}, "cat": {"ran": 0.7, "sat": 0.3},
    "dog": {"sat": 0.8, "ran": 0.2}, "ran": {"home": 0.9, END: 0.1}, "sat": {END: 0.9, "down": 0.1},
    "home": {END: 1.0}, "down": {END: 1.0}, "a": {"dog": 1.0}, "and": {"sat": 1.0},
}  # fmt: skip
LARGE: Table = {
    "": {"the": 0.8, "a": 0.2}, "the": {"dog": 0.55, "cat": 0.45}, "cat": {"sat": 0.9, "ran": 0.1},
    "dog": {"ran": 0.6, "sat": 0.4}, "ran": {"home": 0.5, "and": 0.5}, "sat": {"down": 0.8, END: 0.2},
    "home": {"and": 0.7, END: 0.3}, "down": {END: 1.0}, "a": {"cat": 1.0}, "and": {"sat": 1.0},
}  # fmt: skip


class Chains:
    """Two models that know the next word by the last one; each word is a token, and they always take the likeliest."""

    small, large = SMALL, LARGE

    def __init__(self, scripted: ScriptedModel) -> None:
        self._asked = scripted.asked

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        self._asked.append(request)
        table = self.small if request.model == "small" else self.large
        begun = request.messages[-1].content.split() if request.continues else []
        words, is_done = self._write(table, begun, request)
        before = [*begun, *words]
        odds = tuple(
            self._weigh(table, before[place - 1] if place else "", before[place])
            for place in range(len(begun), len(before))
        )
        text = "" if request.scored else "".join(token.token for token in odds)
        reason: Any = "stop" if is_done or request.scored else "length"
        yield Chunk(text, tokens=len(words), finish_reason=reason, usage=Usage(completion_tokens=len(words)), odds=odds)

    def _write(self, table: Table, begun: Sequence[str], request: Request) -> tuple[list[str], bool]:
        if request.scored:
            return request.scored.split(), True
        words, last = list[str](), begun[-1] if begun else ""
        while len(words) < request.max_tokens:
            last = max(table[last], key=table[last].__getitem__)
            if last == END:
                return words, True
            words.append(last)
        return words, False

    def _weigh(self, table: Table, before: str, word: str) -> TokenOdds:
        odds = weigh(table, before, word)
        return odds._replace(top=tuple((self.show(token), logprob) for token, logprob in odds.top))

    def show(self, token: str) -> str:
        return token

    async def count_tokens(self, text: str) -> int:
        return len(text.split())


def weigh(table: Table, before: str, word: str) -> TokenOdds:
    space = " " if before else ""
    top = sorted(((space + next_word, log(share)) for next_word, share in table[before].items()), key=lambda t: -t[1])
    return TokenOdds(space + word, log(table[before].get(word, 1e-9)), tuple(top))


def write_alone(table: Table) -> str:
    words = [""]
    while (word := max(table[words[-1]], key=table[words[-1]].__getitem__)) != END:
        words.append(word)
    return " ".join(words[1:])


async def cascade(wrap: Any = Chains, **params: Any) -> Played:
    stage = Stage(SPECCAS, {"block": 3, **params}, wrap=wrap)
    stage.lane.settings = stage.lane.settings._replace(models={"small": "small", "large": "large"})
    played = await stage.play()
    assert played.error is None
    return played


def text_of(played: Played) -> str:
    assert played.answer is not None
    return played.answer.text


def roles_of(played: Played) -> list[str]:
    return [request.role for request in played.model.asked]


# --- the ends of the lenience -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", range(1, 9))
async def test_without_lenience_the_text_is_the_large_models(block: int):
    assert text_of(await cascade(alpha=0, block=block)) == write_alone(LARGE) == "the dog ran home and sat down"


@pytest.mark.parametrize("rule", ["v1", "v2", "v3", "chow", "diff", "lossy"])
async def test_with_all_lenience_the_small_model_writes_and_the_large_one_ends(rule: str):
    text = text_of(await cascade(rule=rule, alpha=1))

    assert write_alone(SMALL) == "the cat ran home"
    assert text == "the cat ran home and sat down"  # where the small one ended, the large one went on


async def test_between_the_two_a_token_stands_if_it_is_likely_enough():
    played = await cascade(alpha=0.3)  # cat: .45 of .55, stands; ran: .1 of .9, does not

    assert text_of(played) == "the cat sat down"
    assert played.answer is not None
    assert played.answer.note == "2 of 3 drafted tokens stand"


async def test_both_models_draw_from_all_that_the_rules_weigh():
    played = await cascade(alpha=0.3, temperature=1)

    assert {request.top_p for request in played.model.asked if not request.scored} == {1}


# --- calls ------------------------------------------------------------------------------------------------------------


async def test_each_block_is_drafted_checked_and_gone_on_from():
    played = await cascade(alpha=0.3)

    assert roles_of(played) == ["block", "check", "block", "write", "block", "write"]
    assert [request.model for request in played.model.asked] == ["small", "large", "small", "large", "small", "large"]
    begun = [request.messages[-1].content for request in played.model.asked if request.continues]
    assert begun == ["the cat sat", "the cat sat", "the cat sat down", "the cat sat down"]
    assert played.model.asked[1].scored == "the cat ran"
    ledger = played.lane.ledger()
    assert ledger.calls == ledger.depth == 6


async def test_the_share_that_stands_is_told_while_it_goes():
    played = await cascade(alpha=1, block=2)

    taken = played.all_of(StatisticTaken)
    assert [(value.value, value.seen) for value in taken] == [
        (100, 2), (100, 4), (100, 5), (100, 7), (100, 7),
    ]  # fmt: skip
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "5 of 5 drafted tokens stand. The large model was asked 6 times for 7 tokens."
    ]


@pytest.mark.parametrize("most", range(8, 12))
async def test_the_text_ends_at_its_limit(most: int):
    replies = {
        "block": [" ".join(f"w{number}x{place}" for place in range(20)) for number in range(9)],
        "check": [""] * 9, "write": [" more"] * 9,
    }  # fmt: skip
    played = await play(SPECCAS, {"most_tokens": most, "block": 3}, replies=replies)

    assert len(text_of(played).replace("w", " w").split()) == most
    assert [request.max_tokens for request in played.model.asked if request.role == "block"][-1] == (most % 3 or 3)


async def test_after_so_many_blocks_the_large_model_writes_the_rest():
    played = await cascade(alpha=0, block=1, blocks=2, most_tokens=8)

    assert roles_of(played) == ["block", "check"] * 2 + ["write"]
    assert (played.model.asked[-1].max_tokens, played.model.asked[-1].model) == (6, "large")
    assert text_of(played) == write_alone(LARGE)
    assert [note.text for note in played.all_of(NoteTaken)] == [
        "After 2 blocks the large model wrote the rest alone.",
        "1 of 2 drafted tokens stand. The large model was asked 3 times for 7 tokens.",
    ]


@pytest.mark.parametrize("shown", ["", END, " <|im_end|>"])
async def test_an_end_that_takes_a_tokens_place_ends_the_text(shown: str):
    """The large model ends after `the`, where the small one goes on; servers show that token in their own ways."""
    ends: Table = {**LARGE, "the": {END: 0.9, "cat": 0.1}}

    class Ends(Chains):
        large = ends

        def show(self, token: str) -> str:
            return shown if token.strip() == END else token

    played = await cascade(wrap=Ends)

    assert text_of(played) == "the"
    assert roles_of(played) == ["block", "check", "write"]


async def test_texts_that_are_divided_otherwise_are_left_to_the_large_model():
    class Other(ScriptedModel):
        def _weigh(self, request: Request, words: Sequence[str]) -> tuple[TokenOdds, ...]:
            odds = super()._weigh(request, words)
            return (TokenOdds("o", -0.1), TokenOdds("ne", -0.1), *odds[1:]) if request.scored else odds

    stage = Stage(SPECCAS, {"most_tokens": 8, "block": 2})
    stage.model = Other({"block": [" one two three"] * 9, "check": [""] * 9, "write": [" word"] * 9})
    stage.lane._model = stage.model
    played = await stage.play()

    assert text_of(played) == " ".join(["word"] * 8)
    assert roles_of(played) == ["block", "check", "write"] * 8


async def test_a_temperature_is_both_models():
    stage = Stage(SPECCAS, {"most_tokens": 8, "temperature": 0.7}, wrap=Chains)
    played = await stage.play()

    assert {request.temperature for request in played.model.asked if not request.scored} == {0.7}
    assert played.answer is not None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "v3, lenience 0.3 · blocks of 8 · 256 tokens"),
        ({"rule": "opt", "alpha": -1, "temperature": 1}, "opt, lenience -1 · blocks of 8 · 256 tokens · temperature 1"),
    ],
)
def test_the_description_names_the_rule(params: dict[str, Any], words: str):
    assert SPECCAS.describe(SPECCAS.params(**params)) == words


class HoldsBack(Chains):
    """Holds back the first token that the large model writes, as servers do with half a character."""

    async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().stream(request):
            yield chunk._replace(text="") if request.key == "write-1" else chunk


async def test_half_a_character_is_no_end():
    played = await cascade(alpha=0, wrap=HoldsBack)

    assert text_of(played) == write_alone(LARGE)
    written = [request.max_tokens for request in played.model.asked if request.role == "write"]
    assert written[:2] == [1, 4]  # a character that several tokens make


async def test_a_model_that_writes_nothing_to_be_seen_ends_the_text():
    class Silent(Chains):
        async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
            async for chunk in super().stream(request):
                yield chunk._replace(text="") if request.role == "write" else chunk

    assert roles_of(await cascade(alpha=1, wrap=Silent))[-2:] == ["write"] * 2


@pytest.mark.parametrize("alpha", [0.0, 0.3])
async def test_tied_tokens_are_weighed_as_the_one_that_was_drafted(alpha: float):
    """A server that draws the second of two tied tokens at temperature 0 has drafted it for certain."""
    tied = TokenOdds(" b", log(0.5), ((" a", log(0.5)), (" b", log(0.5))))
    unlikely = TokenOdds(" b", log(0.05), ((" c", log(0.9)), (" b", log(0.05))))

    class Tied(ScriptedModel):
        async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
            self.asked.append(request)
            odds = (unlikely,) if request.scored else (tied,)
            yield Chunk("" if request.scored else " b", tokens=1, finish_reason="length", odds=odds)

    stage = Stage(SPECCAS, {"block": 1, "blocks": 1, "alpha": alpha, "most_tokens": 8})
    stage.model = stage.lane._model = Tied({})
    played = await stage.play()

    assert text_of(played).split()[0] == "c"


async def test_tokens_on_the_channel_of_thinking_are_tokens_too():
    class Parsed(Chains):
        async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
            async for chunk in super().stream(request):
                yield chunk._replace(text="", thinking=chunk.text)

    assert text_of(await cascade(alpha=0.3, wrap=Parsed)) == "the cat sat down"


async def test_a_block_of_white_space_is_left_to_the_large_model():
    class Blank(ScriptedModel):
        async def stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
            self.asked.append(request)
            text = "\n\n" if request.role == "block" else " word"
            odds = (TokenOdds("\n\n", -0.1),) if request.role == "block" else ()
            yield Chunk(text, tokens=1, finish_reason="length", usage=Usage(completion_tokens=1), odds=odds)

    stage = Stage(SPECCAS, {"most_tokens": 8})
    stage.model = Blank({})
    stage.lane._model = stage.model
    played = await stage.play()

    assert text_of(played) == " ".join(["word"] * 8)
    assert roles_of(played) == ["block", "write"] * 8
