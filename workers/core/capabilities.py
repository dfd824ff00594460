"""What a model server can do beyond a plain chat: found by a probe, declared as needs by strategies."""

from collections.abc import Collection, Mapping
from typing import Literal

from workers.core.values import Value

Feature = Literal[
    "streaming", "usage_while_writing", "choices", "completions", "logprobs", "prompt_logprobs", "continuing",
    "keeping_thoughts", "token_ids", "thinking", "reasoning_effort", "thinking_budget", "tokenize", "embeddings",
]  # fmt: skip
FEATURES: dict[Feature, str] = {
    "streaming": "streamed chats",
    "usage_while_writing": "token counts while it writes",
    "choices": "several texts for one request",
    "completions": "completions of raw text",
    "logprobs": "log-probabilities of what it writes",
    "prompt_logprobs": "log-probabilities of a given text",
    "continuing": "going on from a partly written answer",
    "keeping_thoughts": "keeping the thought of a begun answer",
    "token_ids": "the ids of tokens",
    "thinking": "thinking before the answer",
    "reasoning_effort": "a wished effort of thinking",
    "thinking_budget": "a limit for thinking",
    "tokenize": "counting the tokens of a text",
    "embeddings": "embeddings",
}
"""Feature to its name in a sentence: the server offers …"""


class Finding(Value):
    """What a probe found out about one feature."""

    is_there: bool | None = None
    """None: not found out, which forbids nothing."""
    detail: str = ""
    """For a person: how it is offered, or a sentence why it is not."""
    amount: int | None = None
    """Of logprobs: the most alternatives for each token."""


class Capabilities(Value):
    """What one model on one server can do."""

    model: str
    context_tokens: int | None = None
    """Longest prompt and text together, if the server says."""
    findings: Mapping[Feature, Finding] = {}
    """A feature that is missing here was not asked about."""

    def find(self, feature: Feature) -> Finding:
        """Return what is known of a feature."""
        return self.findings.get(feature, Finding())

    @property
    def is_complete(self) -> bool:
        """Say whether the server answered every question."""
        return all(self.find(feature).is_there is not None for feature in FEATURES)

    def find_unknown(self, needs: Collection[Feature]) -> set[Feature]:
        """Return the needs of which nobody found out whether the server meets them."""
        return {need for need in needs if self.find(need).is_there is None}

    def explain_lacks(self, needs: Collection[Feature]) -> list[str]:
        """Return a sentence for each need that the server is known not to meet.

        >>> why = Finding(is_there=False, detail="It ignores the wish.")
        >>> Capabilities(model="small", findings={"logprobs": why}).explain_lacks(["logprobs", "embeddings"])
        ['The model server does not offer log-probabilities of what it writes for ‘small’. It ignores the wish.']
        """
        return [
            f"The model server does not offer {FEATURES[need]} for ‘{self.model}’. {finding.detail}".strip()
            for need in sorted(needs)
            if (finding := self.find(need)).is_there is False
        ]
