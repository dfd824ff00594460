"""Fill prompt templates, strictly."""

from collections.abc import Sequence
from string import Template

from workers.core.errors import StrategyError


def fill(template: str, **values: object) -> str:
    """Return the template with every `$name` replaced.

    Templates use `$` because prompts are full of LaTeX braces; a literal dollar sign is written `$$`.
    Values are inserted as they are: a dollar sign in model text is never read as a name.
    Raises StrategyError when a name is left over or a value is not used.
    """
    prompt = Template(template)
    names = set(prompt.get_identifiers())
    if missing := sorted(names - values.keys()):
        raise StrategyError(f"A prompt leaves ${missing[0]} unfilled.")
    if unused := sorted(values.keys() - names):
        raise StrategyError(f"A prompt has no place for ${unused[0]}.")
    return prompt.substitute({name: str(value) for name, value in values.items()})


def number_texts(title: str, texts: Sequence[str]) -> str:
    """Return the texts one below the other, each under a heading like `### Solution 2`."""
    return "\n\n".join(f"### {title} {number}\n{text}" for number, text in enumerate(texts, 1))
