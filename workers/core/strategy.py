"""What a strategy is: one coroutine, its parameters, and a worked example."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from workers.core.capabilities import Feature
from workers.core.lane import LiveLane
from workers.core.values import Answer, Problem

Family = Literal["single", "vote", "refine", "search", "verify", "threads"]
FAMILIES: dict[Family, str] = {
    "single": "One call",
    "vote": "Vote",
    "refine": "Refine",
    "search": "Search",
    "verify": "Verify",
    "threads": "Threads",
}


class StrategyParams(BaseModel):
    """A strategy's own settings. Every field has a default, limits, and a `title` and `description` for the form."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(NamedTuple):
    """A strategy played by hand: what the model says at each role, and what must come out."""

    question: str
    params: Mapping[str, Any]
    replies: Mapping[str, tuple[str, ...]]
    """Role to replies, in order of call."""
    answer: str | None
    """The extracted answer that the strategy gives."""
    calls: int
    depth: int
    """Calls in the longest chain."""
    logprobs: Mapping[str, tuple[float, ...]] = {}
    """Role to the log-probability of each token of a reply, in order of call, where that matters."""


Solve = Callable[[Problem, LiveLane, Any], Awaitable[Answer]]
Needs = Callable[[Any], frozenset[Feature]]
Sizes = Callable[[int], Mapping[str, Any]]
"""Size 1, 2, 3 … to the parameters that make a lane so large; it ends at the first that the params refuse."""


def grow(name: str) -> Sizes:
    """Return the sizes that count one parameter up from 2: with a single one most strategies are the direct one."""
    return lambda size: {name: size + 1}


class Strategy(NamedTuple):
    """Everything the product knows of a strategy; all of it stands in the strategy's one file."""

    slug: str
    """The file's name."""
    title: str
    short: str
    """A name for tabs and charts, at most 8 letters."""
    family: Family
    source: str
    params: type[StrategyParams]
    example: Example
    describe: Callable[[Any], str]
    """Parameters in a few words, e.g. `widths 8, 4, 1 · workspace 1,024`."""
    solve: Solve
    documentation: str
    """The module's docstring: idea, procedure, cost, differences from the paper, source."""
    prompts: Mapping[str, str]
    """Name to template: the module's upper-case strings."""
    find_needs: Needs
    """Parameters to what the backend must offer for them beyond chat, e.g. `logprobs`."""
    models: Mapping[str, str] = {}
    """The parts that may have a model of their own, each with what it does in a few words."""
    embedder: str = ""
    """The part, if any, whose model only embeds texts: it alone must offer `embeddings`, and nothing else."""
    wider: Sizes | None = None
    """How the lane grows by calls beside each other, to be fitted to a budget."""
    deeper: Sizes | None = None
    """How the lane grows by calls one after the other."""

    @property
    def needs(self) -> frozenset[Feature]:
        """Return what the backend must offer for the default parameters."""
        return self.find_needs(self.params())

    def list_writers(self, model: str, models: Mapping[str, str]) -> list[str]:
        """Return the models of a recipe that write texts, the lane's first; `models` are those of parts."""
        return list(dict.fromkeys([model, *(name for part, name in models.items() if part != self.embedder)]))

    def share_needs(self, params: Any, model: str, models: Mapping[str, str]) -> dict[str, frozenset[Feature]]:
        """Return each model of a recipe with what it must offer."""
        needs, embeds = self.find_needs(params), frozenset[Feature]({"embeddings"})
        shares = dict.fromkeys(self.list_writers(model, models), needs - embeds)
        if embeds <= needs:
            embedder = models.get(self.embedder, model)
            shares[embedder] = shares.get(embedder, frozenset()) | embeds
        return shares

    @property
    def summary(self) -> str:
        """Return the first paragraph of the documentation."""
        return " ".join(self.documentation.strip().split("\n\n", 1)[0].split())


def strategy(  # noqa: PLR0913  # one for each field of the record
    *,
    title: str,
    short: str,
    family: Family,
    source: str,
    params: type[StrategyParams],
    example: Example,
    describe: Callable[[Any], str],
    needs: frozenset[Feature] | Needs = frozenset(),
    models: Mapping[str, str] = MappingProxyType({}),
    embedder: str = "",
    wider: Sizes | None = None,
    deeper: Sizes | None = None,
) -> Callable[[Solve], Strategy]:
    """Turn a coroutine `(problem, lane, params) -> Answer` into a `Strategy`.

    `needs` is a function of the parameters where some need what others do not.
    Registers nothing: `catalog()` finds the records by walking the package.
    """

    def wrap(solve: Solve) -> Strategy:
        names = solve.__globals__
        return Strategy(
            slug=solve.__module__.rsplit(".", 1)[-1],
            title=title,
            short=short,
            family=family,
            source=source,
            params=params,
            example=example,
            describe=describe,
            solve=solve,
            documentation=names["__doc__"] or "",
            prompts={name: text for name, text in names.items() if name.isupper() and isinstance(text, str)},
            find_needs=needs if callable(needs) else lambda params: needs,
            models=models,
            embedder=embedder,
            wider=wider,
            deeper=deeper,
        )

    return wrap
