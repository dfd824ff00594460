"""How well the simulated reasoner does what it does, and the words it says."""

from collections.abc import Sequence
from typing import NamedTuple

ANSWERS = ("42", "17", "23", "57", "91")
"""The right answer, then wrong ones."""
ACCEPTED, REJECTED = 9, 2
"""Scores from 0 to 10 that a judge gives."""
STEPS = 3
"""Paragraphs of a solution; one of them, anywhere, is faulty in a wrong one."""
SOUND, FAULTY = "It follows.", "It seems."
NO_ERROR = "No error found."
HELPFUL, USELESS = "A harbor lies there.", "Few deserts are wet."
"""Texts; who has read the former makes half as many mistakes."""
SURE, UNSURE = 6.0, 4.0
"""Confidence of the words of a draft, in nats, but for noise."""
VERDICT = 0.9
"""The probability of the digit that a judge writes, 0 or 1."""
STRETCHES, STRETCH = 10, 8
"""A draft whose words are measured has so many stretches of so many words; all words of one are as sure."""
TRACE, BEGUN = 12_500, 500
"""Tokens of a trace that is begun and gone on from, and those of its beginning."""
A_WAY = "A way to"
"""How it begins."""
TURNING_POINT = 0.8
"""The temperature at which drafts are best; at others they are as without steps."""
ENTROPY_LOGITS = {0.2: 1.113, 0.4: 1.894, 0.6: 2.539, 0.8: 3.093, 1.0: 2.934, 1.2: 0.461}
"""By temperature, what two alternatives are apart: their entropies are 0.025, 0.05, 0.075, 0.1, 0.2 and 0.675."""


class Skill(NamedTuple):
    """How well the reasoner does what is not drafting; all but `leaning` and `noise` are probabilities."""

    keep: float = 0.9
    """A right solution is rewritten into a right one."""
    mend: float = 0.3
    """A wrong solution is rewritten into a right one; otherwise it keeps its answer."""
    accept: float = 0.8
    """A judge calls right what is right."""
    fooled: float = 0.3
    """A judge calls right what is wrong."""
    prefer: float = 0.75
    """A judge of several prefers a right one to a wrong one."""
    leaning: float = 3
    """Who reads several solutions follows a right one so many times as readily as a wrong one."""
    step: float = 0.6
    """A next step is sound, after steps that are."""
    alike: float = 0.95
    """A judge of two beginnings is right about whether they will end alike."""
    noise: float = 0.0
    """Standard deviation of the confidence of a stretch of words, in nats."""


def strengthen(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the shares of the large model: it makes half as many mistakes of each kind."""
    wrong = [share / 2 for share in shares[1:]]
    return (1 - sum(wrong), *wrong)


def hurry(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the shares of drafts without steps: right less often, but their mistakes differ more."""
    right = 0.8 * shares[0]
    return (right, *[(1 - right) / (len(shares) - 1)] * (len(shares) - 1))


def tell_logprob(confidence: float) -> float:
    """Return how likely a word is that is written with some confidence: -0.2 where that is 6, -0.4 where it is 4."""
    return min(-0.01, (confidence - 8) / 10)
