"""What the model server answers, and what runs ask for, in tests of faults."""

from tests.model_server import Rule

SLOWLY = Rule(right="42", wrong=("41", "43"), probability=0.7, tokens_per_second=20)
"""About 40 tokens, two seconds."""
BRISKLY = Rule(right="42", wrong=("41", "43"), probability=0.7, tokens_per_second=60)


def long_text(words: int, *, per_second: float, **fields: object) -> Rule:
    """Return a rule whose answer takes `words / per_second` seconds."""
    text = " ".join(f"w{number}" for number in range(words)) + " \\boxed{42}"
    return Rule(replies=(text,), tokens_per_second=per_second, **fields)


LONG = {"max_tokens": 16_000}
"""A sampling that lets a long text come to its end."""


def direct(**sampling: object) -> dict[str, object]:
    return {"strategy": "direct", "sampling": {**LONG, **sampling}}
